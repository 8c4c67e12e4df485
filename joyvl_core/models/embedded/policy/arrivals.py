"""Who or what comes, as far as a wish is about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from joyvl_core.models.embedded.percepts import Percept, PerceptKind, Thing
from joyvl_core.models.embedded.policy import colours
from joyvl_core.models.embedded.wishes import Wish

_COLOUR_SETTLES = 2.0
"""Seconds in which a newcomer may still turn out to be of the colour asked for: at first only a bit is in view."""


class Arrivals:
    """Each thing that comes and fits the wish, once."""

    def __init__(self, wish: Wish, start: float) -> None:
        self._wish = wish
        self._start = start
        self._undecided: dict[int, tuple[Thing, float]] = {}

    def take(self, percepts: Iterable[Percept], present: Sequence[Thing], now: float) -> list[Thing]:
        """Those that are sure now: newly seen, or of a colour that has only now become clear."""
        for percept in percepts:
            if percept.kind is PerceptKind.APPEAR and percept.thing is not None and percept.known >= self._start:
                self._undecided[percept.thing.id] = (percept.thing, percept.known + _COLOUR_SETTLES)
        seen = {thing.id: thing for thing in present}
        come = []
        for number, (first, until) in tuple(self._undecided.items()):
            thing = seen.get(number, first)
            if colours.fits(self._wish.colour, thing.colour):
                come.append(thing)
            if come[-1:] == [thing] or now >= until:
                del self._undecided[number]
        return come

    def wake_at(self) -> float | None:
        """When an undecided one is settled at the latest."""
        return min((until for _, until in self._undecided.values()), default=None)
