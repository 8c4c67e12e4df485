"""A control plane of its own, as small as can be: `python -m tests.e2e.fleet_server DATABASE FOLDER PORT`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.fernet import Fernet
from fastapi import FastAPI

from bot.settings import Settings
from integrations.egress import Egress
from joyvl_core.errors import JoyVLError
from web_dashboard.db.opening import opening
from web_dashboard.db.vault import Vault
from web_dashboard.fleet.fleet import Fleet
from web_dashboard.fleet.links import link_routes
from web_dashboard.fleet.orders import Orders
from web_dashboard.fleet.processes import Processes
from web_dashboard.services.context import Context


class PlainProfiles:
    """A profile's settings as they are."""

    async def order_settings(self, body: Any, credential: int | None) -> dict[str, Any]:
        return dict(body.settings)


class Footage:
    """The one file that was uploaded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def path(self, upload: int) -> Path:
        return self._folder / "road.mp4"


async def serve(database: str, folder: Path, port: int) -> None:
    defaults = Settings(database_url=database, voice="none")  # type: ignore[arg-type]
    async with opening(database) as store:
        vault = Vault([Fernet.generate_key()])
        context = Context(
            store=store, vault=vault, defaults=defaults, egress=Egress(), folder=folder, wall=time.time, pool=False
        )
        orders = Orders(context, PlainProfiles(), Footage(folder))  # type: ignore[arg-type]
        fleet = Fleet(context, Processes(folder / "logs"), orders, url=f"ws://127.0.0.1:{port}")
        app = FastAPI()
        app.include_router(link_routes(fleet))

        @app.post("/command/{session}/{name}")
        async def command(session: str, name: Any, args: dict[str, Any]) -> dict[str, Any]:
            try:
                return await fleet.command(session, name, args)
            except JoyVLError as error:
                return {"error": str(error), "kind": error.kind}

        @app.get("/lives")
        async def lives() -> dict[str, Any]:
            return {
                live.session: {
                    "connected": live.connected,
                    "epoch": live.epoch,
                    "events": len(live.events),
                    "words": live.last_words,
                    "heartbeat": live.heartbeat and live.heartbeat.model_dump(mode="json"),
                }
                for live in fleet.lives()
            }

        @app.get("/snapshot")
        async def snapshot() -> dict[str, Any]:
            return {**fleet.snapshot(), "cpu": sum(time.process_time() for _ in range(1)), "trouble": fleet.trouble}

        config = uvicorn.Config(
            app, "127.0.0.1", port, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(fleet.run())
        ending = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ending.set)
        with contextlib.suppress(NotImplementedError):
            server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        serving = asyncio.create_task(server._serve())
        await ending.wait()
        server.should_exit = True
        await serving
        await fleet.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
