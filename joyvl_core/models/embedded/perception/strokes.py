"""Strokes: where something that looks written has come to stand, told without reading it.

A stroke is an edge with its counterpart close by. Written ones keep their brightness while the scene behind them
moves; so each pixel remembers its brightness and since when it has had that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from joyvl_core.media import Luma, Picture, fit
from joyvl_core.models.embedded.percepts import Box

Mask = NDArray[np.bool_]
Seconds = NDArray[np.float32]

_WITHIN = (320, 320)
_SETTLED_AFTER = 0.2
_CONTRAST, _CONTRAST_HELD = 28, 18
"""Brightness levels across two pixels that make an edge."""
_AROUND = np.ones((3, 3), np.uint8)
_SHAKE = 4
_STRAY = 16
"""Brightness levels by which noise and compression move a pixel that stands."""
_CELL = 8
_DENSITY = 14
"""Share of a cell, in 255ths, that both rising and falling edges must cover where something is written."""
_LINE_GAP = np.ones((1, 5), np.uint8)
_LEAST_WIDTH = 2 + 4
"""Cells, those counted that bridging the gaps adds."""
_PARAGRAPH_GAP = np.ones((3, 5), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The strokes of one line at the moment it was read.

    Attributes:
        window: Rows and columns of the small picture.
        strokes: Which pixels of the window belong to it.
        since: Session second since which the newest of them have been there.
        read: Session second of the picture they were read on.
    """

    window: tuple[slice, slice]
    strokes: Mask
    since: float
    read: float


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """The strokes that stand at one moment, which of them have not been read, and since when each pixel stands."""

    strokes: Mask
    unread: Mask
    since: Seconds
    t: float

    def patch(self, box: Box) -> Patch:
        """Keeps those within `box`."""
        window = _window(box, self.strokes.shape)
        strokes, since = self.strokes[window], self.since[window]
        new = strokes & self.unread[window]
        began = float(np.median(since[new if new.any() else strokes])) if strokes.any() else self.t
        return Patch(window, strokes, began, self.t)

    def matches(self, patch: Patch, box: Box) -> float:
        """How far what stands in `box` is what a line had there: shared strokes as a share of all, 0 to 1."""
        if patch.window[0].stop > self.strokes.shape[0] or patch.window[1].stop > self.strokes.shape[1]:
            return 0.0
        within = np.zeros(self.strokes.shape, np.bool_)
        within[_window(box, self.strokes.shape)] = True
        had = np.zeros(self.strokes.shape, np.bool_)
        had[patch.window] = patch.strokes
        had, has = had & within, self.strokes & within
        total = int(np.count_nonzero(had | has))
        return float(np.count_nonzero(had & has)) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Fresh:
    """A place where strokes stand that have not been read.

    Attributes:
        area: Where, in shares of the picture.
        amount: Pixels of such strokes.
        restless: Pixels of strokes there that have not come to stand.
    """

    area: Box
    amount: int
    restless: int


class Strokes:
    """Follows the strokes of one video track on a small picture, in about a millisecond a frame."""

    def __init__(self) -> None:
        self._anchor: Luma = np.zeros((0, 0), np.uint8)
        self._since: Seconds = np.zeros((0, 0), np.float32)
        self._read: Seconds = np.zeros((0, 0), np.float32)
        self._rising: Mask = np.zeros((0, 0), np.bool_)
        self._falling = self._standing = self._rising
        self._t = 0.0

    def look(self, picture: Picture, t: float) -> None:
        """Takes in the next picture, of session second `t`."""
        now = _small(picture)
        self._t = t
        if now.shape != self._anchor.shape:
            self._begin(now)
        # Next to an edge, a shake by a fraction of a pixel moves the brightness by that fraction of the contrast.
        allowed = cv2.morphologyEx(now, cv2.MORPH_GRADIENT, _AROUND) // _SHAKE
        broken = cv2.absdiff(now, self._anchor) > cv2.add(allowed, _STRAY)
        rising = _edges(now[:, :-2], now[:, 2:], self._rising)
        falling = _edges(now[:, 2:], now[:, :-2], self._falling)
        broken |= (rising & ~self._rising) | (falling & ~self._falling)
        np.copyto(self._anchor, now, where=broken)
        self._since[broken] = t
        self._rising, self._falling = rising, falling
        self._standing = self._since <= t - _SETTLED_AFTER

    def _begin(self, now: Luma) -> None:
        self._anchor = now.copy()
        self._since = np.full(now.shape, self._t, np.float32)
        self._read = np.full(now.shape, -np.inf, np.float32)
        self._rising = np.zeros(now.shape, np.bool_)
        self._falling = np.zeros(now.shape, np.bool_)
        self._standing = np.zeros(now.shape, np.bool_)

    def settled(self) -> Settled:
        """All that stands now."""
        return Settled(self._strokes(), self._since > self._read, self._since.copy(), self._t)

    def fresh(self, known: Sequence[Box] = ()) -> Fresh | None:
        """The place that holds everything which stands and has not been read, whole lines of it; None without any.

        Args:
            known: Where words are known to be: there, a single letter's change counts too.
        """
        new = self._standing & (self._since > self._read)
        rising, falling = self._rising & new, self._falling & new
        cells = _written(rising, falling)
        if not cells.any():
            return None
        # A lone cell is a corner of something; words are wider than one.
        _, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(cells, _LINE_GAP))
        wide = np.flatnonzero(stats[1:, cv2.CC_STAT_WIDTH] >= _LEAST_WIDTH) + 1
        within = np.zeros(cells.shape, np.bool_)
        for box in known:
            within[_window(box, cells.shape)] = True
        wanted = (np.isin(labels, wide) | within) & (cells > 0)
        if not wanted.any():
            return None
        # A line is read as a whole, even if only a part of it is new.
        _, lines = cv2.connectedComponents(
            cv2.dilate(_written(self._rising & self._standing, self._falling & self._standing), _PARAGRAPH_GAP)
        )
        whole = np.isin(lines, np.unique(lines[wanted]))
        area = _bounds(whole)
        window = _window(area, new.shape)
        edges = (self._rising | self._falling)[window]
        restless = int(np.count_nonzero(edges & ~self._standing[window]))
        return Fresh(area, int(np.count_nonzero(edges & new[window])), restless)

    def mark_read(self, area: Box) -> None:
        """What stands in `area` is read: it is fresh no more unless it changes."""
        window = _window(area, self._since.shape)
        self._read[window][self._strokes()[window]] = self._t

    def kept(self, patch: Patch) -> float:
        """Share of a line's strokes that have stood ever since it was read, 0 to 1."""
        total = np.count_nonzero(patch.strokes)
        if not total or patch.window[0].stop > self._since.shape[0] or patch.window[1].stop > self._since.shape[1]:
            return 0.0
        there = self._strokes()[patch.window] & (self._since[patch.window] <= patch.read)
        return float(np.count_nonzero(there & patch.strokes)) / total

    def occupied(self, patch: Patch) -> float:
        """How many strokes stand now where the line stood, as a share of what it had."""
        total = int(np.count_nonzero(patch.strokes)) or 1
        return float(np.count_nonzero(self._strokes()[patch.window])) / total

    def _strokes(self) -> Mask:
        return (self._rising | self._falling) & self._standing


def _edges(before: Luma, after: Luma, held: Mask) -> Mask:
    """Pixels between a darker and a brighter one; those that were edges stay so at less contrast."""
    edges = np.zeros(held.shape, np.bool_)
    contrast = cv2.subtract(after, before)
    edges[:, 1:-1] = (contrast > _CONTRAST) | (held[:, 1:-1] & (contrast > _CONTRAST_HELD))
    return edges


def _small(picture: Picture) -> Luma:
    luma = picture.luma()
    size = fit((luma.shape[1], luma.shape[0]), _WITHIN)
    return cv2.resize(luma, (max(size[0], 3), max(size[1], 3)), interpolation=cv2.INTER_AREA)


def _written(rising: Mask, falling: Mask) -> Luma:
    """Cells that hold edges of both directions, as 1 in (rows, columns)."""
    height, width = rising.shape
    size = -(-width // _CELL), -(-height // _CELL)
    both = [cv2.resize(edges.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) for edges in (rising, falling)]
    return (cv2.min(*both) > _DENSITY).astype(np.uint8)


def _bounds(cells: Mask) -> Box:
    """The rectangle around cells with one more on each side, in shares of the picture."""
    height, width = cells.shape
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    top, bottom = max(0, int(rows[0]) - 1), min(height, int(rows[-1]) + 2)
    left, right = max(0, int(columns[0]) - 2), min(width, int(columns[-1]) + 3)
    return Box(left / width, top / height, (right - left) / width, (bottom - top) / height)


def _window(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    height, width = shape[:2]
    rows = slice(max(0, int(box.y * height)), min(height, int(np.ceil((box.y + box.height) * height))))
    columns = slice(max(0, int(box.x * width)), min(width, int(np.ceil((box.x + box.width) * width))))
    return rows, columns
