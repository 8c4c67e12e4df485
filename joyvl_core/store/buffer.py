"""What waits to be written: bounded, and what matters least goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from joyvl_core.store.rows import Row

Table = Literal["events", "memory_items"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row that waits.

    Attributes:
        seq: Its number in the epoch.
        entry: What the search index gets of it.
        gives_way: It may be lost when there is no room: a silent tick, a status.
    """

    seq: int
    table: Table
    row: Row
    entry: Row | None = None
    gives_way: bool = False


class Buffer:
    """Rows in the order in which they came, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: OrderedDict[int, Waiting] = OrderedDict()
        self._yielding: OrderedDict[int, None] = OrderedDict()
        self.lost = 0
        """Rows that gave way so far."""

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, waiting: Waiting) -> bool:
        """Takes a row, at the cost of the oldest that gives way where there is no room; False when none does."""
        if len(self._rows) >= self._limit:
            if waiting.gives_way or not self._yielding:
                self.lost += waiting.gives_way
                return False
            oldest, _ = self._yielding.popitem(last=False)
            del self._rows[oldest]
            self.lost += 1
        self._rows[waiting.seq] = waiting
        if waiting.gives_way:
            self._yielding[waiting.seq] = None
        return True

    def first(self, count: int) -> list[Waiting]:
        """The oldest rows. They stay until they are `written`."""
        return [row for row, _ in zip(self._rows.values(), range(count), strict=False)]

    def written(self, rows: Iterable[Waiting]) -> None:
        """Lets go of what is in the database."""
        for row in rows:
            self._rows.pop(row.seq, None)
            self._yielding.pop(row.seq, None)
