"""Wishes to count: what passes, and what is there."""

from __future__ import annotations

from collections.abc import Sequence

from joyvl_core.models.embedded.percepts import Percept, PerceptKind
from joyvl_core.models.embedded.policy import colours, nouns, phrases
from joyvl_core.models.embedded.policy.arrivals import Arrivals
from joyvl_core.models.embedded.policy.proposing import Moment, Priority, Served, Utterance, WishPolicy

_SETTLES = 1.0
"""Seconds that a new number of things present must hold before it is said."""


class CountPassing(WishPolicy):
    """Says the running total, a bare number, at each arrival since the wish was made."""

    kinds = frozenset({PerceptKind.APPEAR})

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._arrivals = Arrivals(served.wish, served.start)
        self.total: int = 0

    def go_on_from(self, total: int) -> None:
        self.total = total

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        said = []
        for thing in self._arrivals.take(percepts, moment.present, moment.now):
            self.total += 1
            why = " ".join(("number", str(self.total), thing.colour, "appeared at", phrases.clock(thing.since)))
            said.append(
                self.utter(str(self.total), Priority.COUNT, moment.now, " ".join(why.split()), lifetime=3.0, total=True)
            )
        return said

    def wake_at(self) -> float | None:
        return self._arrivals.wake_at()


class CountStanding(WishPolicy):
    """Says how many are there whenever the number has changed and holds."""

    kinds = frozenset({PerceptKind.APPEAR, PerceptKind.LEAVE})

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._said = 0
        self._seen = 0
        self._since = served.start

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        number = sum(colours.fits(self.wish.colour, thing.colour) for thing in moment.present)
        if number != self._seen:
            self._seen, self._since = number, moment.now
        if number == self._said or moment.now - self._since < _SETTLES:
            return []
        self._said = number
        key = "standing" if number else "standing_none"
        words = phrases.line(key, self.wish.language, n=nouns.several(self.wish, number))
        return [self.utter(words, Priority.COUNT, moment.now, "the number changed", replace=self.served.id, total=True)]

    def wake_at(self) -> float | None:
        return None if self._seen == self._said else self._since + _SETTLES
