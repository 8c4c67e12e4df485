"""Sessions: begun, resumed, ended, listed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.delegation import Spent, account
from joyvl_core.errors import BadInputError
from joyvl_core.events import AnyEvent, InstructionEvent, TicketEvent, TickEvent, read_event
from joyvl_core.memory.items import MemoryItem
from joyvl_core.observation import Instruction, TicketNews, TicketState
from joyvl_core.store import tables
from joyvl_core.store.database import insert_new
from joyvl_core.store.rows import item_of
from joyvl_core.store.tables import events, memory_items, pictures, sessions
from joyvl_core.text import tidy

RESUMED_ITEMS = 4_000
"""Memory items of each kind that a resumed session gets back, the newest of them."""
RESUMED_KINDS = 20
_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{tables.MAX_ID - 1}}}")
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aeiou"
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a session that goes on had before.

    Attributes:
        instructions: The standing ones, oldest first.
        items: What its model remembered, oldest first; of each kind the newest.
        tickets: Delegations that were open.
        made: How many delegations there were.
        spent: What they took.
        t: The last session second that is known.
        last_n: Number of the last tick of the epoch before, or -1.
    """

    instructions: tuple[Instruction, ...]
    items: tuple[MemoryItem, ...]
    tickets: tuple[TicketNews, ...]
    made: int
    spent: Spent
    t: float
    last_n: int


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it begins or goes on.

    Attributes:
        epoch: 1 at first, one more each time it is taken up again.
        began: Unix seconds of session second 0, the same for all epochs.
        resumed: What it had before, for the epochs after the first.
    """

    id: str
    epoch: int
    began: float
    room: str = ""
    resumed: Resumed | None = None


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session in a list.

    Attributes:
        began: Unix seconds of its second 0.
        t: The last session second that is known.
        ended: The session second of its end; None while it runs, or where it was cut off.
        events: How many events its log holds.
        acts: How often it spoke or delegated.
    """

    id: str
    room: str
    began: float
    t: float
    ended: float | None
    epochs: int
    events: int
    acts: int
    items: int
    pictures: int


async def begin(
    connection: AsyncConnection, session: str | None, *, room: str, wall: float, must_exist: bool
) -> Session:
    """Begins a session, or its next epoch, in the transaction given."""
    if session is None:
        session = await free_name(connection)
    else:
        check_id(session)
    if not must_exist:
        new = {"id": session, "room": tidy(room, tables.MAX_ROOM), "began": wall, "epoch": 0, "t": 0.0}
        await connection.execute(insert_new(connection, sessions, ("id",)), new)
    known = select(sessions).where(sessions.c.id == session).with_for_update()
    found = (await connection.execute(known)).mappings().one_or_none()
    if found is None:
        raise unknown(session)
    epoch, began = found["epoch"] + 1, found["began"]
    # It lives now: what is kept by age counts from here.
    alive = {"epoch": epoch, "t": max(found["t"], wall - began), "ended": None}
    await connection.execute(update(sessions).where(sessions.c.id == session).values(alive))
    resumed = await _resumed(connection, session, found["t"], epoch) if epoch > 1 else None
    return Session(session, epoch, began, found["room"], resumed)


async def end(connection: AsyncConnection, session: Session, t: float) -> None:
    """Marks the end; an epoch that is not the newest any more changes nothing."""
    mine = (sessions.c.id == session.id) & (sessions.c.epoch == session.epoch)
    await connection.execute(update(sessions).where(mine).values(ended=t, t=t))


async def newest(connection: AsyncConnection, limit: int) -> list[SessionInfo]:
    """The sessions that began last, newest first."""
    listed = select(sessions).order_by(sessions.c.began.desc(), sessions.c.id).limit(limit)
    found = (await connection.execute(listed)).mappings().all()
    ids = [row["id"] for row in found]
    logged = await _counted(connection, events, ids)
    acts = await _counted(connection, events, ids, events.c.action)
    items = await _counted(connection, memory_items, ids)
    shown = await _counted(connection, pictures, ids)
    return [
        SessionInfo(
            id=row["id"],
            room=row["room"],
            began=row["began"],
            t=row["t"],
            ended=row["ended"],
            epochs=row["epoch"],
            events=logged.get(row["id"], 0),
            acts=acts.get(row["id"], 0),
            items=items.get(row["id"], 0),
            pictures=shown.get(row["id"], 0),
        )
        for row in found
    ]


def is_id(session: str) -> bool:
    """Whether it can be the id of a session."""
    return _ID.fullmatch(session) is not None


def check_id(session: str) -> None:
    """Raises BadInputError for what can't be a session's id."""
    if not is_id(session):
        raise BadInputError(
            f"{session[:80]!r} can't be the id of a session.",
            source="store",
            kind="session_id",
            hint=f"At most {tables.MAX_ID} letters, digits, dots, dashes and underscores, the first no sign.",
        )


def unknown(session: str) -> BadInputError:
    """The error for a session that the store does not hold."""
    return BadInputError(
        f"The store holds no session {session[:80]!r}.",
        source="store",
        kind="unknown_session",
        hint="Is its id spelt right, and DATABASE_URL the one that it was stored with?",
    )


def standing(log: Iterable[AnyEvent]) -> tuple[Instruction, ...]:
    """The instructions that a log leaves in force, oldest first. One whose words were erased is none."""
    found: dict[str, Instruction] = {}
    for event in log:
        if not isinstance(event, InstructionEvent):
            continue
        if event.state == "cancelled":
            found.pop(event.id, None)
        elif event.text:
            found[event.id] = Instruction(event.id, event.text, event.author, event.t)
    return tuple(found.values())


def open_tickets(log: Iterable[AnyEvent]) -> tuple[TicketNews, ...]:
    """The delegations that a log leaves open, oldest first. The tick that made one says what it belongs to."""
    ticks: dict[str, TickEvent] = {}
    found: dict[str, TicketNews] = {}
    for event in log:
        if isinstance(event, TickEvent) and event.ticket:
            ticks[event.ticket] = event
        elif isinstance(event, TicketEvent) and event.state is not TicketState.RUNNING:
            ticks.pop(event.id, None)
            found.pop(event.id, None)
        elif isinstance(event, TicketEvent):
            tick = ticks.get(event.id)
            wish, line = (tick.instruction, tick.reply_to) if tick else (None, None)
            found[event.id] = TicketNews(event.id, event.state, event.question, event.digest, event.t, wish, line)
    return tuple(found.values())


async def _resumed(connection: AsyncConnection, session: str, t: float, epoch: int) -> Resumed:
    asked = events.c.kind == "instruction"
    handed = (events.c.kind == "ticket") | (events.c.action == "delegate")
    ticks = select(func.max(events.c.n)).where(events.c.session == session, events.c.epoch == epoch - 1)
    last = await connection.scalar(ticks)
    delegated = await _log(connection, session, handed)
    made, spent = account(delegated)
    return Resumed(
        instructions=standing(await _log(connection, session, asked)),
        items=await _items(connection, session),
        tickets=open_tickets(delegated),
        made=made,
        spent=spent,
        t=t,
        last_n=-1 if last is None else last,
    )


async def _log(connection: AsyncConnection, session: str, wanted: Any) -> list[AnyEvent]:
    """The wanted events of a session in order: few by nature, a person asked for each."""
    lines = select(events.c.body).where(events.c.session == session, wanted).order_by(events.c.epoch, events.c.seq)
    return [read_event(line) for line in (await connection.scalars(lines)).all()]


async def _items(connection: AsyncConnection, session: str) -> tuple[MemoryItem, ...]:
    """The newest items of each kind: hours of summaries are not lost behind a flood of what was seen."""
    place = func.row_number().over(partition_by=memory_items.c.kind, order_by=memory_items.c.id.desc())
    ranked = select(memory_items, place.label("place")).where(memory_items.c.session == session).subquery()
    kept = select(ranked).where(ranked.c.place <= RESUMED_ITEMS).order_by(ranked.c.id.desc())
    found = (await connection.execute(kept.limit(RESUMED_ITEMS * RESUMED_KINDS))).mappings().all()
    return tuple(item_of(row) for row in reversed(found))


async def _counted(connection: AsyncConnection, table: Table, ids: list[str], column: Any = None) -> dict[str, int]:
    count = func.count() if column is None else func.count(column)
    asked = select(table.c.session, count).where(table.c.session.in_(bindparam("ids", expanding=True)))
    found = await connection.execute(asked.group_by(table.c.session), {"ids": ids})
    return {row[0]: row[1] for row in found}


async def free_name(connection: AsyncConnection) -> str:
    """A new id that can be read aloud: `bado-kimu`."""
    while True:
        syllables = [secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(4)]
        name = f"{''.join(syllables[:2])}-{''.join(syllables[2:])}"
        if await connection.scalar(select(sessions.c.id).where(sessions.c.id == name)) is None:
            return name
