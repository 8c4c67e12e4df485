"""Sees what happens on any number of video tracks."""

from __future__ import annotations

import itertools

from joyvl_core.media import Frame
from joyvl_core.models.embedded.perception.watch import SMALL, TrackWatch
from joyvl_core.models.embedded.percepts import Percept, Thing


class Perception:
    """Eyes without a neural network: a learned background, and what stands out from it.

    For mostly steady cameras and shared screens. Frames may come at any times. `look` is called by one thread at a
    time; the other methods may be called from another meanwhile.
    """

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._watches: dict[str, TrackWatch] = {}

    def look(self, frame: Frame) -> tuple[Percept, ...]:
        """Looks at one picture, and tells what has become sure with it. Blocks for some milliseconds."""
        watch = self._watches.get(frame.track)
        if watch is None:
            watch = self._watches[frame.track] = TrackWatch(frame.track, self._ids)
        return watch.look(frame.picture.rgb(SMALL), frame.t)

    def present(self, track: str | None = None) -> tuple[Thing, ...]:
        """The confirmed things that are there now, on one track or on all."""
        watches = list(self._watches.values()) if track is None else [self._watches.get(track)]
        return tuple(thing for watch in watches if watch is not None for thing in watch.things)

    def busy(self) -> bool:
        """Something moves or is being settled: it is worth looking again soon."""
        return any(watch.busy for watch in list(self._watches.values()))

    def forget(self, track: str) -> None:
        """The track has ended."""
        self._watches.pop(track, None)
