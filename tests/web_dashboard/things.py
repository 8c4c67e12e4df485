"""Services over a real database: what the tests of single services stand on."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import insert, select

from bot.settings import Settings
from integrations.egress import Egress
from joyvl_core.events import AnyEvent, InstructionEvent, TicketEvent, TickEvent, encode
from joyvl_core.observation import FrameKind, TicketState, Trigger
from joyvl_core.store.rows import event_row
from joyvl_core.store.tables import events
from joyvl_core.store.tables import sessions as session_table
from web_dashboard.db import tables
from web_dashboard.db.opening import opening
from web_dashboard.db.vault import Vault
from web_dashboard.permissions import Actor, Role
from web_dashboard.services.audit import Audit
from web_dashboard.services.context import Context

ADMIN = Actor("ada", user=1, role=Role.ADMIN)
OPERATOR = Actor("olga", user=2, role=Role.OPERATOR)
VIEWER = Actor("vic", user=3, role=Role.VIEWER)
LOCAL = frozenset({"127.0.0.1"})
_KEY = Fernet.generate_key()


@dataclass
class Clock:
    """Unix seconds, set by hand."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Things:
    """A context, its audit log and its clock."""

    context: Context
    audit: Audit
    clock: Clock
    counts: dict[str, Any] = field(default_factory=dict)

    async def rows(self, table: Any) -> list[Any]:
        async with self.context.database.reading() as connection:
            return list((await connection.execute(select(table).order_by(table.c.id))).mappings().all())

    async def actions(self) -> list[str]:
        return [row["action"] for row in await self.rows(tables.audit)]

    async def job(self, session: str = "bado-kimu", **values: Any) -> None:
        """A session, as the fleet has it."""
        row = {
            "id": session,
            "place": '{"kind":"livekit","room":"r","url":""}',
            "body": "{}",
            "title": "Street",
            "wanted": "running",
            "state": "running",
            "since": self.clock.now,
            "reason": "",
            "remedy": "",
            "runner": "process",
            "placement": "{}",
            "start": 1,
            "token": "",
            "failures": 0,
            "failing_since": 0.0,
            "not_before": 0.0,
            "created": self.clock.now,
            "created_by": "olga",
            "read_epoch": 0,
            "read_seq": 0,
        }
        async with self.context.database.writing() as connection:
            known = {column.name for column in tables.jobs.columns}
            given = {name: value for name, value in {**row, **values}.items() if name in known}
            await connection.execute(insert(tables.jobs), given)
            began = {"id": session, "room": "r", "began": self.clock.now, "epoch": 1, "t": 0.0}
            await connection.execute(insert(session_table), began)

    async def log(self, *happened: AnyEvent, session: str = "bado-kimu", epoch: int = 1) -> None:
        """Adds to a session's log, as its process does."""
        numbers = self.counts.setdefault(f"{session}:{epoch}", itertools.count(1))
        rows = [{**event_row(event), "session": session, "epoch": epoch, "seq": next(numbers)} for event in happened]
        async with self.context.database.writing() as connection:
            await connection.execute(insert(events), rows)


def tick(n: int, text: str = "", wall: float = 1_800_000_001.0, **fields: Any) -> TickEvent:
    action = fields.pop("action", "speak" if text else "silence")
    return TickEvent(
        wall=wall,
        t=float(n),
        n=n,
        triggers=(Trigger.INTERVAL,),
        action=action,
        decided=action,
        text=text,
        latency_ms=12.0,
        frame=FrameKind.NONE,
        **fields,
    )


def wish(name: str, text: str, state: Any = "added", wall: float = 1_800_000_001.0) -> InstructionEvent:
    return InstructionEvent(wall=wall, t=0.5, id=name, state=state, text=text, author="olga")


def ticket(name: str, state: TicketState = TicketState.DONE, wall: float = 1_800_000_001.0) -> TicketEvent:
    return TicketEvent(wall=wall, t=2.0, id=name, state=state, question="Whose dog?", digest="Ann's.")


@asynccontextmanager
async def things(
    folder: Path, url: str = "", *, allow: frozenset[str] = LOCAL, **settings: Any
) -> AsyncIterator[Things]:
    """Opens a database, SQLite in the folder where no URL is given."""
    clock = Clock()
    settings = {"database_url": "", **settings}
    async with opening(url or f"sqlite:///{folder / 'joyvl.db'}", wall=clock) as store:
        context = Context(
            store,
            Vault([_KEY]),
            Settings(**settings),
            Egress(allow, "JOYVL_DASHBOARD_ALLOW_HOSTS"),
            folder,
            clock,
        )
        yield Things(context, Audit(context), clock)


__all__ = ["ADMIN", "LOCAL", "OPERATOR", "VIEWER", "Clock", "Things", "encode", "things", "tick", "ticket", "wish"]
