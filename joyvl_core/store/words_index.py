"""The full-text index, by words that `words.py` cut: FTS5 on SQLite, a GIN index on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from sqlalchemy import ColumnElement, bindparam, case, func, literal_column, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.store.tables import SEARCH_WORDS, search_entries
from joyvl_core.store.times import Span


async def matching(
    connection: AsyncConnection, session: str, terms: Sequence[str], span: Span | None, limit: int
) -> list[int]:
    """Ids of a session's entries that hold any of the words, the best first. `terms`: at least one, of `words.py`."""
    find = _on_sqlite if connection.dialect.name == "sqlite" else _on_postgresql
    return await find(connection, session, terms, span, limit)


async def _on_sqlite(
    connection: AsyncConnection, session: str, terms: Sequence[str], span: Span | None, limit: int
) -> list[int]:
    # Each word in quotes: letters and digits without any meaning to FTS5.
    words = " OR ".join(f'"{term}"' for term in terms)
    found = select(search_entries.c.id).join(text(SEARCH_WORDS), text(f"{SEARCH_WORDS}.rowid = search_entries.id"))
    found = found.where(
        text(f"{SEARCH_WORDS} MATCH :asked").bindparams(asked=f'session:"{session}" AND words:({words})'),
        search_entries.c.session == session,
    )
    if span is not None:
        found = found.where(span.overlaps())
    best = found.order_by(text(f"bm25({SEARCH_WORDS}, 0.0, 1.0)"), search_entries.c.id.desc()).limit(limit)
    return list((await connection.scalars(best)).all())


async def _on_postgresql(
    connection: AsyncConnection, session: str, terms: Sequence[str], span: Span | None, limit: int
) -> list[int]:
    document = func.to_tsvector(literal_column("'simple'"), search_entries.c.words)
    queries = [func.plainto_tsquery(literal_column("'simple'"), bindparam(None, term)) for term in terms]
    mine = search_entries.c.session == session
    holds = [document.bool_op("@@")(query) for query in queries]
    counts = select(func.count(), *[func.count(case((one, 1))) for one in holds]).where(mine)
    total, *seen = (await connection.execute(counts)).one()
    rare = [log(1.0 + (total - n + 0.5) / (n + 0.5)) for n in seen]
    score: ColumnElement[float] = literal_column("0.0")
    for one, weight in zip(holds, rare, strict=True):
        score = score + case((one, weight), else_=0.0)
    found = select(search_entries.c.id).where(mine, or_(*holds))
    if span is not None:
        found = found.where(span.overlaps())
    shorter = func.length(search_entries.c.words)
    best = found.order_by(score.desc(), shorter, search_entries.c.id.desc()).limit(limit)
    return list((await connection.scalars(best)).all())
