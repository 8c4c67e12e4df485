"""Everything that is seen on one video track, look by look."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np

from joyvl_core.media import Rgb
from joyvl_core.models.embedded.perception.background import SQUARE3, Background, Comparison
from joyvl_core.models.embedded.perception.blobs import Foreground, find_blobs
from joyvl_core.models.embedded.perception.grouping import StillChanges
from joyvl_core.models.embedded.perception.scene import SceneWatch
from joyvl_core.models.embedded.perception.tracks import Follower
from joyvl_core.models.embedded.percepts import Percept, PerceptKind, Thing

SMALL = (320, 180)
"""Pictures are looked at within this size."""

_LEAST_SIDE = 24  # pixels; in a smaller picture there is nothing to see
_PIXELS = SMALL[0] * SMALL[1]
_WARM_SECONDS, _WARM_PICTURES, _WARM_EVERY = 1.0, 9, 0.1
_SETTLED_SECONDS = 1.0
_CALM_BLOBS, _CALM_SHARE, _CALM_RELIT, _CALM_SHIFT = 3, 0.35, 0.05, 0.3
_UPSET_SECONDS = 0.4
_STILL_SECONDS = 0.5
_NOISE = 7  # grey levels


class TrackWatch:
    """One video track.

    Args:
        track: Its id.
        ids: Numbers for new things.
    """

    def __init__(self, track: str, ids: Iterator[int]) -> None:
        self._track = track
        self._ids = ids
        self._size = (0, 0)
        self._last = float("-inf")
        self._looked: Rgb | None = None
        self._restart()
        self._follower = Follower(track, self._size, ids)
        self.things: tuple[Thing, ...] = ()
        self.busy = True

    def look(self, picture: Rgb, t: float) -> tuple[Percept, ...]:
        """Takes in a small picture; see `Perception.look`."""
        if t <= self._last or min(picture.shape[:2]) < _LEAST_SIDE:
            return ()
        picture = self._sized(picture)
        self._last = t
        picture = cv2.GaussianBlur(picture, (3, 3), 0.8)
        if self._background is None:
            self._warm_up(picture, t)
            return ()
        if self._nothing_new(picture, t):
            self._follower.idle(t)
            percepts = self._changes.due(t)
        else:
            self._looked, self._looked_at = picture, t
            percepts = self._look(self._background, picture, t)
        self.things = self._follower.things
        self.busy = self._background is None or self._follower.active or self._changes.waiting or self._blind
        return tuple(percepts)

    def _sized(self, picture: Rgb) -> Rgb:
        """The picture at the one size that this track is looked at; anew when its shape changes."""
        height, width = picture.shape[:2]
        scale = (_PIXELS / (width * height)) ** 0.5
        size = (round(width * scale), round(height * scale))
        if abs(size[0] - self._size[0]) > 2:
            self._size = size
            self._restart()
            self._follower = Follower(self._track, size, self._ids)
        if (width, height) == self._size:
            return picture
        return cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)

    def _restart(self) -> None:
        self._background: Background | None = None
        self._warm: deque[tuple[float, Rgb]] = deque(maxlen=_WARM_PICTURES)
        self._scene = SceneWatch()
        self._changes = StillChanges(self._track)
        self._foreground = np.zeros((self._size[1], self._size[0]), np.uint8)
        self._looked = None
        self._looked_at = 0.0
        self._upset_at = float("-inf")
        self._noise = np.full((self._size[1], self._size[0]), _NOISE, np.uint8)
        self._blind = False

    def _warm_up(self, picture: Rgb, t: float) -> None:
        if not self._warm or t - self._warm[-1][0] >= _WARM_EVERY:
            self._warm.append((t, picture))
        if t - self._warm[0][0] >= _WARM_SECONDS and len(self._warm) >= 3:
            self._background = Background([p for _, p in self._warm], t)
            self._warm.clear()

    def _nothing_new(self, picture: Rgb, t: float) -> bool:
        """The picture is the last one that was looked at, but for noise, and nothing is being followed."""
        if self._looked is None or self._follower.active or self._blind or t - self._looked_at > _STILL_SECONDS:
            return False
        apart = cv2.absdiff(picture, self._looked)
        red, green, blue = cv2.split(apart)
        changed = cv2.compare(cv2.max(cv2.max(red, green), blue), self._noise, cv2.CMP_GT)
        return cv2.countNonZero(cv2.erode(changed, SQUARE3)) == 0

    def _look(self, background: Background, picture: Rgb, t: float) -> list[Percept]:
        seen = background.compare(picture, self._foreground)
        foreground = find_blobs(seen)
        grey = cv2.cvtColor(seen.picture, cv2.COLOR_RGB2GRAY)
        expected = cv2.cvtColor(seen.expected, cv2.COLOR_RGB2GRAY)
        covered = self._follower.covered()
        verdict = self._scene.look(t, grey, expected, foreground, covered, seen.misfit)
        self._blind = verdict.blind
        if verdict.restart:
            return self._anew(t, verdict.since if verdict.new_scene else None)
        if verdict.blind:
            return []
        calm = self._calm(t, background, seen, foreground)
        percepts = self._follower.step(t, seen, foreground, background, calm, hold=verdict.broken)
        self._foreground = foreground.mask
        background.learn(seen, foreground.mask, self._follower.covered(), t)
        self._noise = cv2.max(seen.limit, _NOISE)
        percepts = self._changes.take(percepts, t)
        slide = next((p for p in percepts if p.kind is PerceptKind.SCENE), None)
        if slide is not None:
            self._anew(t, None)
        return percepts

    def _anew(self, t: float, scene_since: float | None) -> list[Percept]:
        """Learns the background from scratch; what was there before is forgotten."""
        self._restart()
        self._follower.clear()
        return [] if scene_since is None else [Percept(PerceptKind.SCENE, self._track, scene_since, t)]

    def _calm(self, t: float, background: Background, seen: Comparison, foreground: Foreground) -> bool:
        if seen.relit > _CALM_RELIT or max(abs(s) for s in seen.shift) > _CALM_SHIFT:
            self._upset_at = t
        return (
            background.age(t) >= _SETTLED_SECONDS
            and len(foreground.blobs) <= _CALM_BLOBS
            and foreground.share <= _CALM_SHARE
            and t - self._upset_at > _UPSET_SECONDS
        )
