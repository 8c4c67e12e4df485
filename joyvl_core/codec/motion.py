"""Block motion: where each block of a picture was in the one before, and what that leaves unexplained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from joyvl_core.codec.light import Plane, correlation, detail, relight, relight_locally

Field = NDArray[np.int16]
"""Motion vectors of blocks, (rows, columns, 2), x first, in pixels."""

_SMALLEST_FOR_FLOW = 48
"""The optical flow's pyramid needs pictures of some size; on smaller ones nothing is said to move."""
_EDGE_SLACK = 0.25
_LIGHT_SLACK = 0.15
"""A changing light is never quite the curve that was fitted to it."""
_VECTOR_COST = 0.02
"""Brightness levels that a motion vector must save for each pixel of its length."""
_STEPS = (2, 4, 8)
"""How many blocks away one that was covered may find its like."""
_LARGEST_SHAKE = 3.0
_PLAINLY, _STRANGE, _UNLIKE = 8.0, 0.15, 0.45
"""Brightness levels a pixel, and likenesses as they were and as predicted, beyond which a scene is another one."""
_GRAIN = 5.0
_TELLING = 0.02
"""Brightness levels of noise at half the size, and the share of pixels beyond them that tells scenes apart."""
_LEAST_LIKENESS = 0.25
_MOST_THINGS = 6
_LEAST_THING = 4
"""Blocks of a thing that is looked for in the whole picture."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockMotion:
    """How one picture follows from another, block by block.

    Attributes:
        field: From each block to where it was, (rows, columns, 2) in pixels, x first.
        cost: Brightness levels a pixel that the best match leaves unexplained, (rows, columns).
        still: The same if nothing had moved, (rows, columns).
        other: It is another scene: what is finer than the light has little in common with the older picture,
            neither where it was nor where the vectors point.
    """

    field: Field
    cost: Plane
    still: Plane
    other: bool


class MotionSearch:
    """Finds block motion. Holds the optical flow's memory; one a track, one thread at a time."""

    def __init__(self, block: int) -> None:
        self._block = block
        # The fast preset reaches a quarter of the picture at one frame a second for about a millisecond.
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def search(self, reference: Plane, picture: Plane) -> BlockMotion:
        """Explains `picture` by `reference`, both (h, w) with sides of whole blocks, whatever the light did."""
        reference = self._steadied(reference, picture)
        expected = relight(reference, picture)
        slack = _steepness(expected) * _EDGE_SLACK + cv2.absdiff(expected, reference) * _LIGHT_SLACK
        error = cv2.min(cv2.absdiff(picture, expected), cv2.absdiff(picture, relight_locally(reference, picture)))
        still = self._mean(np.maximum(error - slack, 0.0))
        best = still.copy()
        field = np.zeros((*still.shape, 2), np.int16)
        if min(picture.shape) < _SMALLEST_FOR_FLOW or not bool((still > 0.5).any()):
            return BlockMotion(field, best, still, other=False)
        for candidate in (*self._flows(expected, picture), *self._shifts(expected, picture, still)):
            warped = self._warp(expected, candidate)
            left = self._mean(np.maximum(cv2.absdiff(picture, warped) - slack, 0.0))
            left += _VECTOR_COST * np.abs(candidate).sum(axis=2, dtype=np.float32)
            better = left < best
            best[better] = left[better]
            field[better] = candidate[better]
        return BlockMotion(field, best, still, self._other(reference, picture, field))

    def _other(self, reference: Plane, picture: Plane, field: Field) -> bool:
        # The light and the search together make something of any two pictures: their cost alone is no measure.
        if cv2.absdiff(picture, reference).mean() < _PLAINLY or self._alike(reference, picture) > _STRANGE:
            return False
        return self._alike(self._warp(reference, field), picture) < _UNLIKE

    def _alike(self, one: Plane, other: Plane) -> float:
        """Likeness at half the size, of what stands out of the noise; 1 where next to nothing does."""
        half = one.shape[1] // 2, one.shape[0] // 2
        a, b = (detail(cv2.resize(plane, half, interpolation=cv2.INTER_AREA)) for plane in (one, other))
        a, b = (np.sign(each) * np.maximum(np.abs(each) - _GRAIN, 0.0) for each in (a, b))
        if max(np.count_nonzero(a), np.count_nonzero(b)) < _TELLING * a.size:
            return 1.0
        return correlation(a, b)

    def _steadied(self, reference: Plane, picture: Plane) -> Plane:
        """The reference as a camera that shook by a pixel or two saw it, where it did."""
        if min(picture.shape) < _SMALLEST_FOR_FLOW:
            return reference
        (right, down), alike = cv2.phaseCorrelate(reference, picture, _window(picture.shape[1], picture.shape[0]))
        if alike < _LEAST_LIKENESS or max(abs(right), abs(down)) > _LARGEST_SHAKE:
            return reference
        shake = np.array([[1, 0, right], [0, 1, down]], np.float32)
        size = picture.shape[1], picture.shape[0]
        steadied = cv2.warpAffine(reference, shake, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        better = cv2.absdiff(picture, steadied).mean() < cv2.absdiff(picture, reference).mean()
        return steadied if better else reference

    def _flows(self, expected: Plane, picture: Plane) -> list[Field]:
        """Vectors worth trying: what the flow says in each block, and what it mostly says around it."""
        flow = self._flow.calc(picture.astype(np.uint8), expected.astype(np.uint8), None)
        own = self._mean(flow)
        around = cv2.medianBlur(own, 3)
        return [np.rint(own).astype(np.int16), np.rint(around).astype(np.int16)]

    def _shifts(self, expected: Plane, picture: Plane, still: Plane) -> list[Field]:
        """One vector for all blocks each: where the larger changed things were, and the neighbourhood.

        The flow does not reach what went far in a second, and what a thing uncovers has its like beside it.
        """
        vectors = [
            (x * steps * self._block, y * steps * self._block)
            for steps in _STEPS
            for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))
        ]
        coarse = np.ascontiguousarray(expected[::2, ::2])
        changed = (still > _PLAINLY).astype(np.uint8)
        _, _, boxes, _ = cv2.connectedComponentsWithStats(changed)
        things = sorted((box for box in boxes[1:] if box[4] >= _LEAST_THING), key=lambda box: -int(box[4]))
        for left, top, width, height, _ in things[:_MOST_THINGS]:
            y, x = int(top) * self._block, int(left) * self._block
            thing = picture[y : y + int(height) * self._block : 2, x : x + int(width) * self._block : 2]
            _, _, (there_x, there_y), _ = cv2.minMaxLoc(cv2.matchTemplate(coarse, thing, cv2.TM_SQDIFF))
            vectors.append((there_x * 2 - x, there_y * 2 - y))
        return [np.full((*still.shape, 2), vector, np.int16) for vector in vectors]

    def _warp(self, reference: Plane, field: Field) -> Plane:
        height, width = reference.shape
        wide = cv2.resize(field.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST)
        wide += _coordinates(width, height)
        return cv2.remap(reference, wide, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)

    def _mean(self, plane: Plane) -> Plane:
        size = plane.shape[1] // self._block, plane.shape[0] // self._block
        return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


def _steepness(plane: Plane) -> Plane:
    """Spread of brightness around each pixel: what a shake of the camera by a pixel may change."""
    around = np.ones((3, 3), np.uint8)
    return cv2.dilate(plane, around) - cv2.erode(plane, around)


@lru_cache(maxsize=8)
def _window(width: int, height: int) -> Plane:
    return cv2.createHanningWindow((width, height), cv2.CV_32F)


@lru_cache(maxsize=8)
def _coordinates(width: int, height: int) -> Plane:
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.stack((columns, rows), axis=2)
