"""One batch, one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, case, update
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.errors import StayFailedError
from joyvl_core.store.buffer import Waiting
from joyvl_core.store.database import insert_new
from joyvl_core.store.rows import Row
from joyvl_core.store.sessions import Session
from joyvl_core.store.tables import events, memory_items, pictures, search_entries, sessions


async def write_rows(connection: AsyncConnection, session: Session, batch: Sequence[Waiting], t: float) -> None:
    """Writes a batch of rows, the newest of session second `t`. Written twice, it changes nothing.

    Raises:
        StayFailedError: The session was taken over, or is gone.
    """
    await _claim(connection, session, t)
    for table in (events, memory_items):
        await _insert(connection, table, session, [(each.seq, each.row) for each in batch if each.table == table.name])
    await _insert(connection, search_entries, session, [(each.seq, each.entry) for each in batch if each.entry])


async def write_pictures(connection: AsyncConnection, session: Session, batch: Sequence[tuple[int, Row]]) -> None:
    """Writes pictures, each with its number in the epoch. Written twice, they change nothing.

    Raises:
        StayFailedError: The session was taken over, or is gone.
    """
    await _claim(connection, session, 0.0)
    await _insert(connection, pictures, session, batch)


async def _claim(connection: AsyncConnection, session: Session, t: float) -> None:
    """Makes sure that no newer epoch has begun, and that none does before this transaction ends."""
    mine = (sessions.c.id == session.id) & (sessions.c.epoch == session.epoch)
    latest = case((sessions.c.t < t, t), else_=sessions.c.t)
    claimed = await connection.execute(update(sessions).where(mine).values(t=latest))
    if claimed.rowcount != 1:
        raise StayFailedError(
            f"The session {session.id} was taken over by another process, or erased: nothing more is written for it.",
            source="store",
            kind="stale",
            hint="One process a session: end this one, or the other.",
        )


async def _insert(connection: AsyncConnection, table: Table, session: Session, rows: Sequence[tuple[int, Row]]) -> None:
    if not rows:
        return
    owner: dict[str, Any] = {"session": session.id, "epoch": session.epoch}
    insert = insert_new(connection, table, ("session", "epoch", "seq"))
    await connection.execute(insert, [{**owner, "seq": seq, **row} for seq, row in rows])
