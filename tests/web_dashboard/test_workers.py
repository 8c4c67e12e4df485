"""The workers of a pool, over HTTP; their reports are played."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import SecretStr

from bot.link.worker_messages import Held, WorkerHello, WorkerReport
from tests.web_dashboard.planes import Plane
from web_dashboard.fleet.pool import Pool, PoolOptions
from web_dashboard.permissions import Role

TOKEN = SecretStr("shared by workers and control plane")


def with_pool(plane: Plane) -> Pool:
    """Has a control plane's sessions run in a pool."""
    options = PoolOptions("ws://127.0.0.1:7880", "key", SecretStr("secret"), TOKEN)
    plane.services.fleet.launcher = pool = Pool(options, plane.wall, Silent())
    return pool


class Silent:
    """A LiveKit server that nobody asks anything."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def joins(pool: Pool, name: str, *sessions: str, slots: int = 2) -> list[str]:
    """A worker connects and reports; what it is told is in the list that is returned."""
    told: list[str] = []
    hello = WorkerHello(worker=name, host="camera-room", version="1.0", slots=slots)
    assert pool.joined(hello, lambda: told.append("drain"))
    held = tuple(Held(session=session, start=1) for session in sessions)
    pool.reported(hello, WorkerReport(sessions=held, taken=len(held), cpu=0.25, rss=300_000_000))
    return told


def test_workers_are_listed_as_they_reported(open_plane):
    async def story():
        async with open_plane() as plane:
            pool = with_pool(plane)
            joins(pool, "b", slots=4)
            joins(pool, "a", "bado-kimu")
            _, token = await plane.person(Role.OPERATOR)
            async with plane.client(token) as client:
                first, second = (await client.get("/api/v1/workers")).json()
                assert (first["id"], first["host"], first["version"]) == ("a", "camera-room", "1.0")
                assert (first["slots"], first["taken"], first["sessions"]) == (2, 1, ["bado-kimu"])
                assert (first["cpu"], first["rss"], first["heard"]) == (0.25, 300_000_000, plane.wall.now)
                assert (first["draining"], first["connected"]) == (False, True)
                assert (second["id"], second["slots"], second["sessions"]) == ("b", 4, [])
                plane.wall.now += 7.0  # nothing is heard of them
                assert (await client.get("/api/v1/workers")).json() == []

    asyncio.run(story())


def test_an_administrator_drains_a_worker_and_it_is_written_down(open_plane):
    async def story():
        async with open_plane() as plane:
            told = joins(with_pool(plane), "a", "bado-kimu")
            admin, token = await plane.person(Role.ADMIN)
            _, operator = await plane.person(Role.OPERATOR)
            async with plane.client(operator) as client:
                assert (await client.post("/api/v1/workers/a/drain")).status_code == 403
                assert told == []
            async with plane.client(token) as client:
                answer = await client.post("/api/v1/workers/a/drain")
                assert (answer.status_code, answer.json()["draining"]) == (200, True)
                assert told == ["drain"]
                assert (await client.get("/api/v1/workers")).json()[0]["draining"] is True
                unknown = await client.post("/api/v1/workers/b/drain")
                assert (unknown.status_code, unknown.json()["kind"]) == (404, "unknown")
                entries = (await client.get("/api/v1/audit")).json()
                written = [entry for entry in entries if entry["action"] == "worker.drained"]
                assert [(entry["actor"], entry["target"]) for entry in written] == [(admin.name, "a")]

    asyncio.run(story())


def test_without_a_pool_there_is_none_to_drain(open_plane):
    async def story():
        async with open_plane() as plane:
            _, token = await plane.person(Role.ADMIN)
            async with plane.client(token) as client:
                assert (await client.get("/api/v1/workers")).json() == []
                refused = await client.post("/api/v1/workers/a/drain")
                assert (refused.status_code, refused.json()["kind"]) == (400, "no_pool")
                assert "--pool" in refused.json()["hint"]

    asyncio.run(story())
