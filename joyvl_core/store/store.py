"""Everything that outlives a process: sessions, their logs, memory and pictures."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import isfinite

from pydantic import ValidationError
from sqlalchemy import select, tuple_

from joyvl_core.errors import BadInputError
from joyvl_core.events import AnyEvent, read_event
from joyvl_core.observation import Recollection
from joyvl_core.ports import TextEmbedder
from joyvl_core.store import archive, erasing, sessions
from joyvl_core.store.database import Database
from joyvl_core.store.erasing import Erased
from joyvl_core.store.meaning import Meanings
from joyvl_core.store.rows import PictureKind, StoredPicture, picture_of
from joyvl_core.store.sessions import Session, SessionInfo
from joyvl_core.store.tables import events, pictures
from joyvl_core.store.tables import sessions as session_table

MAX_LISTED = 500
_PAGE = 500
_PICTURES = 16
_FOREVER = 1e12


class Store:
    """The database of all sessions, for one event loop. Made by `open`."""

    def __init__(self, database: Database, meanings: Meanings, wall: Callable[[], float]) -> None:
        self.database = database
        self.meanings = meanings
        self._wall = wall

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, *, embedder: TextEmbedder | None = None, wall: Callable[[], float] = time.time
    ) -> AsyncIterator[Store]:
        """Opens the database, makes it where it is missing, and brings its tables up to date.

        Args:
            url: `sqlite:///path/to/file.db` or `postgresql://user:password@host/database`.
            embedder: Finds by meaning what words don't; None searches by words and times alone.
            wall: Unix seconds of this moment.

        Raises:
            BadInputError: The URL can't be used.
            UnavailableError: The database can't be reached, or belongs to a newer version.
        """
        async with Database.open(url) as database:
            yield cls(database, Meanings(database, embedder), wall)

    # --- sessions -------------------------------------------------------------------------------

    async def begin(self, session: str | None, *, room: str, wall: float, must_exist: bool = False) -> Session:
        """Begins a session, or where that id exists its next epoch; the epoch before can't write any more.

        Args:
            session: Its id; None makes a new one.
            room: Where it is; of a session that exists it stays what it was.
            wall: Unix seconds of a new session's second 0.
            must_exist: The session is to be taken up again, not made.

        Raises:
            BadInputError: It can't be an id, or must exist and does not.
        """
        async with self.database.writing() as connection:
            return await sessions.begin(connection, session, room=room, wall=wall, must_exist=must_exist)

    async def end(self, session: Session, t: float) -> None:
        """Marks the session second of its end."""
        async with self.database.writing() as connection:
            await sessions.end(connection, session, t)

    async def sessions(self, limit: int = 50) -> list[SessionInfo]:
        """The sessions that began last, newest first."""
        async with self.database.reading() as connection:
            return await sessions.newest(connection, max(1, min(limit, MAX_LISTED)))

    # --- what they hold -------------------------------------------------------------------------

    async def events(self, session: str, *, epoch: int | None = None) -> AsyncIterator[AnyEvent]:
        """The events of a session in order, of one epoch or of all.

        A line that can't be read, by whoever wrote it, is left out.

        Raises:
            BadInputError: There is no such session.
        """
        await self._check(session)
        mine = select(events.c.epoch, events.c.seq, events.c.body).where(events.c.session == session)
        if epoch is not None:
            mine = mine.where(events.c.epoch == epoch)
        last = (0, 0)
        while True:
            page = mine.where(tuple_(events.c.epoch, events.c.seq) > last).order_by(events.c.epoch, events.c.seq)
            async with self.database.reading() as connection:
                found = (await connection.execute(page.limit(_PAGE))).all()
            if not found:
                return
            last = (found[-1].epoch, found[-1].seq)
            for row in found:
                try:
                    event = read_event(row.body)
                except ValidationError:
                    continue
                yield event

    async def pictures(
        self, session: str, since: float = 0.0, until: float = _FOREVER, kind: PictureKind = "thumbnail"
    ) -> AsyncIterator[StoredPicture]:
        """The pictures of one kind between two session seconds, oldest first.

        Raises:
            BadInputError: There is no such session.
        """
        await self._check(session)
        mine = select(pictures).where(pictures.c.session == session, pictures.c.kind == kind, pictures.c.t <= until)
        last = (since, 0)
        while True:
            page = mine.where(tuple_(pictures.c.t, pictures.c.id) > last).order_by(pictures.c.t, pictures.c.id)
            async with self.database.reading() as connection:
                found = (await connection.execute(page.limit(_PICTURES))).mappings().all()
            if not found:
                return
            last = (found[-1]["t"], found[-1]["id"])
            for row in found:
                yield picture_of(row)

    async def search(self, session: str, question: str, *, now: float, limit: int = 6) -> tuple[Recollection, ...]:
        """What a session remembers that fits the question, by words, meaning and time, best first.

        `now` is the session second of asking: what "an hour ago" is counted from.

        Raises:
            UnavailableError: The database can't be asked.
        """
        if not sessions.is_id(session):
            return ()
        return await archive.search(self.database, self.meanings, session, question, now=now, limit=limit)

    # --- forgetting -----------------------------------------------------------------------------

    async def erase(self, session: str, since: float | None = None, until: float | None = None) -> Erased:
        """Erases what happened between two session seconds, both included; everything where neither is given.

        Of an event remains that it happened; of a whole session its id and times. That it was erased is recorded.

        Raises:
            BadInputError: There is no such session, or a time is no number.
            UnavailableError: The database can't be written.
        """
        await self._check(session)
        if not all(isfinite(t) for t in (since, until) if t is not None):
            raise BadInputError("A time to erase by must be a number.", source="store", kind="time")
        try:
            return await erasing.erase(self.database, session, since, until, self._wall())
        finally:
            self.meanings.forget(session)

    async def retain(self, wall: float, days: float, picture_days: float) -> int:
        """Deletes sessions last heard of more than `days` before `wall`, and pictures older than `picture_days`.

        Returns:
            How many sessions are gone.
        """
        return await erasing.retain(self.database, wall, days, picture_days)

    async def _check(self, session: str) -> None:
        if not sessions.is_id(session):
            raise sessions.unknown(session)
        async with self.database.reading() as connection:
            found = await connection.scalar(select(session_table.c.id).where(session_table.c.id == session))
        if found is None:
            raise sessions.unknown(session)
