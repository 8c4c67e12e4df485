"""One session's life over a real link, with a small file to watch and a scripted model."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot import job as job_module
from bot.commands.job import read
from bot.job import LinkAddress, live_job
from bot.link.client import Patience
from bot.link.messages import CallTarget, Dismissed, Heartbeat, Order, StreamTarget
from joyvl_core.errors import BadInputError, JoyVLError, StayFailedError, UnavailableError
from joyvl_core.ports import RoomState, RoomStatus
from tests.stand_ins import ScriptedModel
from tests.stand_ins.control_plane import TOKEN, ControlPlane, control_plane
from tests.videos import render_clip

SECRET = "s3cr3t-0123456789"  # noqa: S105 - a test's
QUICK = Patience(first=5.0, soonest=0.02, latest=0.1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=1.0, rate=10)


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "make_model", lambda settings, **_: ScriptedModel())


class Job:
    """A session that lives beside its control plane."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self.folder = folder
        self.leaving = asyncio.Event()
        self.task: asyncio.Task[RoomStatus] | None = None

    def start(self, number: int = 1, **options: Any) -> asyncio.Task[RoomStatus]:
        address = LinkAddress(self.plane.url, TOKEN, "s", number)
        options = {"leaving": self.leaving, "patience": QUICK, **options}
        self.task = asyncio.create_task(live_job(address, **options))
        return self.task

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "kept.db")) as connection:
            return connection.execute(query).fetchall()

    async def watching(self) -> None:
        await self.plane.until(lambda: any(event["kind"] == "tick" for event in self.plane.events), what="a tick")


def live(test: Callable[[Job], Awaitable[None]], folder: Path, target: Any, **order: Any) -> None:
    async def main() -> None:
        settings = {"database_url": f"sqlite:///{folder / 'kept.db'}", "voice": "none", **order.pop("settings", {})}
        told = Order(session="s", target=target, settings=settings, **order)
        async with asyncio.timeout(30), control_plane(told) as plane:
            job = Job(plane, folder)
            try:
                await test(job)
            finally:
                job.leaving.set()
                if job.task:
                    await asyncio.gather(job.task, return_exceptions=True)

    asyncio.run(main())


def stream(clip: Path, *, repeat: bool = True) -> StreamTarget:
    return StreamTarget(source=str(clip), label="The clip", repeat=repeat)


def test_it_lives_its_order_and_tells_how_it_ended(clip: Path, tmp_path: Path) -> None:
    async def test(job: Job) -> None:
        status = await job.start()
        assert status == RoomStatus(RoomState.LEFT, "ended")
        plane = job.plane
        await plane.until(lambda: plane.over)
        assert (plane.over.state, plane.over.reason) == ("left", "ended")
        assert (plane.begun.epoch, plane.begun.room) == (1, "The clip")
        assert any(beat.tracks == ("The clip",) for beat in plane.of(Heartbeat))
        assert [event["text"] for event in plane.events if event["kind"] == "instruction"] == ["Count the cars"]
        assert plane.statuses("room.") == ["room.joining", "room.joined", "room.left"]
        told = [event["n"] for event in plane.events if event["kind"] == "tick"]
        assert told == sorted(set(told))
        assert job.rows("SELECT ended IS NOT NULL FROM sessions") == [(1,)]
        # What was told is what is stored, in the same order.
        assert job.rows("SELECT COUNT(*) FROM events") == [(len(plane.events),)]

    live(test, tmp_path, stream(clip, repeat=False), instructions=("Count the cars",))


def test_a_file_that_repeats_goes_on_and_the_session_is_left_at_once(clip: Path, tmp_path: Path) -> None:
    async def test(job: Job) -> None:
        task = job.start()
        await job.plane.until(
            lambda: job.plane.statuses("room.joined") and job.plane.heartbeat.t > 2.5, what="a third round"
        )
        assert job.plane.statuses("track.") == ["track.added"]
        began = asyncio.get_running_loop().time()
        job.leaving.set()
        assert (await task).reason == "ended"
        assert asyncio.get_running_loop().time() - began < 1.8
        assert job.plane.over is None  # the session may go on elsewhere

    live(test, tmp_path, stream(clip))


def test_an_instruction_is_stored_before_the_reply(clip: Path, tmp_path: Path) -> None:
    async def test(job: Job) -> None:
        job.start()
        await job.watching()
        for number in range(5):
            reply = await job.plane.command("instruct", text=f"Wish {number}", author="ann")
            stored = job.rows("SELECT body FROM events WHERE kind = 'instruction'")
            assert reply.data["id"] == f"i{number + 1}"
            assert any(f"Wish {number}" in body for (body,) in stored)
        refused = await job.plane.command("instruct", text="")
        assert refused.error
        assert refused.error_kind == "arguments"

    live(test, tmp_path, stream(clip))


def test_a_command_that_comes_before_it_lives_is_carried_out_then(clip: Path, tmp_path: Path) -> None:
    async def test(job: Job) -> None:
        job.start()
        await job.plane.until(lambda: job.plane.hellos)
        replies = await asyncio.gather(job.plane.command("instruct", text="one"), job.plane.command("mute"))
        assert [reply.error for reply in replies] == ["", ""]
        await job.plane.until(lambda: job.plane.heartbeat.muted)

    live(test, tmp_path, stream(clip))


def test_the_session_goes_on_without_its_control_plane_and_tells_the_next_what_was(clip: Path, tmp_path: Path) -> None:
    async def test(job: Job) -> None:
        task, plane = job.start(), job.plane
        await job.watching()
        await plane.kill()
        ticks = "SELECT COUNT(*) FROM events WHERE kind = 'tick'"
        before = job.rows(ticks)
        await asyncio.sleep(2.5)
        assert job.rows(ticks) > before
        assert not task.done()
        await plane.start()
        await plane.until(lambda: len(plane.hellos) == 2)
        hello = plane.hellos[1]
        assert (hello.epoch, hello.start) == (1, 1)
        recent = [event["n"] for event in hello.recent if event["kind"] == "tick"]
        assert recent == list(range(len(recent)))
        assert len(recent) >= 3
        await plane.until(lambda: any(e.get("n") == recent[-1] + 1 for e in plane.events), what="the next tick")
        assert (await plane.command("stop")).error == ""
        await task

    live(test, tmp_path, stream(clip))


def test_the_next_start_has_the_instructions_as_they_were_changed(clip: Path, tmp_path: Path) -> None:
    async def test(job: Job) -> None:
        plane = job.plane
        job.start()
        await job.watching()
        await plane.command("change", id="i1", text="Count the red cars")
        await plane.command("cancel", id="i2")
        job.leaving.set()
        await asyncio.gather(*filter(None, [job.task]))
        plane.heard.clear()
        job.leaving.clear()
        job.start(2)
        await plane.until(lambda: any(beat.instructions for beat in plane.of(Heartbeat)), what="instructions")
        assert plane.begun.epoch == 2
        assert [(wish.id, wish.text) for wish in plane.heartbeat.instructions] == [("i1", "Count the red cars")]

    live(test, tmp_path, stream(clip), instructions=("Count the cars", "Say hello"))


def test_dismissed_it_leaves_within_a_second(clip: Path, tmp_path: Path) -> None:
    async def test(job: Job) -> None:
        task = job.start()
        await job.watching()
        await job.plane.tell(Dismissed(reason="replaced"))
        assert (await asyncio.wait_for(task, 1.5)).reason == "replaced"
        assert job.plane.over is None

    live(test, tmp_path, stream(clip))


def test_a_newer_start_takes_the_session_over(clip: Path, tmp_path: Path) -> None:
    async def test(job: Job) -> None:
        first = job.start()
        await job.watching()
        second = job.start(2)
        with pytest.raises(StayFailedError):
            await asyncio.wait_for(first, 10)
        assert not second.done()

    live(test, tmp_path, stream(clip))


@pytest.mark.parametrize(
    ("target", "settings", "kind"),
    [
        (StreamTarget(source="/nowhere/at/all.mp4"), {}, "no_such_file"),
        (StreamTarget(source="gopher://x/y"), {}, "unknown_scheme"),
        ("clip", {"language": "tlh"}, "invalid"),
        ("clip", {"database_url": f"nonsense://user:{SECRET}@x"}, None),
        ("clip", {"voice": "nobody's"}, "unknown_name"),
    ],
)
def test_what_cannot_begin_says_why_and_shows_no_secret(
    target: Any, settings: dict[str, Any], kind: str | None, clip: Path, tmp_path: Path
) -> None:
    async def test(job: Job) -> None:
        with pytest.raises(JoyVLError) as failed:
            await job.start()
        await job.plane.until(lambda: job.plane.over)
        over = job.plane.over
        assert over is not None
        assert over.state == "failed"
        assert kind in (None, over.reason)
        assert SECRET not in f"{over} {failed.value} {failed.value.hint}"
        assert SECRET not in f"{job.plane.heard}"

    live(test, tmp_path, stream(clip) if target == "clip" else target, settings=settings)


def test_a_call_that_never_comes_ends_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.job_room.CallDesk.comes", _soon(0.5))

    async def test(job: Job) -> None:
        task = job.start()
        await job.plane.until(lambda: any(b.reason == "waiting_for_call" for b in job.plane.of(Heartbeat)))
        refused = await job.plane.command("answer", offer="nonsense")
        assert refused.error_kind == "bad_offer"
        assert (await task).reason == "call.never"
        assert job.plane.over is not None
        assert (job.plane.over.state, job.plane.over.reason) == ("left", "call.never")

    live(test, tmp_path, CallTarget(name="A call"))


def _soon(seconds: float) -> Any:
    from bot.job_room import CallDesk

    comes = CallDesk.comes
    return lambda self: comes(self, seconds)


def test_stopped_before_it_lives_it_leaves(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(job: Job) -> None:
        task = job.start()
        await job.plane.until(lambda: job.plane.hellos)
        await job.plane.until(lambda: job.plane.heard[1:])
        assert (await job.plane.command("stop")).error == ""
        assert (await task).reason == "asked"

    live(test, tmp_path, CallTarget())


def test_nobody_at_the_address_is_an_error_in_time(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(UnavailableError):
            await live_job(LinkAddress("ws://127.0.0.1:9", TOKEN, "s", 1), patience=Patience(first=0.3))

    asyncio.run(main())


# --- stdin --------------------------------------------------------------------------------------


def test_what_stands_on_stdin_is_read() -> None:
    given = read(b'{"url":"ws://127.0.0.1:1","token":"t","session":"s","start":2,"more":1}')
    assert (given.url, given.token.get_secret_value(), given.session, given.start) == ("ws://127.0.0.1:1", "t", "s", 2)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"url":"x"}', b"\xff", b"x" * 70_000])
def test_junk_on_stdin_is_refused(data: bytes) -> None:
    with pytest.raises(BadInputError) as refused:
        read(data)
    assert "joyvl serve" in refused.value.hint


def test_a_token_on_stdin_is_never_repeated() -> None:
    with pytest.raises(BadInputError) as refused:
        read(f'{{"url":"ws://x","token":"{SECRET}","session":"s"}}'.encode())
    assert SECRET not in f"{refused.value} {refused.value.hint}"
    assert "start" in str(refused.value)
