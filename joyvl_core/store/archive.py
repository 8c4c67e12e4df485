"""Questions about the past: by words, by meaning and by time, fused into one list."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import RowMapping, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.observation import Recollection
from joyvl_core.ports import TextEmbedder
from joyvl_core.store.database import Database
from joyvl_core.store.tables import pictures, search_entries, search_vectors, sessions
from joyvl_core.store.times import Asked, Span
from joyvl_core.store.times import read as read_times
from joyvl_core.store.words import MAX_QUESTION, question_words
from joyvl_core.store.words_index import matching
from joyvl_core.threads import in_thread

MAX_RESULTS = 50
MAX_VECTORS = 20_000
"""Entries of a session that are compared by meaning, the newest."""
CANDIDATES = 200
"""Entries that words, and meaning, bring up each."""
THUMBNAIL_WITHIN = 30.0
"""Seconds between what was found and the picture shown with it."""
_SESSIONS = 4
_BATCH = 16
_TEXT = 1_500
_RANK = 10.0
"""Reciprocal rank fusion: how slowly a rank loses weight."""
_AGAIN = 30.0
_RESERVE = 400

Vectors = NDArray[np.float32]


@dataclass(slots=True)
class _Known:
    """The vectors of a session, as far as they are loaded."""

    last: int = 0
    entries: list[int] = field(default_factory=list)
    vectors: list[NDArray[np.float16]] = field(default_factory=list)


class StoredArchive:
    """The search index of all sessions.

    Args:
        embedder: Meaning; None searches by words and time alone.
    """

    def __init__(self, database: Database, embedder: TextEmbedder | None) -> None:
        self._database = database
        self._embedder = embedder
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._news: dict[str, asyncio.Event] = {}

    # --- vectors, in the background -------------------------------------------------------------

    def arrived(self, session: str) -> None:
        """Entries of a session were written."""
        if event := self._news.get(session):
            event.set()

    def forget(self, session: str) -> None:
        """Entries of a session were erased."""
        self._known.pop(session, None)

    async def understand(self, session: str) -> None:
        """Gives every entry of a session its vector, until cancelled. What fails is tried again later."""
        if self._embedder is None:
            return
        news = self._news[session] = asyncio.Event()
        try:
            while True:
                news.clear()
                try:
                    while await self._understand_some(session, self._embedder):
                        pass
                except Exception:  # whatever an embedder raises: search by words goes on without it
                    await asyncio.sleep(_AGAIN)
                    continue
                await news.wait()
        finally:
            self._news.pop(session, None)

    async def _understand_some(self, session: str, embedder: TextEmbedder) -> bool:
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

    # --- questions ------------------------------------------------------------------------------

    async def search(self, session: str, question: str, *, now: float, limit: int) -> tuple[Recollection, ...]:
        """What fits the question best, best first; () where nothing does.

        Raises:
            UnavailableError: The database can't be asked.
        """
        limit = max(0, min(limit, MAX_RESULTS))
        question = question[:MAX_QUESTION]
        if not limit or not question.strip():
            return ()
        meaning = await self._vector(question)
        async with self._database.reading() as connection:
            began = await connection.scalar(select(sessions.c.began).where(sessions.c.id == session))
            if began is None:
                return ()
            asked = read_times(question, now=now, began=began)
            terms = question_words(asked.rest)
            for span in (asked.span, None):
                scores = await self._scores(connection, session, terms, meaning, span, asked)
                if scores or asked.span is None:
                    break
            best = sorted(scores, key=lambda entry: (-scores[entry], -entry))[: limit * 3]
            return await self._recollections(connection, session, best, scores, limit)

    async def _vector(self, question: str) -> Vectors | None:
        if self._embedder is None:
            return None
        try:
            (vector,) = await in_thread(self._embedder.embed, [question])
        except Exception:  # whatever an embedder raises: words alone, then
            return None
        return np.asarray(vector, np.float32)

    async def _scores(
        self,
        connection: AsyncConnection,
        session: str,
        terms: Sequence[str],
        meaning: Vectors | None,
        span: Span | None,
        asked: Asked,
    ) -> dict[int, float]:
        """Entries by how well they fit, from the ranks that words and meaning give them."""
        words = await matching(connection, session, terms, span, CANDIDATES) if terms else []
        alike: list[int] = []
        if meaning is not None and (terms or span is None):
            alike = await self._alike(connection, session, meaning, span)
        scores: dict[int, float] = {}
        for ranking in (words, alike):
            for rank, entry in enumerate(ranking):
                scores[entry] = scores.get(entry, 0.0) + 1.0 / (_RANK + rank)
        if not scores and span is not None:
            scores = {
                entry: 1.0 / (_RANK + rank) for rank, entry in enumerate(await _within(connection, session, span))
            }
        return scores

    async def _alike(self, connection: AsyncConnection, session: str, meaning: Vectors, span: Span | None) -> list[int]:
        known = await self._load(connection, session)
        if not known.entries:
            return []
        entries, allowed = np.asarray(known.entries), None
        if span is not None:
            inside = select(search_entries.c.id).where(search_entries.c.session == session, span.overlaps())
            allowed = np.asarray((await connection.scalars(inside.limit(MAX_VECTORS))).all(), np.int64)
        return await in_thread(_nearest, meaning, tuple(known.vectors), entries, allowed)

    async def _load(self, connection: AsyncConnection, session: str) -> _Known:
        """The session's vectors, the new ones added to those that are loaded already."""
        known = self._known.setdefault(session, _Known())
        self._known.move_to_end(session)
        while len(self._known) > _SESSIONS:
            self._known.popitem(last=False)
        new = select(search_vectors.c.id, search_vectors.c.entry, search_vectors.c.vector)
        new = new.where(search_vectors.c.session == session, search_vectors.c.id > known.last)
        found = (await connection.execute(new.order_by(search_vectors.c.id.desc()).limit(MAX_VECTORS))).all()
        for row in reversed(found):
            known.last = row.id
            known.entries.append(row.entry)
            known.vectors.append(np.frombuffer(row.vector, np.float16))
        del known.entries[:-MAX_VECTORS], known.vectors[:-MAX_VECTORS]
        return known

    async def _recollections(
        self,
        connection: AsyncConnection,
        session: str,
        best: Sequence[int],
        scores: dict[int, float],
        limit: int,
    ) -> tuple[Recollection, ...]:
        wanted = select(search_entries).where(search_entries.c.id.in_(best))
        rows = {row["id"]: row for row in (await connection.execute(wanted)).mappings()}
        found: list[Recollection] = []
        told: set[str] = set()
        for entry in best:
            row = rows.get(entry)
            if row is None or row["text"] in told:
                continue
            told.add(row["text"])
            found.append(await self._recollection(connection, session, row, scores[entry]))
            if len(found) == limit:
                break
        return tuple(found)

    async def _recollection(
        self, connection: AsyncConnection, session: str, row: RowMapping, score: float
    ) -> Recollection:
        until = row["until"] if row["until"] > row["t"] else None
        thumbnail = await _thumbnail(connection, session, row["t"])
        return Recollection(row["t"], row["kind"], row["text"][:_TEXT], until, thumbnail, round(score, 4))


def _nearest(
    meaning: Vectors,
    vectors: Iterable[NDArray[np.float16]],
    entries: NDArray[np.int64],
    allowed: NDArray[np.int64] | None,
) -> list[int]:
    """The entries most like the meaning, best first. Runs in a thread."""
    fitting = [(vector, entry) for vector, entry in zip(vectors, entries, strict=True) if len(vector) == len(meaning)]
    if not fitting:
        return []
    matrix = np.stack([vector for vector, _ in fitting]).astype(np.float32)
    numbers = np.asarray([entry for _, entry in fitting])
    likeness = matrix @ meaning
    if allowed is not None:
        likeness[~np.isin(numbers, allowed)] = -np.inf
    likely = likeness[np.isfinite(likeness)]
    if not len(likely):
        return []
    # How alike is alike differs between models; what is nearer to the middle of all than to the best is not.
    floor = (likely.max() + np.median(likely)) / 2
    return [int(numbers[i]) for i in np.argsort(-likeness)[:CANDIDATES] if likeness[i] >= floor]


async def _within(connection: AsyncConnection, session: str, span: Span) -> list[int]:
    """What happened in a span of time, spread over it, summaries before single remarks."""
    inside = select(search_entries.c.id, search_entries.c.kind).where(
        search_entries.c.session == session, span.overlaps()
    )
    rows = (await connection.execute(inside.order_by(search_entries.c.t).limit(_RESERVE))).all()
    return [row.id for row in sorted(rows, key=lambda row: row.kind not in ("summary", "block"))]


async def _thumbnail(connection: AsyncConnection, session: str, t: float) -> bytes | None:
    """The nearest thumbnail to a session second, if one is near."""
    mine = (pictures.c.session == session) & (pictures.c.kind == "thumbnail")
    near = select(pictures.c.jpeg).where(mine, pictures.c.t.between(t - THUMBNAIL_WITHIN, t + THUMBNAIL_WITHIN))
    jpeg: bytes | None = await connection.scalar(near.order_by(func.abs(pictures.c.t - t)).limit(1))
    return jpeg
