"""Share links over a real database, with sessions that are played: for tests of what is public."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fastapi import FastAPI
from sqlalchemy import insert

from bot.link.messages import Begun
from bot.settings import Settings
from integrations.egress import Egress
from joyvl_core.errors import BadInputError, UnavailableError
from web_dashboard.db import tables
from web_dashboard.db.opening import opening
from web_dashboard.db.vault import Vault
from web_dashboard.fleet.hub import Hub, Live
from web_dashboard.permissions import Actor, Role
from web_dashboard.public import mount_public
from web_dashboard.schemas.sessions import StartSession, write_place
from web_dashboard.services.audit import Audit
from web_dashboard.services.context import Context, Services
from web_dashboard.services.shares import Shares

OPERATOR = Actor("olga", user=1, role=Role.OPERATOR, address="192.0.2.7")
VIEWER = Actor("vic", user=2, role=Role.VIEWER)


@dataclass
class Clock:
    """Unix seconds, set by hand."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class PlayedLive(Live):
    """A session whose process is played: its line is said to stand, and it notes when somebody listens."""

    up: bool = True
    listened: int = 0

    @property
    def connected(self) -> bool:
        return self.up

    async def listen(self) -> None:
        self.listened += 1


@dataclass
class Stage:
    """The services that what is public needs. The fleet and the sessions are played.

    Attributes:
        orders: Commands that sessions were given.
        answers: Whether sessions answer an offer; an error is raised instead.
        started: What the sessions were asked for with.
        stopped: Ids of sessions that were stopped.
    """

    context: Context
    clock: Clock
    shares: Shares
    audit: Audit
    hub: Hub
    orders: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    answers: bool | Exception = True
    started: list[StartSession] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def services(self) -> Services:
        fleet = SimpleNamespace(live=self.hub.get, command=self._command)
        sessions = SimpleNamespace(start=self._start, stop=self._stop)
        fields = {"context": self.context, "shares": self.shares, "audit": self.audit}
        return cast(Services, SimpleNamespace(**fields, fleet=fleet, sessions=sessions))

    def app(self) -> FastAPI:
        app = FastAPI()
        mount_public(app, self.services)
        return app

    async def profile(self, name: str = "Counter") -> int:
        """A profile of that name."""
        row = {"name": name, "body": "{}", "version": 1, "created": self.clock(), "updated": self.clock()}
        async with self.context.database.writing() as connection:
            made = await connection.execute(insert(tables.profiles).values(row))
        return int(made.inserted_primary_key[0])  # type: ignore[index]  # an insertion of one row has one

    async def job(
        self, session: str, *, profile: int | None = None, place: str = "{}", wanted: str = "running"
    ) -> None:
        """A session as the table of jobs has it."""
        texts = dict.fromkeys(("reason", "remedy", "runner", "token", "title"), "")
        numbers = dict.fromkeys(("start", "failures", "not_before", "failing_since", "read_epoch", "read_seq"), 0)
        row = {"id": session, "place": place, "profile": profile, "body": "{}", "wanted": wanted, "placement": "{}"}
        self.clock.now += 1
        times = {"created": self.clock(), "since": self.clock()}
        row |= {**texts, **numbers, **times, "state": "running", "created_by": "olga"}
        known = {name: value for name, value in row.items() if name in tables.jobs.c}
        async with self.context.database.writing() as connection:
            await connection.execute(insert(tables.jobs).values(known))

    def live(self, session: str, epoch: int = 1) -> PlayedLive:
        """A session that runs."""
        live = PlayedLive(session, 1, self.clock)
        live.begin(Begun(epoch=epoch, began=self.clock(), room="here"))
        self.hub._lives[session] = live
        return live

    async def alert(self, session: str, text: str, kind: str = "instruction") -> None:
        """The bot raises an alert."""
        row = {"cause": f"{session}:{next(self.numbers)}", "session": session, "kind": kind, "severity": "warning"}
        async with self.context.database.writing() as connection:
            await connection.execute(insert(tables.alerts).values(**row, text=text, wall=self.clock(), t=1.0))

    async def _start(self, actor: Actor, given: StartSession) -> Any:
        session = f"call-{next(self.numbers)}"
        self.started.append(given)
        await self.job(session, profile=given.profile, place=write_place(given.place))
        self.live(session)
        return SimpleNamespace(id=session, actor=actor)

    async def _stop(self, actor: Actor, session: str, words: str = "") -> None:
        del actor, words
        self.stopped.append(session)
        async with self.context.database.writing() as connection:
            await connection.execute(tables.jobs.update().where(tables.jobs.c.id == session).values(wanted="stopped"))
        self.hub.forget(session)

    async def _command(self, session: str, name: str, args: dict[str, Any], *, within: float = 5.0) -> dict[str, Any]:
        del within
        self.orders.append((session, name, args))
        if isinstance(self.answers, Exception):
            raise self.answers
        return {"sdp": "v=0 answer"}


def line(kind: str, clock: Clock, **fields: Any) -> dict[str, Any]:
    """A log line of now."""
    return {"v": 1, "kind": kind, "wall": clock(), "t": 1.0, **fields}


def said(clock: Clock, text: str, n: int = 1, **fields: Any) -> dict[str, Any]:
    """A tick in which the bot speaks."""
    return line("tick", clock, **{"n": n, "action": "speak", "text": text, "instruction": None, **fields})


BUSY = UnavailableError("no", source="fleet", kind="unreachable")
NO_OFFER = BadInputError("no", source="call", kind="bad_offer")


@asynccontextmanager
async def sharing(folder: Path) -> AsyncIterator[Stage]:
    """A stage on a new SQLite database."""
    clock = Clock()
    url = f"sqlite:///{folder / 'joyvl.db'}"
    async with opening(url, wall=clock) as store:
        context = Context(
            store=store,
            vault=Vault(["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]),
            defaults=Settings(database_url=url, _env_file=None),  # type: ignore[call-arg]  # pydantic-settings' own
            egress=Egress(),
            folder=folder,
            wall=clock,
        )
        audit = Audit(context)
        yield Stage(context, clock, Shares(context, audit), audit, Hub(clock))
