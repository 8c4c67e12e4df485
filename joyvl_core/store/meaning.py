"""What remembered texts mean, as vectors: made in the background, compared when somebody asks."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.ports import TextEmbedder
from joyvl_core.store.database import Database
from joyvl_core.store.tables import search_entries, search_vectors
from joyvl_core.store.times import Span
from joyvl_core.threads import in_thread

MAX_VECTORS = 20_000
"""Entries of a session that are compared, the newest."""
_SESSIONS = 4
"""Sessions whose vectors are held in memory."""
_BATCH = 16
_AGAIN = 30.0
"""Seconds until an embedder that failed is tried again."""

Vector = NDArray[np.float32]
Halves = NDArray[np.float16]


@dataclass(slots=True)
class _Known:
    """The vectors of a session, as far as they are loaded: a row an entry, the newest last."""

    last: int = 0
    entries: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    vectors: Halves = field(default_factory=lambda: np.empty((0, 0), np.float16))


class Meanings:
    """The vectors of all sessions.

    Args:
        embedder: Makes them; None makes none, and finds nothing.
    """

    def __init__(self, database: Database, embedder: TextEmbedder | None) -> None:
        self._database = database
        self._embedder = embedder
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._news: dict[str, asyncio.Event] = {}

    def arrived(self, session: str) -> None:
        """Entries of a session were written."""
        if event := self._news.get(session):
            event.set()

    def forget(self, session: str) -> None:
        """Entries of a session were erased."""
        self._known.pop(session, None)

    async def run(self, session: str) -> None:
        """Gives every entry of a session its vector, until cancelled. What fails is tried again later."""
        if self._embedder is None:
            return
        news = self._news[session] = asyncio.Event()
        try:
            while True:
                news.clear()
                try:
                    while await self._some(session, self._embedder):
                        pass
                except Exception:  # whatever an embedder raises: search by words goes on without it
                    await asyncio.sleep(_AGAIN)
                    continue
                await news.wait()
        finally:
            if self._news.get(session) is news:
                del self._news[session]

    async def of(self, question: str) -> Vector | None:
        """What a question means, if that can be told."""
        if self._embedder is None:
            return None
        try:
            (vector,) = await in_thread(self._embedder.embed, [question])
            return np.asarray(vector, np.float32)
        except Exception:  # whatever an embedder raises: words alone, then
            return None

    async def nearest(
        self, connection: AsyncConnection, session: str, meaning: Vector, span: Span | None, limit: int
    ) -> list[int]:
        """Ids of a session's entries that mean something like it, the most alike first."""
        known = await self._load(connection, session)
        if known.vectors.shape[1:] != meaning.shape:
            return []
        inside = None
        if span is not None:
            some = select(search_entries.c.id).where(search_entries.c.session == session, span.overlaps())
            newest = some.order_by(search_entries.c.id.desc()).limit(MAX_VECTORS)
            inside = np.asarray((await connection.scalars(newest)).all(), np.int64)
        return await in_thread(_alike, meaning, known.vectors, known.entries, inside, limit)

    async def _some(self, session: str, embedder: TextEmbedder) -> bool:
        """Gives the oldest entries without a vector theirs; whether there were any."""
        done = select(func.max(search_vectors.c.entry)).where(search_vectors.c.session == session).scalar_subquery()
        due = select(search_entries.c.id, search_entries.c.text).where(
            search_entries.c.session == session, search_entries.c.id > func.coalesce(done, 0)
        )
        async with self._database.reading() as connection:
            found = (await connection.execute(due.order_by(search_entries.c.id).limit(_BATCH))).all()
        if not found:
            return False
        vectors = await in_thread(embedder.embed, [entry.text for entry in found])
        halves = [np.asarray(vector, np.float16).tobytes() for vector in vectors]
        async with self._database.writing() as connection:
            # What was erased meanwhile gets none.
            left = select(search_entries.c.id).where(search_entries.c.id.in_([entry.id for entry in found]))
            still = set((await connection.scalars(left)).all())
            rows = [
                {"session": session, "entry": entry.id, "vector": half}
                for entry, half in zip(found, halves, strict=True)
                if entry.id in still
            ]
            if rows:
                await connection.execute(insert(search_vectors), rows)
        return True

    async def _load(self, connection: AsyncConnection, session: str) -> _Known:
        """The session's vectors, the new ones added to those that are loaded already."""
        known = self._known.setdefault(session, _Known())
        self._known.move_to_end(session)
        while len(self._known) > _SESSIONS:
            self._known.popitem(last=False)
        new = select(search_vectors.c.id, search_vectors.c.entry, search_vectors.c.vector)
        new = new.where(search_vectors.c.session == session, search_vectors.c.id > known.last)
        rows = (await connection.execute(new.order_by(search_vectors.c.id.desc()).limit(MAX_VECTORS))).all()
        # Of another model than the newest, or loaded by another question meanwhile.
        rows = [row for row in reversed(rows) if row.id > known.last and len(row.vector) == len(rows[0].vector)]
        if not rows:
            return known
        vectors = np.frombuffer(b"".join(row.vector for row in rows), np.float16).reshape(len(rows), -1)
        entries = np.asarray([row.entry for row in rows], np.int64)
        if known.vectors.shape[1:] == vectors.shape[1:]:
            entries, vectors = np.concatenate([known.entries, entries]), np.concatenate([known.vectors, vectors])
        known.last = rows[-1].id
        known.entries, known.vectors = entries[-MAX_VECTORS:], vectors[-MAX_VECTORS:]
        return known


def _alike(
    meaning: Vector, vectors: Halves, entries: NDArray[np.int64], inside: NDArray[np.int64] | None, limit: int
) -> list[int]:
    """The entries most like the meaning, best first. Runs in a thread."""
    if inside is not None:
        among = np.isin(entries, inside)
        vectors, entries = vectors[among], entries[among]
    if not len(entries):
        return []
    likeness = vectors.astype(np.float32) @ meaning
    # How alike is alike differs between models; what is nearer to the middle of all than to the best is not.
    floor = (likeness.max() + np.median(likeness)) / 2
    return [int(entries[i]) for i in np.argsort(-likeness)[:limit] if likeness[i] >= floor]
