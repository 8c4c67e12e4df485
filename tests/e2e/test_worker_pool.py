"""A pool of real workers on a real LiveKit server and a real PostgreSQL: nothing is lost, nobody is twice in a room."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from livekit import api

from joyvl_core.ports import RoomState
from tests.e2e.dashboard import Dashboard, serving
from tests.e2e.livekit_people import Person, person, until
from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer, livekit_server
from tests.e2e.pool_plane import Plane, Worker, bots, ended, linked_worker, lone_worker, plane
from tests.e2e.postgres_server import PostgresServer, postgres_server
from web_dashboard.fleet.states import State, Wanted
from web_dashboard.permissions import SYSTEM
from web_dashboard.schemas.profiles import ProfileBody, ProfileIn
from web_dashboard.schemas.sessions import SessionView

__all__ = ["livekit_server", "postgres_server"]  # fixtures

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(280)]

Opened = Callable[[], contextlib.AbstractAsyncContextManager[Plane]]
ROOMS = 12


@pytest.fixture
def at(
    livekit_server: LiveKitServer, postgres_server: PostgresServer, tmp_path: Path, free_port: Callable[[], int]
) -> Opened:
    return lambda: plane(livekit_server, postgres_server.fresh(), tmp_path, free_port())


@contextlib.asynccontextmanager
async def people(server: LiveKitServer, rooms: list[str]) -> AsyncIterator[dict[str, Person]]:
    async with contextlib.AsyncExitStack() as stack:
        yield {room: await stack.enter_async_context(person(server, room)) for room in rooms}


@contextlib.asynccontextmanager
async def workers(at: Plane, *slots: int, drain: float = 60.0) -> AsyncIterator[list[Worker]]:
    made: list[Worker] = []
    try:
        made += await asyncio.gather(*(at.worker(slots=each, drain=drain) for each in slots))
        yield made
    except BaseException:
        for worker in made:
            print(worker.said()[-6_000:])  # shown with the failure
        raise
    finally:
        await asyncio.gather(*(ended(worker) for worker in made))


async def each_room_has_one(at: Plane, sessions: dict[str, str]) -> None:
    for room, session in sessions.items():
        assert await at.bots(room) == [f"joyvl-{session}"], room


async def eventually(holds: Callable[[], Awaitable[bool]], within: float, what: str) -> None:
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110 - another program's state
            await asyncio.sleep(0.05)
    print(what)


async def all_run(at: Plane, starts: dict[str, int], within: float, what: str) -> float:
    """Waits until all sessions are in their rooms, in these starts or later ones; returns how long it took."""
    began = time.monotonic()
    await until(lambda: all(at.running(session, start) for session, start in starts.items()), within, what)
    took = time.monotonic() - began
    print(f"{what}: {took:.1f} s")
    return took


async def instructions(at: Plane, session: str) -> list[str]:
    live = at.live(session)
    assert live
    assert live.heartbeat
    return [standing.text for standing in live.heartbeat.instructions]


async def dispatch(server: LiveKitServer, room: str, metadata: dict[str, Any] | None = None) -> str:
    """Dispatches to a worker as anybody does who has the server's key; returns the dispatch's id."""
    text = json.dumps(metadata) if metadata else ""
    async with server.api() as lk:
        request = api.CreateAgentDispatchRequest(agent_name="joyvl", room=room, metadata=text)
        return (await lk.agent_dispatch.create_dispatch(request)).id


def test_twelve_rooms_survive_a_job_a_worker_and_the_livekit_server(at: Opened, livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        rooms = [f"pool-{n}" for n in range(ROOMS)]
        async with at() as control, workers(control, ROOMS, ROOMS) as two, people(livekit_server, rooms):
            sessions = {room: await control.start(room, f"Greet whoever comes to {room}") for room in rooms}
            await all_run(control, dict.fromkeys(sessions.values(), 1), 90, "a burst of twelve")
            await each_room_has_one(control, sessions)
            assert all(len(control.held(worker)) >= 2 for worker in two)
            for room, session in sessions.items():
                await control.sessions.instruct(SYSTEM, session, f"Watch the door of {room}")

            # A job's process is killed: its session alone is started again.
            two[0].jobs(control.port)[0].kill()
            await until(lambda: 2 in map(control.start_of, sessions.values()), 10, "a killed job is noticed")
            starts = {session: control.start_of(session) for session in sessions.values()}
            assert sorted(starts.values()) == [1] * (ROOMS - 1) + [2]
            assert await all_run(control, starts, 10, "a killed job is back") < 10
            await each_room_has_one(control, sessions)

            # A worker is killed: what it held goes on with the other.
            lost = control.held(two[0])
            two[0].signal(signal.SIGKILL)
            starts = {session: start + (session in lost) for session, start in starts.items()}
            assert await all_run(control, starts, 30, f"{len(lost)} rooms of a killed worker are back") < 10
            assert control.held(two[1]) == set(sessions.values())
            await each_room_has_one(control, sessions)

            # The LiveKit server is killed: its rooms come back with it, and so do the bots.
            livekit_server.kill()
            await asyncio.sleep(2)
            livekit_server.start()
            began = time.monotonic()

            async def all_are_back() -> bool:
                return [len(await control.bots(room)) for room in rooms] == [1] * ROOMS

            await eventually(all_are_back, 40, "all are back")
            print(f"the server was killed, all are back: {time.monotonic() - began:.1f} s")
            await all_run(control, starts, 20, "all are told of again")
            assert {session: control.start_of(session) for session in starts} == starts

            for room, session in sessions.items():
                standing = await instructions(control, session)
                assert standing == [f"Greet whoever comes to {room}", f"Watch the door of {room}"]
            for session in sessions.values():
                await control.sessions.stop(SYSTEM, session)
            await until(lambda: not control.fleet.lives(), 20, "all have ended")
            assert [await control.bots(room) for room in rooms] == [[]] * ROOMS

    asyncio.run(main())


def test_a_full_pool_queues_and_a_drained_worker_hands_its_rooms_over(
    at: Opened, livekit_server: LiveKitServer
) -> None:
    async def main() -> None:
        rooms = [f"drain-{n}" for n in range(4)]
        async with at() as control, workers(control, 3) as running, people(livekit_server, rooms) as there:
            first = {room: await control.start(room, "Count the cars") for room in rooms[:3]}
            await all_run(control, dict.fromkeys(first.values(), 1), 60, "three run")
            waiting = await control.start(rooms[3], "Count the cars")

            async def it_says_why() -> bool:
                return bool((await control.view(waiting)).reason)

            await eventually(it_says_why, 10, "it says why it waits")
            view = await control.view(waiting)
            assert view.state is State.QUEUED
            assert view.reason == "All 3 places of 1 worker are taken: it starts when one is free."
            assert await control.bots(rooms[3]) == []

            running.append(await control.worker(slots=4))
            await all_run(control, {waiting: 1}, 30, "what was queued runs on another worker")

            running[0].signal(signal.SIGTERM)
            away = 0
            async with asyncio.timeout(60):
                while not all(control.running(session, 2) for session in first.values()):
                    away = max(away, sum(not control.running(session) for session in first.values()))
                    await asyncio.sleep(0.05)
            assert away == 1  # one after the other
            assert await asyncio.wait_for(running[0].process.wait(), 20) == 0
            assert control.held(running[1]) == {*first.values(), waiting}
            await each_room_has_one(control, first | {rooms[3]: waiting})
            for room in rooms[:3]:
                lines = [line.text for line in there[room].chat]
                assert lines.count("I'll be right back.") == 1, lines
            assert "I'll be right back." not in [line.text for line in there[rooms[3]].chat]

            # The last one has nowhere to go: told twice to end, it ends at once, and its sessions stay wanted.
            running[1].signal(signal.SIGTERM)
            await until(lambda: all(known.draining for known in control.pool.workers.living()), 5, "it drains")
            running[1].signal(signal.SIGTERM)
            await asyncio.wait_for(running[1].process.wait(), 10)

            async def nobody_is_there() -> bool:
                return (await control.view(waiting)).reason == "No worker is connected: it starts when one is."

            await eventually(nobody_is_there, 20, "it waits for a worker")
            assert (await control.view(waiting)).wanted is Wanted.RUNNING

    asyncio.run(main())


def test_a_dispatch_by_profile_is_a_session_that_outlives_its_worker(at: Opened, livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        async with at() as control, workers(control, 2, 2, drain=1.5) as two, people(livekit_server, ["road"]) as there:
            body = ProfileBody(instructions=("Count the cars",), settings={"name": "Carla (AI)"})
            profile = (await control.profiles.create(SYSTEM, ProfileIn(name="Counter", body=body))).id
            asked = {"v": 1, "profile": profile, "overrides": {"talkativeness": 0.2}, "instructions": ["Greet people"]}
            await dispatch(livekit_server, "road", asked)
            await until(lambda: bool(control.fleet.lives()), 20, "a worker has taken it")
            session = control.fleet.lives()[0].session
            await all_run(control, {session: 1}, 20, "it runs")
            await each_room_has_one(control, {"road": session})
            assert await instructions(control, session) == ["Count the cars", "Greet people"]
            await until(lambda: any("Carla (AI)" in line.text for line in there["road"].chat), 10, "it says who it is")
            view = await control.view(session)
            assert (view.profile, view.start, view.created_by) == (profile, 1, "system")

            def says(words: str) -> Callable[[], bool]:
                return lambda: any(words in worker.said() for worker in two)

            await dispatch(livekit_server, "road", {"profile": profile})
            await until(says(f"The room has a session already: {session}."), 10, "a second one is refused")
            await dispatch(livekit_server, "street", {"profile": 99})
            await until(says("a dispatch to 'street' is refused: There is no profile 99."), 10, "so is what is unknown")
            assert [live.session for live in control.fleet.lives()] == [session]

            holder, other = sorted(two, key=lambda worker: session not in control.held(worker))
            holder.signal(signal.SIGKILL)
            await all_run(control, {session: 2}, 20, "it is back on the other")
            assert control.held(other) == {session}
            await each_room_has_one(control, {"road": session})
            assert await instructions(control, session) == ["Count the cars", "Greet people"]

            # Nowhere to go: its time to drain runs out, and the session stays wanted.
            other.signal(signal.SIGTERM)
            assert await asyncio.wait_for(other.process.wait(), 15) == 0
            assert "were not moved in time" in other.said()

            async def it_waits() -> bool:
                return (await control.view(session)).reason == "No worker is connected: it starts when one is."

            await eventually(it_waits, 20, "it waits for a worker")
            assert await control.bots("road") == []

    asyncio.run(main())


def test_sessions_and_workers_outlive_the_control_plane(
    livekit_server: LiveKitServer, postgres_server: PostgresServer, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    rooms = ["plane-0", "plane-1", "plane-2"]

    async def main() -> None:
        port, token = free_port(), secrets.token_urlsafe(32)
        environment = {
            "DATABASE_URL": postgres_server.fresh(),
            "LIVEKIT_URL": livekit_server.url,
            "LIVEKIT_API_KEY": KEY,
            "LIVEKIT_API_SECRET": SECRET,
            "JOYVL_WORKER_TOKEN": token,
            "JOYVL_VOICE": "none",
        }

        def served() -> contextlib.AbstractAsyncContextManager[Dashboard]:
            return serving(tmp_path / "control", "--pool", "--port", str(port), environment=environment)

        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(people(livekit_server, rooms))
            async with served() as first:
                worker = await linked_worker(livekit_server, tmp_path, first.url, token, slots=4, drain=1.0)
                stack.push_async_callback(ended, worker)
                await first.set_up()
                async with first.client() as http:
                    ids = [await started(http, room) for room in rooms[:2]]
                    await eventually(lambda: all_of(http, ids), 30, "two run")
                before = [await dispatched(livekit_server, room) for room in rooms[:2]]
                assert [len(made) for made in before] == [1, 1]
                first.process.kill()
                await first.process.wait()
            async with served() as second, second.client() as http:
                await eventually(lambda: all_of(http, ids), 40, "they are told of again")
                (known,) = (await http.get("/workers")).json()
                assert (known["connected"], sorted(known["sessions"])) == (True, sorted(ids))
                ids.append(await started(http, rooms[2]))
                await eventually(lambda: all_of(http, ids), 30, "so is what starts now")
                assert [await dispatched(livekit_server, room) for room in rooms[:2]] == before
                for room, session in zip(rooms, ids, strict=True):
                    assert await bots(livekit_server, room) == [f"joyvl-{session}"]

                # Nowhere to go: drained over HTTP, it ends in its time, and the sessions stay wanted.
                (await http.post(f"/workers/{known['id']}/drain")).raise_for_status()
                assert await asyncio.wait_for(worker.process.wait(), 20) == 0
                assert [await bots(livekit_server, room) for room in rooms] == [[], [], []]
                wanted = [(await http.get(f"/sessions/{session}")).json()["wanted"] for session in ids]
                assert wanted == ["running"] * 3

    asyncio.run(main())


async def started(http: httpx.AsyncClient, room: str) -> str:
    given = {"place": {"kind": "livekit", "room": room}, "instructions": ["Count the cars"]}
    return str((await http.post("/sessions", json=given)).raise_for_status().json()["id"])


async def all_of(http: httpx.AsyncClient, sessions: list[str]) -> bool:
    """Whether these sessions are in their rooms, each in its first start."""
    for session in sessions:
        view = SessionView.model_validate((await http.get(f"/sessions/{session}")).raise_for_status().json())
        if view.state is not State.RUNNING or view.start != 1 or not (view.live and view.live.connected):
            return False
        if view.live.heartbeat is None or view.live.heartbeat.room != RoomState.JOINED:
            return False
    return True


async def dispatched(server: LiveKitServer, room: str) -> list[str]:
    """Ids of what was dispatched to a room for our workers; the server itself dispatches to those without a name."""
    async with server.api() as lk:
        return [made.id for made in await lk.agent_dispatch.list_dispatch(room) if made.agent_name]


def test_a_worker_alone_runs_what_is_dispatched(livekit_server: LiveKitServer, tmp_path: Path) -> None:
    async def main() -> None:
        async with lone_worker(livekit_server, tmp_path) as worker, person(livekit_server, "dev") as alice:
            await dispatch(livekit_server, "dev", {"profile": 3})
            await until(lambda: "profiles are the control plane's" in worker.said(), 10, "a profile is refused")
            await dispatch(livekit_server, "dev", {"session": "x", "start": 1, "seal": "forged"})
            await until(lambda: "has no control plane" in worker.said(), 10, "a session is refused")
            counts = {"instructions": ["Count the cars"], "overrides": {"name": "Carla (AI)"}}
            made = await dispatch(livekit_server, "dev", counts)
            await until(lambda: any("Carla (AI)" in line.text for line in alice.chat), 20, "it says who it is")
            async with livekit_server.api() as lk:
                await lk.agent_dispatch.delete_dispatch(made, "dev")
            await until(lambda: not alice.room.remote_participants, 5, "it leaves with its dispatch")
            await dispatch(livekit_server, "dev")
            await until(lambda: len(alice.room.remote_participants) == 1, 20, "another one comes")
            worker.signal(signal.SIGINT)
            assert await asyncio.wait_for(worker.process.wait(), 10) == 0
            await until(lambda: not alice.room.remote_participants, 5, "it leaves with its worker")

    asyncio.run(main())
