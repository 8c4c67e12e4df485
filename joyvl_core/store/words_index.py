"""The full-text index, by words that `words.py` cut: FTS5 on SQLite, a GIN index on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from sqlalchemy import ColumnElement, Integer, Select, bindparam, case, func, literal_column, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.store.tables import SEARCH_WORDS, search_entries
from joyvl_core.store.times import Span

RANKED = 10_000
"""Entries that are ranked for a question. Beyond them its frequent words, which tell little, are left out."""


async def matching(
    connection: AsyncConnection, session: str, words: Sequence[str], span: Span | None, limit: int
) -> Sequence[int]:
    """Ids of a session's entries that hold any of the words, the best first. `words`: at least one, of `words.py`."""
    if connection.dialect.name == "sqlite":
        found = await _on_sqlite(connection, session, words, span)
    else:
        found = await _on_postgresql(connection, session, words)
    found = found.where(search_entries.c.session == session)
    if span is not None:
        found = found.where(span.overlaps())
    return (await connection.scalars(found.limit(limit))).all()


async def _on_sqlite(connection: AsyncConnection, session: str, words: Sequence[str], span: Span | None) -> Select[int]:
    counts = await _counts(connection, [_match(f'words:"{word}"') for word in words])
    # Each word in quotes: letters and digits without any meaning to FTS5.
    some = " OR ".join(f'"{word}"' for word in _rare(words, counts))
    found = select(search_entries.c.id).join(text(SEARCH_WORDS), text(f"{SEARCH_WORDS}.rowid = search_entries.id"))
    found = found.where(_match(f'session:"{session}" AND words:({some})'))
    if span is not None:
        # The index walks through a range of rows; their times are looked up one by one.
        ends = select(func.min(search_entries.c.id), func.max(search_entries.c.id))
        first, last = (await connection.execute(ends.where(search_entries.c.session == session, span.overlaps()))).one()
        rows = text(f"{SEARCH_WORDS}.rowid BETWEEN :first AND :last")
        found = found.where(rows.bindparams(first=first or 0, last=last or 0))
    return found.order_by(text(f"bm25({SEARCH_WORDS}, 0.0, 1.0)"), search_entries.c.id.desc())


async def _on_postgresql(connection: AsyncConnection, session: str, words: Sequence[str]) -> Select[int]:
    document: ColumnElement[str] = literal_column(SEARCH_WORDS)
    holds = {
        word: document.bool_op("@@")(func.plainto_tsquery(literal_column("'simple'"), bindparam(None, word)))
        for word in words
    }
    mine = search_entries.c.session == session
    total = await connection.scalar(select(func.count()).select_from(search_entries).where(mine)) or 0
    counts = await _counts(connection, list(holds.values()))
    seen = dict(zip(words, counts, strict=True))
    score: ColumnElement[float] = literal_column("0.0")
    chosen = _rare(words, counts)
    for word in chosen:
        rarity = log(1.0 + (total - seen[word] + 0.5) / (seen[word] + 0.5))
        score = score + case((holds[word], rarity), else_=0.0)
    found = select(search_entries.c.id).where(or_(*(holds[word] for word in chosen)))
    return found.order_by(score.desc(), func.length(search_entries.c.words), search_entries.c.id.desc())


def _match(asked: str) -> ColumnElement[bool]:
    """The condition on FTS5's rows to fit a question in its own language."""
    return literal_column(SEARCH_WORDS).op("MATCH", is_comparison=True)(bindparam(None, asked))


async def _counts(connection: AsyncConnection, conditions: Sequence[ColumnElement[bool]]) -> Sequence[int]:
    """How many entries fit each condition, counted no further than matters."""
    table = text(SEARCH_WORDS) if connection.dialect.name == "sqlite" else search_entries
    one_each: list[Select[int]] = [
        select(literal_column("1", Integer)).select_from(table).where(one).limit(RANKED) for one in conditions
    ]
    counted = [select(func.count()).select_from(one.subquery()).scalar_subquery() for one in one_each]
    return (await connection.execute(select(*counted))).one()


def _rare(words: Sequence[str], counts: Sequence[int]) -> list[str]:
    """The words that few entries hold, one at least, as many as there may be entries to rank."""
    chosen: list[str] = []
    entries = 0
    for count, word in sorted(zip(counts, words, strict=True)):
        entries += count
        if chosen and entries > RANKED:
            break
        chosen.append(word)
    return chosen
