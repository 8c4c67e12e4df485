"""When the next tick is due: on the interval's grid, or at once on an event, with a floor between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import inf

from joyvl_core.clock import Clock
from joyvl_core.observation import Trigger

_HAIR = 1e-6

TURN_AT = 0.8
"""Where in a whole second the turn of a model that takes one a second falls when nothing happens: late, so that
an event in the meantime finds the second's turn still free."""


@dataclass(frozen=True, slots=True)
class Due:
    """A tick that is due.

    Attributes:
        triggers: Why, in the order the reasons came; none where only a moment between two ticks was asked for.
        since: Session second of the earliest reason.
        skipped: Grid points that passed unseen because the last tick took too long.
    """

    triggers: tuple[Trigger, ...]
    since: float
    skipped: int


class Triggers:
    """Collects reasons for a tick and says when it is time.

    Args:
        clock: The session's clock.
        interval: Seconds between grid points, at 0, `interval`, 2 * `interval`, …
        floor: Least seconds between the starts of two ticks.
        events: Whether events, timers too, bring a tick forward; False leaves the bare grid.
        turns: At most one tick in each whole second: an event brings that second's forward, later ones wait for
            the next second.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        interval: float = 1.0,
        floor: float = 0.2,
        events: bool = True,
        turns: bool = False,
    ) -> None:
        self._clock = clock
        self._interval = max(1.0, interval) if turns else interval
        self._floor = floor
        self._events = events
        self._turns = turns
        self._pending: dict[Trigger, float] = {}
        self._woken = asyncio.Event()
        self._timer: float | None = None
        self._next: float | None = None
        self._last = float("-inf")
        self._held = self._moment = False
        self._released = float("-inf")

    @property
    def held(self) -> bool:
        """Whether no tick comes for now."""
        return self._held

    @property
    def next(self) -> float:
        """Session second of the next regular tick."""
        return self._clock.now() if self._next is None else self._next

    def hold(self, held: bool) -> None:
        """Holds all ticks back, or lets them come again; those held back are not counted as missed."""
        if self._held and not held:
            self._next, self._released = None, self._clock.now()
        self._held = held
        self._woken.set()

    def ask_moment(self) -> None:
        """Asks for a moment between two ticks, at once: it comes as a tick without a reason, held or not."""
        self._moment = True
        self._woken.set()

    def add(self, trigger: Trigger) -> None:
        """Notes a reason; with events on, the next tick comes as soon as the floor allows."""
        self._pending.setdefault(trigger, self._clock.now())
        if self._events:
            self._woken.set()

    def wake_at(self, t: float | None) -> None:
        """Sets the timer of the next tick, replacing the one before. None: no timer."""
        self._timer = t
        self._woken.set()

    async def due(self) -> Due:
        """Waits until a tick is due and takes all reasons that have come by then."""
        if self._next is None:
            self._begin()
        while (wait := self._seconds_left()) > 0 and not self._moment:
            self._woken.clear()
            try:
                async with asyncio.timeout(None if self._held else wait):
                    await self._woken.wait()
            except TimeoutError:
                continue
            if self._next is None:
                self._begin()
        if self._moment:
            self._moment = False
            return Due((), self._clock.now(), 0)
        return self._take()

    def _begin(self) -> None:
        """The grid begins now, or anew."""
        now = self._clock.now()
        # A second's only turn is too dear to be spent before there is a picture.
        self._next = _second(now) + TURN_AT if self._turns else now

    @property
    def _starting(self) -> bool:
        """There was no tick yet."""
        return self._last == float("-inf")

    def _seconds_left(self) -> float:
        if self._held:
            return inf
        now = self._clock.now()
        at = self.next
        if self._events and not (self._turns and self._starting):
            if self._timer is not None:
                at = min(at, self._timer)
            if self._pending:
                at = min(at, now)
        # A hair of tolerance: loops wake up a clock tick early.
        left = max(at, self._earliest()) - now
        return left if left > _HAIR else 0.0

    def _earliest(self) -> float:
        """When the next tick may come at the soonest."""
        if self._turns and not self._starting:
            return max(self._last + self._floor, _second(self._last) + 1.0)
        return self._last + self._floor

    def _take(self) -> Due:
        now = self._clock.now()
        skipped = 0
        regular = self._next is not None and now + _HAIR >= self._next
        if self._starting:
            self._pending.setdefault(Trigger.START, now)
        elif regular:
            self._pending.setdefault(Trigger.INTERVAL, self._next or now)
            skipped = self._passed(now)
        if self._turns or self._starting or regular:
            self._next = self._after(now)
        if self._timer is not None and now + _HAIR >= self._timer:
            self._pending.setdefault(Trigger.TIMER, self._timer)
            self._timer = None
        due = Due(tuple(self._pending), min(self._pending.values()), skipped)
        self._pending.clear()
        self._woken.clear()
        self._last = now
        return due

    def _passed(self, now: float) -> int:
        """Regular ticks that should have come since the last tick and did not, the one at `now` left out."""
        if self._turns:
            since = _second(max(self._last, self._released))
            return max(0, int((_second(now) - since) / self._interval) - 1)
        return int((now + _HAIR - (self._next or 0.0)) / self._interval)

    def _after(self, now: float) -> float:
        """The regular tick after one at `now`: the next point of the grid, or late in the second that is next."""
        if self._turns:
            return _second(now) + self._interval + TURN_AT
        return (int((now + _HAIR) / self._interval) + 1) * self._interval


def _second(t: float) -> int:
    """The whole second that a moment lies in."""
    return int(t + _HAIR)
