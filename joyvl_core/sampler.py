"""Which picture of which track a tick sees: latest-frame slots on the session's time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from joyvl_core.clock import Clock
from joyvl_core.media import Frame, Picture

DISCONTINUITY = 1.0
"""Seconds a track's own time may stray from the session's before it is anchored anew."""


@dataclass(slots=True)
class Timeline:
    """Maps a track's own timestamps onto session seconds.

    The first timestamp is anchored at its arrival; a jump (a restarted encoder, a stall, a seek)
    anchors anew, and so does a picture that comes sooner after its timestamp than any before. So a
    tick's time never runs ahead of the session, nor far behind it.
    """

    _pts: float | None = None
    _at: float = 0.0
    _last: float = float("-inf")

    def at(self, pts: float, now: float) -> float:
        """Session second of a picture stamped `pts` that arrives at `now`. Never goes back."""
        t = now if self._pts is None else self._at + pts - self._pts
        # Written so that a timestamp that is no number anchors anew too.
        if self._pts is None or not max(self._last, now - DISCONTINUITY) <= t <= now:
            self._pts, self._at, t = (pts if math.isfinite(pts) else None), now, now
        self._last = max(self._last, t)
        return self._last


@dataclass(slots=True)
class Slot:
    """The newest frame of one track, and how many it replaced unseen."""

    label: str
    timeline: Timeline = field(default_factory=Timeline)
    frame: Frame | None = None
    arrived: float = 0.0
    received: int = 0


class Sampler:
    """Holds the newest frame of every track; older ones are gone, by design."""

    def __init__(self, clock: Clock, *, most_tracks: int = 16) -> None:
        self._clock = clock
        self._most = most_tracks
        self._slots: dict[str, Slot] = {}

    def add(self, track: str, label: str) -> bool:
        """Opens a slot, or names an open one anew. False when there are too many tracks already."""
        if track in self._slots:
            self._slots[track].label = label
        elif len(self._slots) < self._most:
            self._slots[track] = Slot(label)
        return track in self._slots

    def remove(self, track: str) -> None:
        """Closes a slot, if it is open."""
        self._slots.pop(track, None)

    def offer(self, track: str, picture: Picture, pts: float) -> Frame | None:
        """Puts a picture into its track's slot. None for a track that has no slot."""
        slot = self._slots.get(track)
        if slot is None:
            return None
        slot.arrived = self._clock.now()
        slot.received += 1
        slot.frame = Frame(track, picture, slot.timeline.at(pts, slot.arrived))
        return slot.frame

    def blank(self) -> None:
        """Drops the newest frames; the slots stay open."""
        for slot in self._slots.values():
            slot.frame = None

    def slots(self) -> dict[str, Slot]:
        """The open slots by track, oldest track first. Not to be changed by the caller."""
        return self._slots
