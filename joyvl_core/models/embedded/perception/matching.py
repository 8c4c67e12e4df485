"""Which blob is which target."""

from __future__ import annotations

import math
from collections.abc import Sequence

import lap
import numpy as np

from joyvl_core.models.embedded.perception.blobs import Blob
from joyvl_core.models.embedded.perception.target import State, Target

_NEVER = 1e6
_LEAST_REACH = 26.0  # pixels within which a blob may be the next sight of a target
_SIZE_COST = 12.0  # pixels that a change of size by e counts for
_OVERLAP_GAIN = 8.0
_STRANGER_COST = 8.0  # confirmed targets choose first
_ENTRY_SECONDS = 1.0

Box = tuple[float, float, float, float]


def match(targets: Sequence[Target], blobs: Sequence[Blob], t: float) -> dict[int, int]:
    """Assigns blobs to targets at the least total cost.

    Returns:
        Index of the blob for each index of a target that got one.
    """
    if not targets or not blobs:
        return {}
    cost = np.full((len(targets), len(blobs)), _NEVER)
    for i, target in enumerate(targets):
        for j, blob in enumerate(blobs):
            cost[i, j] = _cost(target, blob, t)
    _, assigned, _ = lap.lapjv(cost, extend_cost=True)
    return {i: int(j) for i, j in enumerate(assigned) if j >= 0 and cost[i, j] < _NEVER / 2}


def _cost(target: Target, blob: Blob, t: float) -> float:
    unseen = t - target.last
    x, y = target.predicted(t)
    distance = math.hypot(x - blob.cx, y - blob.cy)
    reach = max(_LEAST_REACH, 1.1 * math.sqrt(target.largest), target.speed * (unseen + 0.1) * 0.8)
    overlapping = gap(target.box, (blob.x, blob.y, blob.width, blob.height)) <= 0.0 and unseen < 1.0
    if distance >= reach and not overlapping:
        return _NEVER
    cost = distance + _SIZE_COST * abs(math.log(blob.area / max(target.area, 1.0)))
    if overlapping:
        cost -= _OVERLAP_GAIN
    return cost if target.state is State.PRESENT else cost + _STRANGER_COST


def gap(a: Box, b: Box) -> float:
    """Pixels between two boxes; 0 or less where they touch or overlap."""
    across = max(a[0] - (b[0] + b[2]), b[0] - (a[0] + a[2]))
    down = max(a[1] - (b[1] + b[3]), b[1] - (a[1] + a[3]))
    if across > 0 and down > 0:
        return math.hypot(across, down)
    return max(across, down)


def shared(a: Box, b: Box) -> float:
    """Area that two boxes share over the area of the smaller."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / max(min(a[2] * a[3], b[2] * b[3]), 1.0)


def inside(x: float, y: float, box: Box, margin: float = 0.0) -> bool:
    """Whether a point lies in a box that is `margin` larger on each side."""
    return box[0] - margin <= x <= box[0] + box[2] + margin and box[1] - margin <= y <= box[1] + box[3] + margin


def is_fragment(piece: Target, whole: Target) -> bool:
    """Whether a target seems to be a piece of another: close to it, and going the same way."""
    distance = gap(piece.box, whole.box)
    size = math.sqrt(whole.largest)
    small = piece.area < 0.3 * whole.area
    limit = 0.5 * size if small else max(6.0, 0.2 * size)
    if piece.edges & whole.edges and abs(piece.born - whole.born) < _ENTRY_SECONDS:
        # What comes in over the edge shows its farthest parts first.
        limit = max(limit, 0.6 * max(*whole.box[2:], *piece.box[2:]))
        return distance <= limit
    if distance > limit:
        return False
    apart = math.hypot(piece.vx - whole.vx, piece.vy - whole.vy)
    return apart <= 0.6 * max(piece.speed, whole.speed) + 25.0
