"""Block motion: where each block of a picture was in the one before, and what that leaves unexplained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from joyvl_core.codec.light import Plane, relight, relight_locally

Field = NDArray[np.int16]
"""Motion vectors of blocks, (rows, columns, 2), x first, in pixels."""

_SMALLEST_FOR_FLOW = 48
"""The optical flow's pyramid needs pictures of some size; on smaller ones nothing is said to move."""
_EDGE_SLACK = 0.25
_LIGHT_SLACK = 0.15
"""A changing light is never quite the curve that was fitted to it."""
_VECTOR_COST = 0.02
"""Brightness levels that a motion vector must save for each pixel of its length."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockMotion:
    """How one picture follows from another, block by block.

    Attributes:
        field: From each block to where it was, (rows, columns, 2) in pixels, x first.
        cost: Brightness levels a pixel that the best match leaves unexplained, (rows, columns).
        still: The same if nothing had moved, (rows, columns).
    """

    field: Field
    cost: Plane
    still: Plane


class MotionSearch:
    """Finds block motion. Holds the optical flow's memory; one a track, one thread at a time."""

    def __init__(self, block: int) -> None:
        self._block = block
        # The fast preset reaches a quarter of the picture at one frame a second for about a millisecond.
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def search(self, reference: Plane, picture: Plane) -> BlockMotion:
        """Explains `picture` by `reference`, both (h, w) with sides of whole blocks, whatever the light did."""
        expected = relight(reference, picture)
        slack = _steepness(expected) * _EDGE_SLACK + cv2.absdiff(expected, reference) * _LIGHT_SLACK
        error = cv2.min(cv2.absdiff(picture, expected), cv2.absdiff(picture, relight_locally(reference, picture)))
        still = self._mean(np.maximum(error - slack, 0.0))
        best = still.copy()
        field = np.zeros((*still.shape, 2), np.int16)
        if min(picture.shape) < _SMALLEST_FOR_FLOW or not bool((still > 0.5).any()):
            return BlockMotion(field, best, still)
        for candidate in self._candidates(expected, picture):
            warped = self._warp(expected, candidate)
            left = self._mean(np.maximum(cv2.absdiff(picture, warped) - slack, 0.0))
            left += _VECTOR_COST * np.abs(candidate).sum(axis=2, dtype=np.float32)
            better = left < best
            best[better] = left[better]
            field[better] = candidate[better]
        return BlockMotion(field, best, still)

    def _candidates(self, expected: Plane, picture: Plane) -> list[Field]:
        """Vectors worth trying: what the flow says in each block, and what it mostly says around it."""
        flow = self._flow.calc(picture.astype(np.uint8), expected.astype(np.uint8), None)
        own = self._mean(flow)
        around = cv2.medianBlur(own, 3)
        return [np.rint(own).astype(np.int16), np.rint(around).astype(np.int16)]

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
def _coordinates(width: int, height: int) -> Plane:
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.stack((columns, rows), axis=2)
