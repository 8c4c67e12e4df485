"""The wish for a running commentary."""

from __future__ import annotations

from collections.abc import Sequence

from joyvl_core.models.embedded.percepts import Percept, PerceptKind
from joyvl_core.models.embedded.policy import nouns, phrases
from joyvl_core.models.embedded.policy.proposing import Moment, Priority, Served, Utterance, WishPolicy

_PACE = 4.0
"""Seconds between two remarks."""
_NEWS = 2.0
"""Seconds for which something that happened is worth a remark."""
_WORTH = (
    PerceptKind.SCENE,
    PerceptKind.APPEAR,
    PerceptKind.TAKEN,
    PerceptKind.PUT,
    PerceptKind.TEXT,
    PerceptKind.LEAVE,
    PerceptKind.MOTION,
)
"""What is remarked on, the most telling first."""


class Commentary(WishPolicy):
    """Short remarks on what happens, at an easy pace; silence while nothing does."""

    kinds = frozenset(_WORTH)

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._remarked = float("-inf")
        self._turns = 0
        self._news: list[Percept] = []

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        self._news = [p for p in (*self._news, *self.wanted(percepts)) if moment.now - p.known <= _NEWS][-16:]
        if not self._news or moment.now - self._remarked < _PACE:
            return []
        told = min(self._news, key=lambda p: (_WORTH.index(p.kind), -p.known))
        self._news, self._remarked = [], moment.now
        self._turns += 1
        words = self._words(told)
        return [
            self.utter(words, Priority.COMMENTARY, moment.now, told.kind.value, lifetime=_NEWS, replace=self.served.id)
        ]

    def wake_at(self) -> float | None:
        return self._remarked + _PACE if self._news else None

    def _words(self, percept: Percept) -> str:
        colour = percept.thing.colour if percept.thing else ""
        return phrases.line(
            f"remark_{percept.kind.value}",
            self.wish.language,
            turn=self._turns,
            a=nouns.a_thing(self.wish, colour),
            the=nouns.the_thing(self.wish, colour),
            text=" ".join(percept.text.split()),
        )
