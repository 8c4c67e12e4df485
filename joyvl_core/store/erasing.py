"""Forgetting: per session, per range of time, and what is older than it may be."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, bindparam, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.errors import UnavailableError
from joyvl_core.store.database import Database
from joyvl_core.store.rows import blank
from joyvl_core.store.tables import (
    REBUILD,
    erasures,
    events,
    memory_items,
    pictures,
    search_entries,
    search_vectors,
    sessions,
)

_BATCH = 1_000
_PICTURES = 200
_TRIES = 3
_AGAIN = 0.5
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased: events whose words are gone, memory items, pictures.

    Attributes:
        scrubbed: Nothing of it is left in the database's files either. False where other processes kept an SQLite
            file busy, or the disk is full: erase again. PostgreSQL's own vacuum does it in the background.
    """

    events: int
    items: int
    pictures: int
    scrubbed: bool = True


async def erase(database: Database, session: str, since: float | None, until: float | None, wall: float) -> Erased:
    """Erases what a session holds between two of its seconds; all of it where neither is given.

    Of an event remains that it happened, of a whole session its id and times. That it was erased is recorded.
    """
    async with database.writing() as connection:
        new = insert(erasures).values(session=session, since=since, until=until, wall=wall)
        record = (await connection.execute(new)).inserted_primary_key
    number = record[0] if record else None
    whole = since is None and until is None
    blanked = 0 if whole else await _blank_events(database, session, since, until)
    shown = await _delete_pictures(database, pictures.c.session == session, *_between(pictures, since, until))
    async with database.writing() as connection:
        for table in (search_vectors, search_entries):
            await _delete(connection, table, session, since, until)
        items = await _delete(connection, memory_items, session, since, until)
        if whole:
            blanked = (await connection.execute(delete(events).where(events.c.session == session))).rowcount
            await connection.execute(update(sessions).where(sessions.c.id == session).values(room=""))
        if database.is_sqlite:
            await connection.execute(text(REBUILD))
        await connection.execute(update(erasures).where(erasures.c.id == number).values(finished=wall))
    return Erased(blanked, items, shown, await scrub(database))


async def retain(database: Database, wall: float, days: float, picture_days: float) -> int:
    """Deletes sessions last heard of more than `days` ago, and pictures older than that or than `picture_days`."""
    old = sessions.c.began + sessions.c.t < wall - days * DAY
    began = select(sessions.c.began).where(sessions.c.id == pictures.c.session).scalar_subquery()
    await _delete_pictures(database, began + pictures.c.t < wall - min(days, picture_days) * DAY)
    async with database.writing() as connection:
        gone = (await connection.execute(delete(sessions).where(old))).rowcount
        if gone and database.is_sqlite:
            await connection.execute(text(REBUILD))
    return gone


async def scrub(database: Database) -> bool:
    """Takes what was deleted out of the database's files too; whether nothing of it is left.

    Overwriting what is deleted is not enough: copies stay behind where rows once moved between pages. So the file is
    written anew, about a second for each 70 MB, in which nothing else is written.
    """
    if not database.is_sqlite:
        return True
    for _ in range(_TRIES):
        with contextlib.suppress(UnavailableError):
            async with database.outside() as connection:
                await connection.exec_driver_sql("VACUUM")
                busy, *_ = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).one()
            if not busy:
                return True
        await asyncio.sleep(_AGAIN)
    return False


async def _blank_events(database: Database, session: str, since: float | None, until: float | None) -> int:
    """Takes the words out of the events, a batch a transaction, so that the session can be written meanwhile."""
    done, last = 0, 0
    while True:
        async with database.writing() as connection:
            due = select(events.c.id, events.c.body).where(events.c.session == session, events.c.id > last)
            due = due.where(*_between(events, since, until)).order_by(events.c.id).limit(_BATCH)
            found = (await connection.execute(due)).all()
            if not found:
                return done
            change = update(events).where(events.c.id == bindparam("number")).values(body=bindparam("line"))
            await connection.execute(change, [{"number": row.id, "line": blank(row.body)} for row in found])
        done, last = done + len(found), found[-1].id


async def _delete_pictures(database: Database, *which: ColumnElement[bool]) -> int:
    """Deletes pictures, few a transaction: each is long, and all of them more than a disk may have room for twice."""
    done = 0
    while True:
        async with database.writing() as connection:
            some = select(pictures.c.id).where(*which).limit(_PICTURES)
            deleted = (await connection.execute(delete(pictures).where(pictures.c.id.in_(some)))).rowcount
        done += deleted
        if deleted < _PICTURES:
            return done


async def _delete(
    connection: AsyncConnection, table: Table, session: str, since: float | None, until: float | None
) -> int:
    if table is search_vectors:
        inside = select(search_entries.c.id).where(
            search_entries.c.session == session, *_between(search_entries, since, until)
        )
        return (await connection.execute(delete(table).where(table.c.entry.in_(inside)))).rowcount
    mine = delete(table).where(table.c.session == session, *_between(table, since, until))
    return (await connection.execute(mine)).rowcount


def _between(table: Table, since: float | None, until: float | None) -> list[ColumnElement[bool]]:
    """The conditions for a row to lie between two session seconds, in part at least."""
    end = table.c.until if "until" in table.c else table.c.t
    found = []
    if since is not None:
        found.append(end >= since)
    if until is not None:
        found.append(table.c.t <= until)
    return found
