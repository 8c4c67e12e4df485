from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from bot.link.sealing import unseal
from bot.link.worker_link import ControlAddress, WorkerLink
from bot.link.worker_messages import Held, JobMetadata, WorkerHello, WorkerReport
from joyvl_core.errors import BadInputError, UnavailableError
from web_dashboard.fleet.launching import StartedJob
from web_dashboard.fleet.pool import Pool, PoolOptions, check_database
from web_dashboard.fleet.pool_dispatch import Dispatched
from web_dashboard.fleet.pool_draining import Draining
from web_dashboard.fleet.pool_links import pool_routes
from web_dashboard.permissions import UnknownError
from web_dashboard.schemas.places import AnyPlace, LiveKitPlace, StreamPlace

TOKEN = SecretStr("shared by workers and control plane")
SERVER = "ws://127.0.0.1:7880"


@dataclass
class Server:
    """A LiveKit server that notes what it is asked."""

    dispatched: list[tuple[JobMetadata, str, bool]] = field(default_factory=list)
    withdrawn: list[tuple[str, str]] = field(default_factory=list)
    trouble: Exception | None = None

    async def dispatch(self, metadata: JobMetadata, room: str, *, own_room: bool) -> Dispatched:
        if self.trouble:
            raise self.trouble
        self.dispatched.append((metadata, room, own_room))
        return Dispatched(f"AD_{len(self.dispatched)}", room, own_room)

    async def withdraw(self, dispatched: Dispatched, *, identity: str = "") -> None:
        self.withdrawn.append((dispatched.id, identity))

    async def aclose(self) -> None:
        return None


class Scene:
    """A pool with workers that are played, ten seconds after it came up."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.server = Server()
        options = PoolOptions(SERVER, "key", SecretStr("secret"), TOKEN)
        self.pool = Pool(options, lambda: self.now, self.server)
        self.drained: list[str] = []
        self._ends: dict[str, Callable[[], None]] = {}
        for _ in range(5):
            self.later(2.0)

    def later(self, seconds: float) -> None:
        """Time goes by, and the fleet looks."""
        self.now += seconds
        self.pool.capacity(0)

    def report(self, worker: str, *held: tuple[str, int], slots: int = 2, draining: bool = False) -> None:
        hello = WorkerHello(worker=worker, slots=slots)
        if worker not in self._ends:
            self._ends[worker] = lambda: self.drained.append(worker)
            assert self.pool.joined(hello, self._ends[worker])
        sessions = tuple(Held(session=session, start=start) for session, start in held)
        self.pool.reported(hello, WorkerReport(sessions=sessions, taken=len(held), draining=draining))

    def close(self, worker: str) -> None:
        self.pool.left(worker, self._ends.pop(worker))

    async def start(self, session: str = "one", start: int = 1, place: AnyPlace | None = None) -> dict[str, Any]:
        job = StartedJob(session, start, f"token of {session}", "", place or LiveKitPlace(room="road"))
        return await self.pool.start(job)


# --- places -------------------------------------------------------------------------------------


def test_a_pool_says_why_nothing_starts() -> None:
    scene = Scene()
    assert scene.pool.capacity(0) == (0, "No worker is connected: it starts when one is.")
    scene.report("a", ("one", 1), ("two", 1))
    assert scene.pool.capacity(2) == (0, "All 2 places of 1 worker are taken: it starts when one is free.")
    scene.report("b", ("three", 1), ("four", 1))
    assert scene.pool.capacity(4).reason == "All 4 places of 2 workers are taken: it starts when one is free."
    scene.report("a", draining=True)
    scene.report("b", draining=True)
    assert scene.pool.capacity(4).reason == "All workers are draining: it starts when another one is connected."


def test_a_place_is_promised_until_a_worker_tells_of_the_session() -> None:
    async def main() -> None:
        scene = Scene()
        scene.report("a", slots=2)
        await asyncio.gather(scene.start("one"), scene.start("two"))
        assert scene.pool.capacity(0).free == 0
        with pytest.raises(UnavailableError, match="free place") as full:
            await scene.start("three")
        assert full.value.retryable
        scene.report("a", ("one", 1), slots=2)
        assert scene.pool.capacity(0).free == 0
        scene.report("b", slots=1)
        assert scene.pool.capacity(0).free == 1
        scene.report("a", ("one", 1), ("two", 1), slots=2)
        assert scene.pool.capacity(0).free == 1

    asyncio.run(main())


def test_a_dispatch_that_fails_promises_nothing() -> None:
    async def main() -> None:
        scene = Scene()
        scene.report("a", slots=1)
        scene.server.trouble = UnavailableError("it is away", source="test", kind="unreachable", retryable=True)
        with pytest.raises(UnavailableError):
            await scene.start()
        assert scene.pool.capacity(0).free == 1

    asyncio.run(main())


def test_a_session_is_dispatched_to_its_room_its_token_sealed() -> None:
    async def main() -> None:
        scene = Scene()
        scene.report("a", slots=4)
        placement = await scene.start("one", 3)
        same = LiveKitPlace(room="road", url="http://localhost:7880")
        await scene.start("two", place=same)
        await scene.start("three", place=LiveKitPlace(room="road", url="wss://elsewhere.example"))
        await scene.start("four", place=StreamPlace(url="rtsp://camera.example/street"))
        assert [(room, own) for _, room, own in scene.server.dispatched] == [
            ("road", False),
            ("road", False),
            ("joyvl-session-three", True),
            ("joyvl-session-four", True),
        ]
        metadata = scene.server.dispatched[0][0]
        assert "token of one" not in metadata.model_dump_json() + str(placement)
        assert unseal(metadata.seal, "one", 3, TOKEN) == "token of one"

    asyncio.run(main())


# --- life and death -------------------------------------------------------------------------------


def test_a_start_that_nobody_takes_is_dead_after_eight_seconds() -> None:
    async def main() -> None:
        scene = Scene()
        scene.report("a")
        placement = await scene.start()
        for _ in range(3):
            scene.later(2.0)
            scene.report("a")
            assert await scene.pool.alive(placement) is None
        scene.later(2.0)
        assert await scene.pool.alive(placement) is False
        assert scene.pool.farewell(placement) == "no worker took it"
        scene.report("a")
        assert scene.pool.capacity(0).free == 2

    asyncio.run(main())


def test_a_job_that_its_worker_has_no_more_is_dead_at_once() -> None:
    async def main() -> None:
        scene = Scene()
        scene.report("a")
        placement = await scene.start()
        scene.report("a", ("one", 1))
        assert await scene.pool.alive(placement) is True
        scene.report("a")
        assert await scene.pool.alive(placement) is False
        assert scene.pool.farewell(placement) == "its process is gone"
        await scene.pool.kill(placement)
        assert scene.server.withdrawn == [("AD_1", "joyvl-one")]

    asyncio.run(main())


@pytest.mark.parametrize(("closed", "dead_after"), [(True, 2.0), (False, 6.0)])
def test_a_dead_worker_takes_its_sessions_with_it_except_those_that_speak(closed: bool, dead_after: float) -> None:
    async def main() -> None:
        scene = Scene()
        scene.report("a")
        one, two = await scene.start("one"), await scene.start("two")
        scene.report("a", ("one", 1), ("two", 1))
        scene.pool.listeners.hears = lambda session, start: session == "two"
        if closed:
            scene.close("a")
        scene.later(dead_after - 0.5 if closed else 2.0)
        assert await scene.pool.alive(one) is True
        for _ in range(0 if closed else 2):
            scene.later(2.0)
        scene.later(0.6)
        assert await scene.pool.alive(one) is False
        assert await scene.pool.alive(two) is None
        assert "is gone" in scene.pool.farewell(one)
        scene.report("a", ("one", 1), ("two", 1))  # it was away, and is back
        assert await scene.pool.alive(one) is True

    asyncio.run(main())


def test_a_control_plane_that_came_up_just_now_calls_nobody_dead() -> None:
    async def main() -> None:
        scene = Scene()
        scene.report("a")
        placement = await scene.start()
        scene.later(100.0)  # its machine slept
        assert await scene.pool.alive(placement) is None
        for _ in range(3):
            scene.later(2.0)
        assert await scene.pool.alive(placement) is False

    asyncio.run(main())


def test_a_gentle_end_removes_nobody_from_the_room() -> None:
    async def main() -> None:
        scene = Scene()
        scene.report("a")
        await scene.pool.kill(await scene.start(), gently=True)
        assert scene.server.withdrawn == [("AD_1", "")]

    asyncio.run(main())


def test_workers_need_a_database_that_they_can_share() -> None:
    check_database("postgresql://db/joyvl")
    check_database("sqlite:///joyvl.db", one_machine=True)
    with pytest.raises(BadInputError, match="share a file") as refused:
        check_database("sqlite:///joyvl.db")
    assert "PostgreSQL" in refused.value.hint


# --- draining -------------------------------------------------------------------------------------


def test_a_drained_worker_is_told_and_told_again_when_it_comes_back() -> None:
    scene = Scene()
    scene.report("a")
    scene.pool.drain("a")
    assert scene.drained == ["a"]
    assert scene.pool.capacity(0).free == 0
    scene.close("a")
    scene.report("a")
    assert scene.drained == ["a", "a"]
    with pytest.raises(UnknownError):
        scene.pool.drain("b")


class Moving:
    """A fleet that notes what it is to move."""

    def __init__(self) -> None:
        self.lives: dict[str, Any] = {}
        self.moved: list[tuple[str, str]] = []

    def move(self, session: str, words: str = "") -> None:
        self.moved.append((session, words))
        self.lives[session].connected = False

    def live(self, session: str) -> Any:
        return self.lives.get(session)

    def runs(self, session: str, start: int) -> None:
        self.lives[session] = SimpleNamespace(start=start, connected=True, begun=True)


class InEnglish(Draining):
    """Whose sessions all speak English: no database is asked."""

    async def _language(self, session: str) -> str:
        return "en"


def test_sessions_are_moved_one_by_one_while_there_is_a_place_for_them() -> None:
    async def main() -> None:
        scene, fleet = Scene(), Moving()
        context = cast(Any, SimpleNamespace(wall=lambda: scene.now))
        draining = InEnglish(context, scene.pool, fleet)
        for session in ("one", "two"):
            fleet.runs(session, 1)
        scene.report("a", ("one", 1), ("two", 1))
        await draining.look()
        assert fleet.moved == []  # nobody drains
        scene.pool.drain("a")
        await draining.look()
        assert fleet.moved == []  # there is no place
        scene.report("b", slots=2)
        await draining.look()
        await draining.look()
        assert fleet.moved == [("one", "I'll be right back.")]
        scene.report("a", ("two", 1))
        scene.report("b", ("one", 2))
        await draining.look()
        assert len(fleet.moved) == 1  # the first does not run again yet
        fleet.runs("one", 2)
        await draining.look()
        assert [session for session, _ in fleet.moved] == ["one", "two"]

    asyncio.run(main())


# --- the workers' links -----------------------------------------------------------------------------


def test_a_worker_reports_over_its_link_is_drained_and_says_goodbye(free_port: Callable[[], int]) -> None:
    async def main() -> None:
        scene = Scene()
        app = FastAPI()
        app.include_router(pool_routes(scene.pool))
        web = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port := free_port(), log_level="critical"))
        serving = asyncio.create_task(web.serve())
        drained = asyncio.Event()
        hello = WorkerHello(worker="a", slots=3)

        def linked(token: SecretStr) -> WorkerLink:
            address = ControlAddress(f"http://127.0.0.1:{port}", token)
            return WorkerLink(address, hello, lambda: WorkerReport(taken=1), drained.set)

        stranger, link = linked(SecretStr("a guess")), linked(TOKEN)
        known = asyncio.Event()
        scene.pool.listeners.wake = known.set
        while not web.started:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
        tasks = [asyncio.create_task(each.run()) for each in (stranger, link)]
        async with asyncio.timeout(10):
            await known.wait()
            assert scene.pool.capacity(0).free == 2
            assert len(scene.pool.workers.living()) == 1
            scene.pool.drain("a")
            await drained.wait()
            for each in (stranger, link):
                each.end()
            await asyncio.gather(*tasks)
            while scene.pool.workers.living():  # noqa: ASYNC110 - the other side of a connection
                await asyncio.sleep(0.01)
        web.should_exit = True
        await serving

    asyncio.run(main())
