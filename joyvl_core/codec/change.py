"""Change: whether something really happened in the picture, told within a few milliseconds of seeing it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from joyvl_core.codec.light import Plane, correlation, detail, relight, relight_locally
from joyvl_core.media import Frame, Luma, Picture, RgbPicture, fit

Mask = NDArray[np.bool_]

_WITHIN = (160, 160)
_CELL = 5
"""Pixels of the small picture per side of a cell; what changed is followed cell by cell."""
_CELL_SHARE = 0.2
_FLOOR = 7.0
"""Brightness levels that a change must exceed on the quietest camera."""
_NOISE_GAIN = 4.0
_LIGHT_GAIN = 0.2
"""A changing light is never quite the curve that was fitted to it."""
_WHITE = 235.0
"""Brightness from which on an overexposed sensor tells nothing apart."""
_QUIET = 1.0
_LEARN_SECONDS = 2.0
_NOISE_SECONDS = 6.0
_SETTLED_SECONDS = 1.5
_CLAIM_SECONDS = 1.2
_FASTEST = 0.5
"""Widths of the picture that a followed change may travel a second."""
_LEAST_MASS = 10.0
"""Changed pixels (of the small picture) that are worth a tick once they have been seen twice."""
_SURE_MASS = 35.0
_CUT_SHARE = 0.35
_SAME_SCENE = 0.4
_LONGEST_STEP = 2.0

_GLANCE_COLUMNS = 64
_GLANCE_FLOOR = 10.0
_GLANCE_GAIN = 6.5
_SHIMMER_AT_FIRST = 3.0
_SHIMMER_PACE = 0.2
_GLANCE_POINTS = 4


@dataclass(frozen=True, slots=True)
class Change:
    """What one look found.

    Attributes:
        spike: Something changed that was not changing before: worth a tick now.
        amount: Share of the picture that differs from what it mostly looked like lately, 0 to 1.
        still: Nothing moves.
    """

    spike: bool = False
    amount: float = 0.0
    still: bool = True


class ChangeDetector:
    """Tells real changes on one video track from exposure, flicker, noise and compression.

    What a pixel mostly looked like is kept as a background, with how far it usually strays. A change is what
    neither a new light on the whole picture nor one on the neighbourhood explains. Each change is followed
    while it moves and counts once: what a passing car does after its first moment is no news.

    `look` takes about a millisecond and belongs in a worker thread; `glance` is for the event loop. Both are
    called by one thread at a time, but may overlap with each other.
    """

    def __init__(self) -> None:
        self._background: Plane | None = None
        self._stray = self._last = self._settled = np.zeros((0, 0), np.float32)
        self._claimed_until = self._cells_before = np.zeros((0, 0), np.float32)
        self._t = 0.0
        self._seen: Luma | None = None
        self._shimmer = _SHIMMER_AT_FIRST

    def look(self, frame: Frame) -> Change:
        """Looks at a frame, 2 to 30 times a second at any times."""
        self.note(frame.picture)
        now = _small(frame.picture)
        step = min(max(frame.t - self._t, 0.0), _LONGEST_STEP)
        self._t = frame.t
        if self._background is None or self._background.shape != now.shape:
            self._start(now)
            return Change()
        expected = relight(self._background, now)
        error = cv2.min(cv2.absdiff(now, expected), cv2.absdiff(now, relight_locally(self._background, now)))
        error = np.maximum(error - _edge_slack(expected), 0.0)
        error[cv2.min(now, expected) > _WHITE] = 0.0
        limit = _FLOOR + _NOISE_GAIN * np.maximum(self._stray - _QUIET, 0.0)
        limit += _LIGHT_GAIN * cv2.absdiff(expected, self._background)
        changed = error > limit
        cells = _cells(changed)
        amount = float(changed.mean())
        if amount > _CUT_SHARE and correlation(detail(self._background), detail(now)) < _SAME_SCENE:
            self._start(now)
            self._claimed_until[:] = frame.t + _CLAIM_SECONDS
            return Change(spike=True, amount=amount, still=False)
        spike = self._follow(cells, frame.t, step)
        moving = self._learn(now, expected, error, limit, changed, step)
        return Change(spike=spike, amount=amount, still=not moving and not bool(cells.any()))

    def glance(self, picture: Picture) -> bool:
        """Whether a look may find something, told in 50 µs; always true before the first look."""
        points = _points(picture)
        seen = self._seen
        if seen is None or seen.shape != points.shape:
            return True
        far = _differences(points, seen) > max(_GLANCE_FLOOR, _GLANCE_GAIN * self._shimmer)
        return int(np.count_nonzero(far)) >= _GLANCE_POINTS

    def note(self, picture: Picture) -> None:
        """Makes this the picture that glances compare with, and learns how far its points stray by themselves."""
        points, before = _points(picture), self._seen
        if before is not None and before.shape == points.shape:
            # Most points of most pictures do not move, so the median is the sensor's own.
            stray = float(np.median(_differences(points, before)))
            self._shimmer += (stray - self._shimmer) * _SHIMMER_PACE
        self._seen = points

    def _start(self, now: Plane) -> None:
        self._background = now
        self._last = now
        self._stray = np.full_like(now, 2.0)
        self._settled = np.zeros_like(now)
        cells = _cells(np.zeros(now.shape, np.bool_))
        self._cells_before = cells
        self._claimed_until = np.full(cells.shape, -np.inf, np.float32)

    def _follow(self, cells: Plane, t: float, step: float) -> bool:
        """Claims what goes on from earlier changes, and tells whether anything else has begun."""
        reach = 1 + int(np.ceil(_FASTEST * step * cells.shape[1]))
        near = cv2.dilate(self._claimed_until, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
        twice = cv2.dilate(self._cells_before, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
        self._cells_before = cells
        busy = (cells > _CELL_SHARE).astype(np.uint8)
        if not busy.any():
            return False
        count, labels, _, _ = cv2.connectedComponentsWithStats(cv2.dilate(busy, np.ones((3, 3), np.uint8)))
        spike = False
        for label in range(1, count):
            part = (labels == label) & (busy > 0)
            mass = float(cells[part].sum()) * _CELL * _CELL
            known = bool((near[part] >= t).any())
            again = bool((twice[part] > _CELL_SHARE).any())
            if known or mass >= _SURE_MASS or (again and mass >= _LEAST_MASS):
                self._claimed_until[part] = t + _CLAIM_SECONDS
                spike = spike or not known
        return spike

    def _learn(self, now: Plane, expected: Plane, error: Plane, limit: Plane, changed: Mask, step: float) -> bool:
        """Moves the background and its straying along; returns whether anything moved since the last look."""
        moved = cv2.absdiff(now, self._last) > limit
        self._settled = np.where(moved, 0.0, self._settled + step).astype(np.float32)
        taken = changed & (self._settled < _SETTLED_SECONDS)
        share = np.where(taken, np.float32(0.0), np.float32(1.0 - np.exp(-step / _LEARN_SECONDS)))
        share[changed & ~taken] = 1.0
        self._background = expected + (now - expected) * share
        pace = np.where(changed, np.float32(0.25), np.float32(1.0)) * np.float32(1.0 - np.exp(-step / _NOISE_SECONDS))
        self._stray = self._stray + (cv2.min(error, limit * 2.0) - self._stray) * pace
        self._last = now
        return bool(moved.mean() > 0.002)


def _small(picture: Picture) -> Plane:
    luma = picture.luma()
    size = fit((luma.shape[1], luma.shape[0]), _WITHIN)
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (3, 3), 0).astype(np.float32)


def _differences(points: Luma, before: Luma) -> NDArray[np.int16]:
    """How far each point went from where it was, a common shift of brightness left out."""
    difference = points.astype(np.int16) - before
    difference -= np.int16(difference.mean())
    return np.abs(difference, out=difference)


def _edge_slack(expected: Plane) -> Plane:
    """How far a pixel may stray because the camera shook by a pixel."""
    around = np.ones((3, 3), np.uint8)
    slack = cv2.dilate(expected, around) - cv2.erode(expected, around)
    slack *= 0.8
    return slack


def _cells(changed: Mask) -> Plane:
    """Share of changed pixels in each cell."""
    height, width = changed.shape
    size = max(1, width // _CELL), max(1, height // _CELL)
    return cv2.resize(changed.astype(np.float32), size, interpolation=cv2.INTER_AREA)


def _points(picture: Picture) -> Luma:
    """A sparse grid of brightness; green stands in for it where brightness would have to be computed."""
    plane = picture.pixels[..., 1] if isinstance(picture, RgbPicture) else picture.luma()
    step = max(1, plane.shape[1] // _GLANCE_COLUMNS)
    return plane[step // 2 :: step, step // 2 :: step].copy()
