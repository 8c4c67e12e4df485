"""A session's log, read a page at a time."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.errors import BadInputError
from joyvl_core.store.database import Database
from joyvl_core.store.tables import events, sessions
from web_dashboard.permissions import UnknownError


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the log in its place."""

    epoch: int
    seq: int
    event: dict[str, Any]

    @property
    def at(self) -> str:
        """Its cursor."""
        return f"{self.epoch}.{self.seq}"


async def page(
    database: Database,
    session: str,
    wanted: ColumnElement[bool],
    *,
    before: str | None,
    after: str | None,
    limit: int,
) -> tuple[list[Row], str | None, str | None]:
    """Lines in their order: the first ones after a cursor, else the last ones before one, or before the end.

    Returns:
        Them, and the cursors of what comes before (if there is more) and after.

    Raises:
        UnknownError: Nothing is kept of the session.
        BadInputError: A cursor is none.
    """
    place, limit = tuple_(events.c.epoch, events.c.seq), max(1, limit)
    chosen = select(events.c.epoch, events.c.seq, events.c.body).where(events.c.session == session, wanted)
    if after is not None:
        chosen = chosen.where(place > _cursor(after)).order_by(events.c.epoch, events.c.seq)
    else:
        chosen = chosen if before is None else chosen.where(place < _cursor(before))
        chosen = chosen.order_by(events.c.epoch.desc(), events.c.seq.desc())
    async with database.reading() as connection:
        await known_session(connection, session)
        found = (await connection.execute(chosen.limit(limit + 1))).all()
    more, found = len(found) > limit, found[:limit]
    lines = found if after is not None else found[::-1]
    read = [Row(row.epoch, row.seq, event) for row in lines if (event := read_json(row.body)).get("kind")]
    # Reading two thousand lines takes some milliseconds; others get their turn before the next page.
    await asyncio.sleep(0)
    first = f"{lines[0].epoch}.{lines[0].seq}" if lines else None
    last = f"{lines[-1].epoch}.{lines[-1].seq}" if lines else after
    return read, first if more and after is None else None, last


def _cursor(text: str) -> tuple[int, int]:
    epoch, _, seq = text.partition(".")
    if not (epoch.isdecimal() and seq.isdecimal() and len(epoch) < 10 and len(seq) < 19):
        raise BadInputError(
            "That is no place in a log.", source="history", kind="cursor", hint="Use one that was told."
        )
    return int(epoch), int(seq)


def between(wanted: ColumnElement[bool], since: float | None, until: float | None) -> ColumnElement[bool]:
    """The condition, and that it happened between two session seconds."""
    if since is not None:
        wanted &= events.c.t >= since
    if until is not None:
        wanted &= events.c.t <= until
    return wanted


def read_json(text: str) -> dict[str, Any]:
    """The object that a line holds; an empty one for a line that holds none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def known_session(connection: AsyncConnection, session: str) -> RowMapping:
    """The session's row.

    Raises:
        UnknownError: Nothing is kept of it.
    """
    row = (await connection.execute(select(sessions).where(sessions.c.id == session))).mappings().one_or_none()
    if row is None:
        raise UnknownError(
            "Nothing is kept of this session.",
            source="history",
            kind="unknown_session",
            hint="It has not begun yet, or was deleted after its time.",
        )
    return row
