"""What a question says about time: a span of session seconds, and the question without it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement

from joyvl_core.store.tables import search_entries


@dataclass(frozen=True, slots=True)
class Span:
    """Session seconds from `since` to `until`."""

    since: float
    until: float

    def overlaps(self) -> ColumnElement[bool]:
        """The condition on an entry to lie in it, in part at least."""
        return (search_entries.c.t <= self.until) & (search_entries.c.until >= self.since)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was read: the time it names, if it names one, and the rest of its words."""

    rest: str
    span: Span | None = None


def read(question: str, *, now: float, began: float) -> Asked:
    """Reads the time in a question. `began`: unix seconds of session second 0."""
    return Asked(question)
