"""What the tests of the fleet play with: a launcher that starts tasks, and processes that speak the link's protocol."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy import select
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bot.link.messages import PATH, Order, StreamTarget
from bot.settings import Settings
from integrations.egress import Egress
from joyvl_core.errors import JoyVLError
from web_dashboard.db.opening import opening
from web_dashboard.db.tables import jobs
from web_dashboard.db.vault import Vault
from web_dashboard.fleet.fleet import Fleet
from web_dashboard.fleet.launching import Capacity, Placement, StartedJob
from web_dashboard.fleet.links import link_routes
from web_dashboard.services.context import Context
from web_dashboard.tracing import Tracing

Told = dict[str, Any]


@dataclass
class Played:
    """A process that is played: it connects, and does what a test says."""

    job: StartedJob
    url: str
    link: ClientConnection | None = None
    told: list[Told] = field(default_factory=list)
    gone: bool = False
    killed: list[str] = field(default_factory=list)
    epoch: int = 0
    _reading: asyncio.Task[None] | None = None
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def hello(self, *, recent: tuple[Told, ...] = (), token: str = "", start: int | None = None) -> Told:
        """Connects and says hello; returns the first answer."""
        headers = {"Authorization": f"Bearer {token or self.job.token}"}
        self.link = await connect(f"{self.url}{PATH}", additional_headers=headers, max_size=2**21)
        hello = {"kind": "hello", "session": self.job.session, "start": start or self.job.start}
        if self.epoch:
            hello |= {"epoch": self.epoch, "recent": list(recent)}
        await self.say(**hello)
        first = json.loads(await asyncio.wait_for(self.link.recv(), 5))
        self._reading = asyncio.create_task(self._read(self.link))
        return first

    async def begin(self, epoch: int) -> None:
        """Opens its session."""
        self.epoch = epoch
        await self.say(kind="begun", epoch=epoch, began=time.time(), room="there")

    async def say(self, **message: Any) -> None:
        assert self.link is not None
        await self.link.send(json.dumps(message))

    async def heard(self, name: str) -> Told:
        """The next command of that name; waits for it."""
        async with asyncio.timeout(8):
            while True:
                for n, told in enumerate(self.told):
                    if told.get("name") == name or told["kind"] == name:
                        return self.told.pop(n)
                self._came.clear()
                await self._came.wait()

    async def reply(self, to: Told, **data: Any) -> None:
        await self.say(kind="reply", to=to["id"], data=data)

    async def hang_up(self) -> None:
        if self.link is not None:
            await self.link.close()

    async def die(self) -> None:
        """As by kill -9."""
        self.gone = True
        if self.link is not None:
            self.link.transport.abort()
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self, link: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for text in link:
                self.told.append(json.loads(text))
                self._came.set()


@dataclass
class Scripted:
    """A launcher whose processes are played."""

    url: str = ""
    free: int = 8
    known: bool = True
    refuses: JoyVLError | None = None
    started: list[Played] = field(default_factory=list)
    name: str = "process"
    hello_within: float = 60.0
    silent_for: float = 15.0
    starts_at_once: int = 4
    leaves: bool = True

    def capacity(self, placed: int) -> Capacity:
        left = self.free - placed
        return Capacity(left, "" if left > 0 else f"All {self.free} places are taken.")

    async def start(self, job: StartedJob) -> Placement:
        if self.refuses is not None:
            raise self.refuses
        self.started.append(Played(job, self.url))
        return {"number": len(self.started) - 1}

    async def alive(self, placement: Placement) -> bool | None:
        return not self.started[placement["number"]].gone if self.known and placement else None

    async def kill(self, placement: Placement, *, gently: bool = False) -> None:
        played = self.started[placement["number"]]
        if not played.gone:
            played.killed.append("gently" if gently else "hard")
            if self.leaves or not gently:
                await played.die()

    def farewell(self, placement: Placement) -> str:
        return "signal SIGKILL"

    async def close(self) -> None:
        for played in self.started:
            if played.link is not None:
                await played.die()


@dataclass
class Clock:
    """Unix seconds that a test can move on."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Stage:
    """A fleet, and what surrounds it."""

    fleet: Fleet
    context: Context
    launcher: Scripted
    clock: Clock
    url: str

    async def want(self, session: str, **changes: Any) -> None:
        """Writes a job that is to run."""
        now = self.context.wall()
        row: dict[str, Any] = {
            "id": session,
            "place": '{"kind":"livekit","room":"there"}',
            "body": "{}",
            "title": "",
            "wanted": "running",
            "state": "queued",
            "since": now,
            "reason": "",
            "remedy": "",
            "runner": "",
            "placement": "{}",
            "start": 0,
            "token": "",
            "failures": 0,
            "failing_since": 0.0,
            "not_before": 0.0,
            "created": now,
            "created_by": "ada",
            "read_epoch": 0,
            "read_seq": 0,
        }
        async with self.context.database.writing() as connection:
            await connection.execute(jobs.insert().values(**{**row, **changes}))
        self.fleet.wake()

    async def stop(self, session: str) -> None:
        """What the service writes."""
        async with self.context.database.writing() as connection:
            await connection.execute(jobs.update().where(jobs.c.id == session).values(wanted="stopped"))
        self.fleet.wake()

    async def row(self, session: str) -> Any:
        async with self.context.database.reading() as connection:
            return (await connection.execute(select(jobs).where(jobs.c.id == session))).mappings().one()

    async def until(self, holds: Callable[[], Awaitable[Any] | Any], within: float = 8.0) -> Any:
        """Waits for something that comes of itself."""
        async with asyncio.timeout(within):
            while True:
                found = holds()
                found = await found if asyncio.iscoroutine(found) else found
                if found:
                    return found
                await asyncio.sleep(0.01)

    async def in_state(self, session: str, state: str, within: float = 8.0) -> Any:
        async def holds() -> Any:
            row = await self.row(session)
            return row if row["state"] == state else None

        try:
            return await self.until(holds, within)
        except TimeoutError:
            raise AssertionError(f"{session} is not {state}: {dict(await self.row(session))}") from None

    async def process(self, number: int, within: float = 8.0) -> Played:
        await self.until(lambda: len(self.launcher.started) > number, within)
        return self.launcher.started[number]

    async def run_one(self, session: str, epoch: int = 1) -> Played:
        """Has a session run."""
        number = len(self.launcher.started)
        await self.want(session)
        played = await self.process(number)
        assert (await played.hello())["kind"] == "order"
        await played.begin(epoch)
        await self.in_state(session, "running")
        return played


async def plain_order(session: str) -> Order:
    return Order(session=session, target=StreamTarget(source="clip.mp4"), instructions=("Count the cars",))


@asynccontextmanager
async def serving(app: FastAPI, port: int = 0) -> AsyncIterator[int]:
    """An application on a real socket of this machine."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off", ws_max_size=2**21)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined,method-assign]
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await task


@asynccontextmanager
async def stage(folder: Path, *, tracing: Tracing | None = None, **changes: Any) -> AsyncIterator[Stage]:
    """A fleet that runs; `changes` are fields of the launcher."""
    clock, launcher = Clock(), Scripted(**changes)
    url = f"sqlite:///{folder / 'joyvl.db'}"
    async with opening(url) as store:
        context = Context(
            store=store,
            vault=Vault([VAULT_KEY]),
            defaults=Settings(database_url=url, _env_file=None),
            egress=Egress(),
            folder=folder,
            wall=clock,
        )
        fleet = Fleet(context, launcher, plain_order, tracing=tracing)
        app = FastAPI()
        app.include_router(link_routes(fleet))
        async with serving(app) as port:
            launcher.url = fleet.url = f"ws://127.0.0.1:{port}"
            running = asyncio.create_task(fleet.run())
            try:
                yield Stage(fleet, context, launcher, clock, fleet.url)
            finally:
                await fleet.close()
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


VAULT_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
