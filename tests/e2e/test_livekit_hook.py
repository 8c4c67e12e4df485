"""A real LiveKit server tells of a room, and the bot is invited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from livekit import api
from pydantic import SecretStr

from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer
from tests.web_dashboard.things import OPERATOR, Things, things
from web_dashboard.api.livekit_hook import router
from web_dashboard.permissions import Actor
from web_dashboard.schemas.destinations import DestinationIn
from web_dashboard.services.audit import Audit
from web_dashboard.services.context import Context
from web_dashboard.services.credentials import Credentials
from web_dashboard.services.destinations import Destinations

pytestmark = pytest.mark.e2e


class PlayedSessions:
    """Starts nothing; tells what was to be started."""

    def __init__(self, t: Things) -> None:
        self._things = t
        self.rooms: list[str] = []
        self.came = asyncio.Event()

    async def start(self, actor: Any, given: Any) -> Any:
        self.rooms.append(given.place.room)
        name = f"s{len(self.rooms)}"
        await self._things.job(name, place=given.place.model_dump_json())
        self.came.set()
        return SimpleNamespace(id=name)


class WatchedAudit(Audit):
    """Tells when the end of a room was noted."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.ended = asyncio.Event()

    async def write(self, actor: Actor, action: str, target: str, detail: dict[str, Any] | None = None) -> None:
        await super().write(actor, action, target, detail)
        if action == "destination.room_ended":
            self.ended.set()


@asynccontextmanager
async def served(app: FastAPI, port: int) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    running = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await running


def test_a_room_that_starts_invites_the_bot(tmp_path: Path, require: Callable[[str], Path], free_port):
    port = free_port()
    livekit = LiveKitServer(require("livekit-server"), webhook=f"http://127.0.0.1:{port}/hooks/livekit")

    async def main() -> None:
        own = {"livekit_url": livekit.url, "livekit_api_key": KEY, "livekit_api_secret": SecretStr(SECRET)}
        async with things(tmp_path, **own) as t:
            played, audit = PlayedSessions(t), WatchedAudit(t.context)
            destinations = Destinations(t.context, audit, played)  # type: ignore[arg-type]  # what is used of it
            place = {"kind": "livekit", "room": "standup"}
            await destinations.create(OPERATOR, DestinationIn(name="S", place=place, pattern="standup-*"))
            app = FastAPI()
            app.include_router(router)
            app.state.services = SimpleNamespace(
                context=t.context, credentials=Credentials(t.context, t.audit), destinations=destinations
            )
            async with served(app, port), livekit.api() as lk:
                for name in ("retro-1", "standup-7", "standup-7"):
                    await lk.room.create_room(api.CreateRoomRequest(name=name))
                async with asyncio.timeout(10):
                    await played.came.wait()
                await lk.room.delete_room(api.DeleteRoomRequest(room="standup-7"))
                async with asyncio.timeout(10):
                    await audit.ended.wait()
            assert played.rooms == ["standup-7"]

    livekit.start()
    try:
        asyncio.run(main())
    finally:
        livekit.stop()
