"""When the next tick is due: on the interval's grid, or at once on an event, with a floor between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from joyvl_core.clock import Clock
from joyvl_core.observation import Trigger


@dataclass(frozen=True, slots=True)
class Due:
    """A tick that is due.

    Attributes:
        triggers: Why, in the order the reasons came.
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
    """

    def __init__(self, clock: Clock, *, interval: float = 1.0, floor: float = 0.2, events: bool = True) -> None:
        self._clock = clock
        self._interval = interval
        self._floor = floor
        self._events = events
        self._pending: dict[Trigger, float] = {}
        self._woken = asyncio.Event()
        self._timer: float | None = None
        self._grid = 0
        self._last = float("-inf")

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
        while (wait := self._seconds_left()) > 0:
            self._woken.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._woken.wait()
            except TimeoutError:
                continue
        return self._take()

    def _seconds_left(self) -> float:
        now = self._clock.now()
        at = self._grid * self._interval
        if self._events and self._timer is not None:
            at = min(at, self._timer)
        if self._events and self._pending:
            at = min(at, now)
        # A hair of tolerance: loops wake up a clock tick early.
        left = max(at, self._last + self._floor) - now
        return left if left > 1e-6 else 0.0

    def _take(self) -> Due:
        now = self._clock.now()
        skipped = 0
        if now + 1e-6 >= self._grid * self._interval:
            self._pending.setdefault(
                Trigger.START if self._grid == 0 else Trigger.INTERVAL, self._grid * self._interval
            )
            passed = int((now + 1e-6) / self._interval)
            skipped = passed - self._grid
            self._grid = passed + 1
        if self._timer is not None and now + 1e-6 >= self._timer:
            self._pending.setdefault(Trigger.TIMER, self._timer)
            self._timer = None
        due = Due(tuple(self._pending), min(self._pending.values()), skipped)
        self._pending.clear()
        self._woken.clear()
        self._last = now
        return due
