"""Connected regions of a picture that differ from its background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from joyvl_core.media import Luma
from joyvl_core.models.embedded.perception.background import SQUARE3, Comparison, Mask

_CLOSE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
_RING = np.ones((5, 5), np.uint8)
_LEAST_AREA = 45  # pixels of 320x180
_LEAST_STRONG = 8
_STRONG = 1.6  # times the limit
_MOST_BLOBS = 40
_SAME_PATTERN = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """A region in front of the background, in pixels of the small picture.

    Attributes:
        x: Left edge of its box.
        y: Upper edge.
        width: Of its box.
        height: Of its box.
        area: Pixels that belong to it.
        contrast: Mean of excess over limit, how clearly it stands out.
        mask: (height, width), 1 where it is.
    """

    x: int
    y: int
    width: int
    height: int
    cx: float
    cy: float
    area: int
    contrast: float
    mask: Mask

    @property
    def region(self) -> tuple[slice, slice]:
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    def edges(self, size: tuple[int, int], margin: float = 3.0) -> frozenset[str]:
        """The edges of a picture of `size` (width, height) at which it lies."""
        right, low = self.x + self.width, self.y + self.height
        near = {
            "left": self.x <= margin,
            "top": self.y <= margin,
            "right": right >= size[0] - margin,
            "bottom": low >= size[1] - margin,
        }
        return frozenset(edge for edge, at_it in near.items() if at_it)


@dataclass(frozen=True, slots=True, eq=False)
class Foreground:
    """What stands out from the background in one picture.

    Attributes:
        blobs: The believed regions, largest first.
        mask: All believed regions.
        share: Share of the picture that differs, believed or not.
    """

    blobs: tuple[Blob, ...]
    mask: Mask
    share: float


def find_blobs(seen: Comparison) -> Foreground:
    """Cuts what differs into regions and leaves out those that are only noise or light."""
    differs = cv2.compare(seen.excess, seen.limit, cv2.CMP_GT) & 1
    differs = cv2.morphologyEx(differs, cv2.MORPH_OPEN, SQUARE3)
    share = cv2.countNonZero(differs) / differs.size
    if share == 0.0:
        return Foreground((), differs, 0.0)
    differs = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, _CLOSE)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(differs, connectivity=8)
    mask = np.zeros_like(differs)
    blobs: list[Blob] = []
    large = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= _LEAST_AREA]
    large.sort(key=lambda i: -stats[i, cv2.CC_STAT_AREA])
    for i in large[: 2 * _MOST_BLOBS]:
        x, y, width, height, area = (int(v) for v in stats[i])
        blob = _blob(seen, labels, i, (x, y, width, height, area), (float(centres[i][0]), float(centres[i][1])))
        if blob is not None and len(blobs) < _MOST_BLOBS:
            blobs.append(blob)
            mask[blob.region] |= blob.mask
    return Foreground(tuple(blobs), mask, share)


def _blob(
    seen: Comparison, labels: np.ndarray, label: int, box: tuple[int, int, int, int, int], centre: tuple[float, float]
) -> Blob | None:
    x, y, width, height, area = box
    region = (slice(y, y + height), slice(x, x + width))
    inside = labels[region] == label
    ratio = seen.excess[region][inside] / np.maximum(seen.limit[region][inside], 1).astype(np.float32)
    if int((ratio > _STRONG).sum()) < max(_LEAST_STRONG, 0.08 * area):
        return None
    if _only_relit(seen, region, inside):
        return None
    blob_mask = inside.astype(np.uint8)
    return Blob(x, y, width, height, centre[0], centre[1], area, float(np.minimum(ratio, 8).mean()), blob_mask)


def _only_relit(seen: Comparison, region: tuple[slice, slice], inside: np.ndarray) -> bool:
    """The background's pattern is still there: a shadow or a spot of light, not a thing."""
    now = seen.picture[region][inside].astype(np.float32) @ np.full(3, 1 / 3, np.float32)
    before = seen.expected[region][inside].astype(np.float32) @ np.full(3, 1 / 3, np.float32)
    spread_before, spread_now = float(before.std()), float(now.std())
    if spread_before <= 6.0 or not 0.6 < spread_now / spread_before < 1.6:
        return False
    alike = float(((now - now.mean()) * (before - before.mean())).mean()) / (spread_now * spread_before)
    return alike > _SAME_PATTERN


def outline_ratio(blob: Blob, now: Luma, expected: Luma) -> float:
    """How much stronger the blob's outline is in the picture than in the background.

    Above 1 something is in front; below 1 the background has the outline, so something was taken away.
    """
    height, width = now.shape
    x0, y0 = max(0, blob.x - 4), max(0, blob.y - 4)
    x1, y1 = min(width, blob.x + blob.width + 4), min(height, blob.y + blob.height + 4)
    inside = np.zeros((y1 - y0, x1 - x0), np.uint8)
    inside[blob.y - y0 : blob.y - y0 + blob.height, blob.x - x0 : blob.x - x0 + blob.width] = blob.mask
    ring = (cv2.dilate(inside, _RING) - cv2.erode(inside, _RING)) > 0
    region = (slice(y0, y1), slice(x0, x1))
    return (_steepness(now[region], ring) + 1.0) / (_steepness(expected[region], ring) + 1.0)


def _steepness(picture: Luma, ring: np.ndarray) -> float:
    along = cv2.Sobel(picture, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(picture, cv2.CV_32F, 0, 1)
    return float(cv2.magnitude(along, down)[ring].mean())
