"""A pool of workers for tests: real workers, a real LiveKit server, a control plane of the fleet's parts alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import uvicorn
from cryptography.fernet import Fernet
from fastapi import FastAPI
from livekit import api
from pydantic import SecretStr

from bot.settings import load_settings
from integrations.egress import Egress
from joyvl_core.ports import RoomState
from tests.e2e.livekit_people import until
from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer
from web_dashboard.db.opening import opening
from web_dashboard.db.vault import Vault
from web_dashboard.fleet.fleet import Fleet
from web_dashboard.fleet.hub import Live
from web_dashboard.fleet.links import link_routes
from web_dashboard.fleet.orders import Orders
from web_dashboard.fleet.pool import Pool
from web_dashboard.fleet.pool_links import pool_routes
from web_dashboard.fleet.pool_opening import attach, open_pool
from web_dashboard.permissions import SYSTEM
from web_dashboard.schemas.places import LiveKitPlace
from web_dashboard.schemas.sessions import SessionView, StartSession
from web_dashboard.services.audit import Audit
from web_dashboard.services.context import Context
from web_dashboard.services.credentials import Credentials
from web_dashboard.services.dispatches import Dispatches
from web_dashboard.services.profiles import Profiles
from web_dashboard.services.sessions import Sessions
from web_dashboard.services.starting import Starts
from web_dashboard.services.workers import Workers

REGISTERED_WITHIN = 120.0


class Worker:
    """A worker's process."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log

    def said(self) -> str:
        """What it has logged."""
        return self.log.read_text(errors="replace")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def jobs(self, port: int) -> list[psutil.Process]:
        """The processes of its jobs: those that have a link to the control plane at this port."""
        own = psutil.Process(self.process.pid).children(recursive=True)
        return [
            process
            for process in own
            if any(each.raddr and each.raddr.port == port for each in process.net_connections("tcp"))
        ]


class Plane:
    """A control plane, with its people in rooms."""

    def __init__(
        self, server: LiveKitServer, context: Context, pool: Pool, port: int, token: str, folder: Path
    ) -> None:
        self.server = server
        self.context = context
        self.pool = pool
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._token = token
        self._folder = folder
        self.audit = Audit(context)
        self.profiles = Profiles(context, self.audit, Credentials(context, self.audit))
        uploads: Any = None  # no test has a file
        self.orders = Orders(context, self.profiles, uploads)
        self.fleet = Fleet(context, pool, self.orders, url=f"ws://127.0.0.1:{port}")
        starts = Starts(context, self.orders, self.profiles, uploads)
        self.sessions = Sessions(context, self.audit, self.fleet, starts)
        self.dispatches = Dispatches(context, self.audit, self.fleet, pool, starts)
        self.workers = Workers(context, self.audit, self.fleet)

    async def start(self, room: str, *instructions: str) -> str:
        """Invites the bot to a room; returns the session's id."""
        given = StartSession(place=LiveKitPlace(room=room), instructions=instructions)
        return (await self.sessions.start(SYSTEM, given)).id

    async def view(self, session: str) -> SessionView:
        return await self.sessions.get(SYSTEM, session)

    def live(self, session: str) -> Live | None:
        return self.fleet.live(session)

    def running(self, session: str, start: int = 1) -> bool:
        """Whether it is in its room, in this start or a later one."""
        live = self.live(session)
        if live is None or live.start < start or not (live.connected and live.begun and live.heartbeat):
            return False
        return live.heartbeat.room == RoomState.JOINED

    def start_of(self, session: str) -> int:
        """Which start of it is known."""
        live = self.live(session)
        return live.start if live else 0

    def held(self, worker: Worker) -> set[str]:
        """The sessions in a worker's slots."""
        return {
            session
            for known in self.pool.workers.living()
            if known.hello.pid == worker.process.pid
            for session, _ in known.holds()
        }

    async def bots(self, room: str) -> list[str]:
        """The bots that are in a room now, by the LiveKit server's word."""
        return await bots(self.server, room)

    async def worker(self, *, slots: int = 8, drain: float = 60.0) -> Worker:
        """Starts a worker, and returns once the LiveKit server and the control plane know it."""
        worker = await linked_worker(self.server, self._folder, self.url, self._token, slots=slots, drain=drain)
        try:
            await until(lambda: self.knows(worker), 20, "the control plane knows the worker")
        except BaseException:
            await ended(worker)
            raise
        return worker

    def knows(self, worker: Worker) -> bool:
        """Whether a worker is on the line."""
        return any(known.hello.pid == worker.process.pid for known in self.pool.workers.living())


async def bots(server: LiveKitServer, room: str) -> list[str]:
    """The bots that are in a room now, by the LiveKit server's word."""
    async with server.api() as lk:
        answer = await lk.room.list_participants(api.ListParticipantsRequest(room=room))
    return [who.identity for who in answer.participants if who.identity.startswith("joyvl-")]


@contextlib.asynccontextmanager
async def plane(server: LiveKitServer, database: str, folder: Path, port: int) -> AsyncIterator[Plane]:
    """Runs a control plane; ends it, and what its sessions are, at the end of the block."""
    token = secrets.token_urlsafe(32)
    settings = load_settings(
        livekit_url=server.url, livekit_api_key=KEY, livekit_api_secret=SECRET, voice="none", database_url=database
    )
    async with opening(database) as store:
        context = Context(store, Vault([Fernet.generate_key()]), settings, Egress(), folder, time.time, pool=True)
        pool = open_pool(context, SecretStr(token))
        made = Plane(server, context, pool, port, token, folder)
        draining = attach(context, pool, made.fleet, made.dispatches)
        app = FastAPI()
        app.include_router(link_routes(made.fleet))
        app.include_router(pool_routes(pool))
        web = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="warning", ws="websockets-sansio"))
        web.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # not in every version
        tasks = [
            asyncio.create_task(web.serve(), name="web"),
            asyncio.create_task(made.fleet.run(), name="fleet"),
            asyncio.create_task(draining.run(), name="draining"),
        ]
        try:
            await until(lambda: web.started and not made.fleet.standby, 20, "the control plane is up")
            yield made
        finally:
            await made.fleet.close()
            web.should_exit = True
            for task in tasks[1:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def linked_worker(
    server: LiveKitServer, folder: Path, control: str, token: str, *, slots: int, drain: float = 60.0
) -> Worker:
    """Starts a worker of a control plane, and returns once the LiveKit server knows it."""
    environment = {"JOYVL_WORKER_TOKEN": token, "DATABASE_URL": "sqlite:////nowhere/it-is-in-the-order.db"}
    flags = ("start", "--control", control, "--slots", str(slots), "--drain", str(drain))
    worker = await _spawn(server, folder, flags, environment)
    try:
        await until(lambda: "registered worker" in worker.said(), REGISTERED_WITHIN, "a worker is registered")
    except BaseException:
        await ended(worker)
        raise
    return worker


async def ended(worker: Worker) -> None:
    """Ends a worker's process, whatever it does."""
    if worker.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            worker.signal(signal.SIGKILL)
    await worker.process.wait()


@contextlib.asynccontextmanager
async def lone_worker(server: LiveKitServer, folder: Path) -> AsyncIterator[Worker]:
    """A worker that has no control plane, registered."""
    environment = {"DATABASE_URL": f"sqlite:///{folder / 'kept.db'}", "JOYVL_VOICE": "none"}
    worker = await _spawn(server, folder, ("dev",), environment)
    try:
        await until(lambda: "registered worker" in worker.said(), REGISTERED_WITHIN, "a worker is registered")
        yield worker
    finally:
        await ended(worker)


async def _spawn(server: LiveKitServer, folder: Path, flags: Sequence[str], environment: dict[str, str]) -> Worker:
    log = folder / f"worker-{secrets.token_hex(2)}.log"
    server_key = {"LIVEKIT_URL": server.url, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
    command = [sys.executable, "-m", "bot.cli", "worker", *flags]
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, env=os.environ | server_key | environment, stdout=out, stderr=out
        )
    return Worker(process, log)
