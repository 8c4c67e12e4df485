"""The recorded frames of a session, handed out tick by tick."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from joyvl_core.codec import tokens_of
from joyvl_core.events import TickEvent, TrackCost
from joyvl_core.media import Frame, RgbPicture
from joyvl_core.observation import FrameKind, TrackView
from joyvl_core.replay.recorded import SLACK
from joyvl_core.store.rows import StoredPicture
from joyvl_core.threads import in_thread
from joyvl_core.turns import Terms

_UNCLAIMED_FOR = 60.0
"""Seconds after which a frame is given up whose tick is not in the log."""
_LOOKS = 256
"""Frames that may wait to be looked at: without anybody who looks, the oldest are given up."""
_COST = {FrameKind.NONE: 0, FrameKind.SKIP: 1, FrameKind.P: 2, FrameKind.I: 3}


@dataclass(slots=True)
class _Track:
    """The newest recorded frame of a track. `owed`: the kind of a picture that no turn has shown yet."""

    stored: StoredPicture
    frame: Frame | None = None
    owed: FrameKind | None = None


class Footage:
    """What each tick of a session showed, and what was looked at before it.

    A recorded frame without a tick was looked at between ticks. In a session without such frames, those that
    ticks showed are all there is to look at.

    Args:
        pictures: The recorded frames by their time.
        labels: Whose picture a track is, in words.
    """

    def __init__(self, pictures: AsyncIterator[StoredPicture], labels: Mapping[str, str]) -> None:
        self._pictures = pictures
        self._labels = labels
        self._next: StoredPicture | None = None
        self._ahead: dict[tuple[int, str], StoredPicture] = {}
        self._looks: deque[_Track] = deque(maxlen=_LOOKS)
        self._looked = False
        self._tracks: dict[str, _Track] = {}

    async def wind(self, tick: TickEvent, now: float) -> None:
        """Goes on to a tick; `now` is its session second."""
        await self._read(now)
        shown = {cost.id: cost for cost in tick.tracks if _has_frame(cost)}
        self._tracks = {name: track for name, track in self._tracks.items() if name in shown}
        for look in self._looks:
            if look.stored.t <= tick.t + SLACK and (cost := shown.get(look.stored.track)):
                self._show(look, cost)
        for name, cost in shown.items():
            if stored := self._ahead.pop((tick.n, name), None):
                self._show(_Track(stored), cost)
                if not self._looked:
                    self._looks.append(self._tracks[name])

    async def looks(self, tick: TickEvent) -> list[Frame]:
        """The frames to be looked at before a tick, in order, each one once: none newer than what it showed."""
        found: list[Frame] = []
        if not any(_has_frame(cost) for cost in tick.tracks):
            return found
        while self._looks and self._looks[0].stored.t <= tick.t + SLACK:
            if frame := await _frame(self._looks.popleft()):
                found.append(frame)
        return found

    async def views(self, tick: TickEvent, terms: Terms) -> tuple[TrackView, ...]:
        """What a model with these terms is shown of the tick that was wound to."""
        return tuple([await self._view(cost, terms) for cost in tick.tracks])

    def _show(self, track: _Track, cost: TrackCost) -> None:
        """A track has a newer frame. What was never shown of the one before is still owed."""
        before = self._tracks.get(cost.id)
        if before is track or (before is not None and before.stored.t > track.stored.t):
            return
        owed = before.owed if before and before.owed else cost.frame
        track.owed = max(owed, cost.frame, key=_COST.__getitem__)
        self._tracks[cost.id] = track

    async def _view(self, cost: TrackCost, terms: Terms) -> TrackView:
        track = self._tracks.get(cost.id)
        label = self._labels.get(cost.id, cost.id)
        frame = await _frame(track) if track else None
        if track is None or frame is None:
            return TrackView(cost.id, label, None)
        kind = track.owed or FrameKind.SKIP
        track.owed = None
        if terms.keyframe or (kind is FrameKind.P and not terms.predicted):
            kind = FrameKind.I
        tokens = cost.tokens if kind is cost.frame else tokens_of(kind, frame.picture.size)
        return TrackView(cost.id, label, frame, kind, tokens, cost.age_ms)

    async def _read(self, now: float) -> None:
        """Takes in the frames up to a session second. No tick shows one from after itself."""
        while (self._next or await self._advance()) and self._next and self._next.t <= now + SLACK:
            if self._next.tick is None:
                self._looked = True
                self._looks.append(_Track(self._next))
            else:
                self._ahead[self._next.tick, self._next.track] = self._next
            self._next = None
        late = [key for key, stored in self._ahead.items() if stored.t < now - _UNCLAIMED_FOR]
        for key in late:
            del self._ahead[key]

    async def _advance(self) -> bool:
        self._next = await anext(self._pictures, None)
        return self._next is not None


def _has_frame(cost: TrackCost) -> bool:
    return cost.age_ms is not None


async def _frame(track: _Track) -> Frame | None:
    """The track's frame, decoded once; None where its picture can't be read."""
    if track.frame is None:
        stored = track.stored
        bgr = await in_thread(cv2.imdecode, np.frombuffer(stored.jpeg, np.uint8), cv2.IMREAD_COLOR)
        if bgr is not None:
            track.frame = Frame(stored.track, RgbPicture(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)), stored.t)
    return track.frame
