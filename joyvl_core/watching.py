"""Looking between ticks: each frame gets a glance, the ones that matter a look in a worker thread.

A glance costs microseconds on the event loop. A look (the codec's change detector and the model's own
perception) costs milliseconds, so looks are rationed: a still picture is looked at twice a second, a
moving one six times, and after stillness the first few frames at once, which is how something that
appears is noticed within a frame or two. A frame that got no look and that no other follows (a shared
screen sends one when it changes) gets it after half a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from joyvl_core.clock import Clock
from joyvl_core.codec import Change, ChangeDetector
from joyvl_core.media import Frame
from joyvl_core.ports import FrameWatcher, Look
from joyvl_core.threads import in_thread


@dataclass(frozen=True, slots=True)
class LookRates:
    """Looks a second at a picture that is still, one that moves, and how many in a row after stillness."""

    still: float = 2.0
    moving: float = 6.0
    burst: float = 6.0


class _Ration:
    """A token bucket of looks for one track."""

    def __init__(self, rates: LookRates) -> None:
        self._rates = rates
        self._left = rates.burst
        self._at = float("-inf")
        self.busy = False

    def allows(self, now: float, *, changed: bool) -> bool:
        """Whether a frame that arrives now is worth a look."""
        elapsed = now - self._at
        if not (changed or self.busy):
            return elapsed >= 1.0 / self._rates.still - 1e-3
        return min(self._rates.burst, self._left + elapsed * self._rates.moving) >= 1.0

    def spend(self, now: float) -> None:
        """Takes one look off the ration."""
        if self._at > float("-inf"):
            self._left = min(self._rates.burst, self._left + (now - self._at) * self._rates.moving)
        self._left = max(0.0, self._left - 1.0)
        self._at = now


class Watch:
    """Owns the looks of a session: one at a time, always at the newest frame of a track.

    Args:
        watcher: The model, where it looks at frames itself.
        wake: Called when a look found something that deserves a tick.
        failed: Called with the error when a look raises; looking goes on.
        works: Called when a look did not raise.
    """

    def __init__(
        self,
        clock: Clock,
        watcher: FrameWatcher | None,
        *,
        wake: Callable[[], None],
        failed: Callable[[Exception], None],
        works: Callable[[], None] = lambda: None,
        rates: LookRates | None = None,
    ) -> None:
        self._clock = clock
        self._watcher = watcher
        self._wake = wake
        self._failed = failed
        self._works = works
        self._rates = rates or LookRates()
        self._detectors: dict[str, ChangeDetector] = {}
        self._rations: dict[str, _Ration] = {}
        self._due: dict[str, Frame] = {}
        self._passed_over: dict[str, Frame] = {}
        self._lingering: dict[str, asyncio.TimerHandle] = {}
        self._there = asyncio.Event()

    def offer(self, frame: Frame) -> None:
        """Glances at a frame that just arrived and keeps it for a look if it is worth one."""
        if frame.track in self._due:
            self._due[frame.track] = frame
            return
        detector = self._detectors.setdefault(frame.track, ChangeDetector())
        ration = self._rations.setdefault(frame.track, _Ration(self._rates))
        now = self._clock.now()
        if ration.allows(now, changed=detector.glance(frame.picture)):
            ration.spend(now)
            self._look_at(frame)
        else:
            self._pass_over(frame)

    def forget(self, track: str) -> None:
        """Drops what is kept of a track that has ended."""
        for kept in (self._detectors, self._rations, self._due, self._passed_over):
            kept.pop(track, None)
        if timer := self._lingering.pop(track, None):
            timer.cancel()

    async def run(self) -> None:
        """Looks until cancelled."""
        try:
            while True:
                await self._there.wait()
                self._there.clear()
                while self._due:
                    await self._take(next(iter(self._due)))
        finally:
            for timer in self._lingering.values():
                timer.cancel()

    async def _take(self, track: str) -> None:
        frame = self._due[track]
        try:
            look = await in_thread(self._look, frame)
        except Exception as error:  # a fault in looking must not end the session
            self._failed(error)
            look = Look()
        else:
            self._works()
        newest = self._due.pop(track, None)
        if newest is not None and newest is not frame:
            self._pass_over(newest)
        if ration := self._rations.get(track):
            ration.busy = look.busy
        if look.wake:
            self._wake()

    # --- which frames get a look ------------------------------------------------------------

    def _look_at(self, frame: Frame) -> None:
        self._passed_over.pop(frame.track, None)
        self._due[frame.track] = frame
        self._there.set()

    def _pass_over(self, frame: Frame) -> None:
        """Leaves a frame to the next one; if none follows, it gets its look after all."""
        self._passed_over[frame.track] = frame
        if frame.track not in self._lingering:
            self._wait(frame)

    def _wait(self, frame: Frame) -> None:
        loop = asyncio.get_running_loop()
        self._lingering[frame.track] = loop.call_later(1.0 / self._rates.still, self._lingered, frame)

    def _lingered(self, frame: Frame) -> None:
        del self._lingering[frame.track]
        newest = self._passed_over.get(frame.track)
        if newest is frame and frame.track not in self._due:
            self._rations[frame.track].spend(self._clock.now())
            self._look_at(frame)
        elif newest is not None:
            self._wait(newest)

    def _look(self, frame: Frame) -> Look:
        detector = self._detectors.get(frame.track)
        if self._watcher is None:
            change = detector.look(frame) if detector else Change()
            return Look(wake=change.spike, busy=not change.still)
        # A model with eyes of its own knows better what deserves a tick. Woken by the bare change, it would still be
        # in doubt, and then have to wait for the floor between ticks when it is sure a frame later.
        if detector:
            detector.note(frame.picture)
        return self._watcher.look(frame)
