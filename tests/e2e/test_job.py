"""`joyvl job` as the control plane starts it: real processes, a real LiveKit server, a real store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from livekit import api

from bot.link.messages import CallTarget, LiveKitTarget, Order, StreamTarget
from tests.e2e.livekit_people import moving_square, person, until
from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer
from tests.stand_ins.caller import caller
from tests.stand_ins.control_plane import TOKEN, ControlPlane, control_plane
from tests.videos import render_clip

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SESSION = "job-e2e"
WISH = "Count the cars that pass"


class Jobs:
    """Starts a session's processes beside its control plane."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self.folder = folder
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self, number: int = 1) -> asyncio.subprocess.Process:
        given = {"url": self.plane.url, "token": TOKEN, "session": SESSION, "start": number}
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LIVEKIT_", "JOYVL_"))}
        with (self.folder / "stderr.txt").open("ab") as told:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.cli", "job"),
                stdin=asyncio.subprocess.PIPE,
                stdout=told,
                stderr=told,
                start_new_session=True,
                env={**clean, "PYTHONPATH": str(Path(__file__).parents[2])},
                cwd=self.folder,
            )
        assert process.stdin
        process.stdin.write(json.dumps(given).encode())
        process.stdin.close()
        self.processes.append(process)
        return process

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "kept.db")) as connection:
            return connection.execute(query).fetchall()

    def told(self) -> str:
        return (self.folder / "stderr.txt").read_text()

    async def running(self, within: float = 30.0) -> None:
        plane = self.plane
        await plane.until(lambda: any(beat.room == "joined" for beat in plane.of(_heartbeat())), within, self.told())


def _heartbeat() -> type[Any]:
    from bot.link.messages import Heartbeat

    return Heartbeat


@contextlib.asynccontextmanager
async def jobs(folder: Path, target: Any, **order: Any) -> AsyncIterator[Jobs]:
    settings = {"database_url": f"sqlite:///{folder / 'kept.db'}", **order.pop("settings", {})}
    async with control_plane(Order(session=SESSION, target=target, settings=settings, **order)) as plane:
        started = Jobs(plane, folder)
        try:
            yield started
        finally:
            for process in started.processes:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


@contextlib.asynccontextmanager
async def in_room(folder: Path, server: LiveKitServer, room: str, **order: Any) -> AsyncIterator[Jobs]:
    access = {"livekit_url": server.url, "livekit_api_key": KEY, "livekit_api_secret": SECRET, "voice": "none"}
    async with jobs(folder, LiveKitTarget(room=room), settings=access, instructions=(WISH,), **order) as started:
        yield started


async def bots(server: LiveKitServer, room: str) -> list[str]:
    async with server.api() as service:
        listed = await service.room.list_participants(api.ListParticipantsRequest(room=room))
    return [one.identity for one in listed.participants if one.identity.startswith("joyvl")]


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


def test_a_session_joins_obeys_outlives_its_control_plane_and_its_own_process(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    async def test() -> None:
        async with person(livekit_server, "job-life") as ann, in_room(tmp_path, livekit_server, "job-life") as job:
            plane = job.plane
            await ann.show(moving_square())
            first = await job.start()
            await job.running()
            assert await bots(livekit_server, "job-life") == [f"joyvl-{SESSION}"]

            reply = await plane.command("instruct", text="Say hello when somebody comes in", author="ann")
            stored = [json.loads(body) for (body,) in job.rows("SELECT body FROM events WHERE kind = 'instruction'")]
            assert (reply.data["id"], stored[-1]["text"]) == ("i2", "Say hello when somebody comes in")
            await plane.command("say", text="Hello from the control room")
            await until(lambda: any(line.text == "Hello from the control room" for line in ann.chat))
            await plane.command("view", seconds=10.0, every=0.2)
            await plane.until(lambda: len(plane.pictures) >= 3, 10, "live pictures")

            # The control plane is killed: the session goes on, and tells the next one what it missed.
            await plane.kill()
            ticks = "SELECT MAX(n) FROM events WHERE kind = 'tick'"
            [(before,)] = job.rows(ticks)
            await asyncio.sleep(2.5)
            assert job.rows(ticks)[0][0] > before
            await plane.start()
            await plane.until(lambda: len(plane.hellos) == 2, 6, "the session's return")
            assert plane.hellos[1].epoch == 1
            assert any(event.get("n", 0) > before for event in plane.hellos[1].recent)
            assert len(await bots(livekit_server, "job-life")) == 1

            # The process is killed: the next start has the instructions, and nobody is twice in the room.
            first.kill()
            await first.wait()
            plane.heard.clear()
            await job.start(2)
            await job.running()
            assert await bots(livekit_server, "job-life") == [f"joyvl-{SESSION}"]
            texts = [wish.text for wish in plane.heartbeat.instructions]
            assert texts == [WISH, "Say hello when somebody comes in"]
            assert plane.begun.epoch == 2

            assert (await plane.command("stop", words="I am off.")).error == ""
            assert await asyncio.wait_for(job.processes[-1].wait(), 6) == 0
            await until(lambda: any(line.text == "I am off." for line in ann.chat))
            assert plane.over is not None
            assert plane.over.state == "left"
            assert await bots(livekit_server, "job-life") == []
            counted = Counter(job.rows("SELECT epoch, n FROM events WHERE n IS NOT NULL"))
            assert max(counted.values()) == 1
            assert job.rows("PRAGMA integrity_check") == [("ok",)]
            assert job.told() == ""

    run(test)


def test_a_second_process_takes_the_firsts_place_in_the_room(livekit_server: LiveKitServer, tmp_path: Path) -> None:
    async def test() -> None:
        async with person(livekit_server, "job-twice"), in_room(tmp_path, livekit_server, "job-twice") as job:
            first = await job.start()
            await job.running()
            job.plane.heard.clear()
            await job.start(2)
            assert await asyncio.wait_for(first.wait(), 20) == 1
            job.plane.heard.clear()
            await job.running()
            assert await bots(livekit_server, "job-twice") == [f"joyvl-{SESSION}"]
            assert job.processes[1].returncode is None

    run(test)


def test_sigterm_takes_it_out_of_the_room_within_two_seconds(livekit_server: LiveKitServer, tmp_path: Path) -> None:
    async def test() -> None:
        async with person(livekit_server, "job-term"), in_room(tmp_path, livekit_server, "job-term") as job:
            process = await job.start()
            await job.running()
            assert os.getpgid(process.pid) == process.pid
            assert TOKEN not in " ".join(psutil.Process(process.pid).cmdline())
            assert TOKEN not in str(psutil.Process(process.pid).environ())
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
            assert time.monotonic() - began < 2.2
            assert await bots(livekit_server, "job-term") == []
            assert job.plane.over is None
            [(ended,)] = job.rows("SELECT ended FROM sessions")
            assert ended is not None

    run(test)


def test_exit_codes_say_what_became_of_it(tmp_path: Path) -> None:
    async def test() -> None:
        clip = render_clip(tmp_path / "clip.mp4", seconds=1.0)
        async with jobs(tmp_path, StreamTarget(source=str(clip))) as job:
            assert await (await job.start()).wait() == 0
        async with jobs(tmp_path, StreamTarget(source=str(tmp_path / "nothing.mp4"))) as job:
            assert await (await job.start()).wait() == 2
            await job.plane.until(lambda: job.plane.over)
            assert "no file" in job.told()
            assert str(TOKEN) not in job.told()
            job.plane.refuse = True
            assert await (await job.start()).wait() == 2

    run(test)


def test_a_browsers_call_is_answered_over_the_link(tmp_path: Path) -> None:
    async def test() -> None:
        async with jobs(tmp_path, CallTarget(name="Ann's call"), settings={"voice": "none"}) as job:
            process = await job.start()
            await job.plane.until(lambda: any(b.reason == "waiting_for_call" for b in job.plane.of(_heartbeat())), 30)
            async with caller() as page:
                reply = await job.plane.command("answer", offer=await page.offer(), sources={"0": "camera"})
                assert reply.error == ""
                await page.accept(reply.data["sdp"])
                await job.running()
                await job.plane.until(lambda: job.plane.heartbeat.tracks, 10, "a picture")
                await until(lambda: page.all("log"))
                busy = await job.plane.command("answer", offer="v=0")
                assert busy.error_kind in ("busy", "not_here")
            assert await asyncio.wait_for(process.wait(), 15) == 0
            assert job.plane.over is not None

    run(test)
