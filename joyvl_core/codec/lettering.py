"""Lettering: fine strokes that have come to stand since the last whole picture, such as words, figures and signs.

A P-frame is too small to be read, and a changed digit is too little to be a change at all. But strokes that
stand where the last I-frame had none, one sampled frame after another, are something it has not shown.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from joyvl_core.media import Luma

_CONTRAST = 22
"""Brightness levels across two pixels that make an edge in a clean picture."""
_NOISE_GAIN = 3.5
_THINNED = 4
_WEAKER = 0.5
"""An edge that had at least this share of its strength was there already, whatever the light did since."""
_STANDS = 0.6
_CELL = 8
_DENSITY = 10
"""Share of a cell, in 255ths, that both rising and falling edges must cover where something is written."""
_NEW_DENSITY = 7
_GAP = np.ones((1, 3), np.uint8)
_LEAST_WIDTH = 3 + 2
"""Cells, those counted that bridging the gaps adds."""
_MOST_CELLS = 64
_SHAKE = 4
"""Pixels by which a camera may stray."""
_ALIKE = 0.8
_LEAST_CELLS = 2
_APART = 0.7
"""Seconds: in less, what moves slowly has not moved."""
_USUAL_PACE = 0.15
_RESTLESS_GAIN = 2.0
"""How many times more new cells than usual it takes where some always come, such as leaves in the wind."""
_AROUND = np.ones((3, 3), np.uint8)

Edges = tuple[Luma, Luma]
"""Strength of rising and of falling edges, each (h, w)."""


class Lettering:
    """Follows the strokes of one track, in about a millisecond a frame."""

    def __init__(self) -> None:
        self._whole = self._last = self._luma = np.zeros((0, 0), np.uint8)
        self._shown = self._before = self._near = (self._luma, self._luma)
        self._lines = self._worded = self._luma
        self._usual = 0.0
        self._t = -np.inf

    def look(self, luma: Luma, t: float) -> bool:
        """Whether strokes stand on the picture that the last I-frame lacks.

        Args:
            luma: The picture as the model would see it, (h, w).
            t: Its session second. What stands is told from a picture at least `_APART` older.
        """
        edges = _edges(luma)
        limit = _limit(edges)
        self._luma, self._near = luma, _spread(edges)
        self._lines = _lines([now > limit for now in edges])
        # Time may also go back.
        if abs(t - self._t) < _APART:
            return False
        stands = self._whole.shape == luma.shape and self._stands(edges, limit)
        self._last, self._before, self._t = self._luma, self._near, t
        return stands

    def _stands(self, edges: Edges, limit: float) -> bool:
        strokes = [
            (now > limit) & (was < now * _WEAKER) & (lately > now * _STANDS)
            for now, was, lately in zip(edges, self._shown, self._before, strict=True)
        ]
        cells = _written(strokes, _NEW_DENSITY) & self._lines
        new = [place for place in np.argwhere(cells)[:_MOST_CELLS] if self._stands_new(*(place * _CELL))]
        usual = self._usual
        self._usual += (len(new) - usual) * _USUAL_PACE
        # Where words were, a single letter counts.
        least = 1 if any(self._worded[tuple(place)] for place in new) else _LEAST_CELLS
        return len(new) >= least + usual * _RESTLESS_GAIN

    def show(self) -> None:
        """The picture last looked at is sent as an I-frame."""
        self._whole, self._shown, self._worded = self._luma, self._near, self._lines

    def _stands_new(self, y: int, x: int) -> bool:
        """Whether the cell at a place is as it was in the last frame, and the I-frame has nothing like it close by."""
        around = slice(max(0, y - _CELL // 2), y + _CELL * 3 // 2), slice(max(0, x - _CELL // 2), x + _CELL * 3 // 2)
        cell = self._luma[around]
        # A camera that shakes moves what was there.
        return _likeness(cell, self._last, around, 1) > _ALIKE > _likeness(cell, self._whole, around, _SHAKE)


def _likeness(cell: Luma, picture: Luma, around: tuple[slice, slice], reach: int) -> float:
    """How like its cell a picture is at the same place, or a few pixels beside it, whatever the light: -1 to 1."""
    rows, columns = (slice(max(0, each.start - reach), each.stop + reach) for each in around)
    return float(cv2.matchTemplate(picture[rows, columns], cell, cv2.TM_CCOEFF_NORMED).max())


def _edges(luma: Luma) -> Edges:
    wide = cv2.copyMakeBorder(luma, 0, 0, 1, 1, cv2.BORDER_REPLICATE)
    return cv2.subtract(wide[:, 2:], wide[:, :-2]), cv2.subtract(wide[:, :-2], wide[:, 2:])


def _limit(edges: Edges) -> float:
    """The strength from which on an edge is one, on a camera as noisy as this."""
    usual = float(np.median(np.maximum(*(each[::_THINNED, ::_THINNED] for each in edges))))
    return max(_CONTRAST, _NOISE_GAIN * usual)


def _spread(edges: Edges) -> Edges:
    rising, falling = edges
    return cv2.dilate(rising, _AROUND), cv2.dilate(falling, _AROUND)


def _grid(picture: NDArray[Any]) -> tuple[int, int]:
    """Rows and columns of cells."""
    return max(1, picture.shape[0] // _CELL), max(1, picture.shape[1] // _CELL)


def _written(edges: list[NDArray[np.bool_]], density: int) -> Luma:
    """Cells that hold edges of both directions, as 1 in (rows, columns)."""
    rows, columns = _grid(edges[0])
    both = [cv2.resize(each.astype(np.uint8) * 255, (columns, rows), interpolation=cv2.INTER_AREA) for each in edges]
    return (cv2.min(*both) > density).astype(np.uint8)


def _lines(edges: list[NDArray[np.bool_]]) -> Luma:
    """Written cells side by side: a lone one is a corner of something."""
    cells = cv2.dilate(_written(edges, _DENSITY), _GAP)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cells)
    wide = stats[:, cv2.CC_STAT_WIDTH] >= _LEAST_WIDTH
    wide[0] = False
    lines = wide[labels].astype(np.uint8)
    # At the border, a shaking camera shows what was outside.
    lines[[0, -1]] = 0
    lines[:, [0, -1]] = 0
    return lines
