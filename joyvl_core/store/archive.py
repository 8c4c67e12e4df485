"""Questions about the past: by words, by meaning and by time, fused into one list."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.observation import Recollection
from joyvl_core.store.database import Database
from joyvl_core.store.meaning import Meanings, Vector
from joyvl_core.store.tables import pictures, search_entries, sessions
from joyvl_core.store.times import Span, read
from joyvl_core.store.words import MAX_QUESTION, question_words
from joyvl_core.store.words_index import matching

MAX_RESULTS = 50
CANDIDATES = 200
"""Entries that words, and meaning, bring up each."""
THUMBNAIL_WITHIN = 30.0
"""Seconds between what was found and the picture shown with it."""
MAX_SHOWN = 1_500
"""Characters of a result."""
_RANK = 10.0
"""Reciprocal rank fusion: how slowly a rank loses weight."""
_QUESTION = 0.4
"""What a question that somebody asked weighs beside everything else."""
_ASKING = ("?", "？", "吗", "呢")
_BY_PEOPLE = frozenset({"chat", "heard"})


async def search(
    database: Database, meanings: Meanings, session: str, question: str, *, now: float, limit: int
) -> tuple[Recollection, ...]:
    """What of a session fits a question best, best first; () where nothing does.

    The time that it names narrows what is found, unless nothing at all happened then.

    Raises:
        UnavailableError: The database can't be asked.
    """
    limit, question = min(limit, MAX_RESULTS), question[:MAX_QUESTION]
    if limit <= 0 or not question.strip():
        return ()
    meaning = await meanings.of(question)
    async with database.reading() as connection:
        began = await connection.scalar(select(sessions.c.began).where(sessions.c.id == session))
        if began is None:
            return ()
        asked = read(question, now=now, began=began)
        words = question_words(asked.rest)
        scores: dict[int, float] = {}
        if asked.span is not None:
            # A time alone asks for everything that happened then.
            alike = meaning if words else None
            scores = await _scores(connection, meanings, session, words, alike, asked.span)
            scores = scores or _ranked(await _within(connection, session, asked.span))
        if not scores:
            scores = await _scores(connection, meanings, session, words, meaning, None)
        return await _recollections(connection, session, scores, limit)


async def _scores(
    connection: AsyncConnection,
    meanings: Meanings,
    session: str,
    words: Sequence[str],
    meaning: Vector | None,
    span: Span | None,
) -> dict[int, float]:
    """Entries by how well they fit, from the places that words and meaning give them."""
    by_words = await matching(connection, session, words, span, CANDIDATES) if words else []
    alike = await meanings.nearest(connection, session, meaning, span, CANDIDATES) if meaning is not None else []
    return _ranked(by_words, alike)


def _ranked(*rankings: Sequence[int]) -> dict[int, float]:
    scores: dict[int, float] = {}
    for ranking in rankings:
        for place, entry in enumerate(ranking):
            scores[entry] = scores.get(entry, 0.0) + 1.0 / (_RANK + place)
    return scores


async def _within(connection: AsyncConnection, session: str, span: Span) -> list[int]:
    """What happened in a span of time: summaries, then single things, oldest first."""
    inside = select(search_entries.c.id, search_entries.c.kind)
    inside = inside.where(search_entries.c.session == session, span.overlaps()).order_by(search_entries.c.t)
    rows = (await connection.execute(inside.limit(CANDIDATES))).all()
    return [row.id for row in sorted(rows, key=lambda row: row.kind not in ("summary", "block"))]


async def _recollections(
    connection: AsyncConnection, session: str, scores: dict[int, float], limit: int
) -> tuple[Recollection, ...]:
    """The best of the entries, each text once, with the picture of its moment."""
    best = sorted(scores, key=lambda entry: (-scores[entry], -entry))[: limit * 3]
    wanted = select(search_entries).where(search_entries.c.id.in_(best))
    rows = {row["id"]: row for row in (await connection.execute(wanted)).mappings()}
    scores = {entry: scores[entry] * _worth(row["kind"], row["text"]) for entry, row in rows.items()}
    best = sorted(scores, key=lambda entry: (-scores[entry], -entry))
    distinct = {row["text"]: row for row in (rows[entry] for entry in reversed(best))}
    chosen = sorted(distinct.values(), key=lambda row: best.index(row["id"]))[:limit]
    return tuple(
        [
            Recollection(
                t=row["t"],
                kind=row["kind"],
                text=row["text"][:MAX_SHOWN],
                until=row["until"] if row["until"] > row["t"] else None,
                thumbnail=await _thumbnail(connection, session, row["t"]),
                score=round(scores[row["id"]], 4),
            )
            for row in chosen
        ]
    )


def _worth(kind: str, text: str) -> float:
    """What an entry is worth as an answer: that the same was asked before answers nothing."""
    asked = kind in _BY_PEOPLE and text.rstrip(" \"'”’)）").endswith(_ASKING)
    return _QUESTION if asked else 1.0


async def _thumbnail(connection: AsyncConnection, session: str, t: float) -> bytes | None:
    """The nearest thumbnail to a session second, if one is near."""
    mine = (pictures.c.session == session) & (pictures.c.kind == "thumbnail")
    near = select(pictures.c.jpeg).where(mine, pictures.c.t.between(t - THUMBNAIL_WITHIN, t + THUMBNAIL_WITHIN))
    jpeg: bytes | None = await connection.scalar(near.order_by(func.abs(pictures.c.t - t)).limit(1))
    return jpeg
