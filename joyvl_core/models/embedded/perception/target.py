"""One thing that is followed from look to look."""

from __future__ import annotations

import itertools
import math
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np

from joyvl_core.models.embedded.perception.blobs import Blob
from joyvl_core.models.embedded.perception.colour import NAMES, Shares, colour_name
from joyvl_core.models.embedded.percepts import Box, Thing

_TRAIL = 64
_SMOOTHING_SECONDS = 0.25


class State(Enum):
    """How far a target is believed."""

    CANDIDATE = auto()
    PRESENT = auto()
    RESTING = auto()
    GONE = auto()


@dataclass(slots=True, eq=False)
class Target:
    """What is known of one followed thing; positions in pixels of the small picture.

    Attributes:
        born: Second of the first sighting.
        before: Second of the look before that, when it was not there yet.
        edges: Edges of the picture at which it was first seen.
        still: Seconds for which it has not changed.
        reach: Farthest it has been from its first position.
        came: Box of the first sighting (x, y, width, height).
        split_from_known: It was born where a present thing had just been.
        over: What lay at rest where it was born.
        id: Number in the session, 0 until confirmed.
        announced: An APPEAR was told of it.
        put: It was told to be put down.
        alone: In its last look it had a blob of its own.
        in_burst: It came together with many others, as the parts of a new slide do.
    """

    blob: Blob
    born: float
    before: float
    edges: frozenset[str]
    state: State = State.CANDIDATE
    id: int = 0
    announced: bool = False
    put: bool = False
    cx: float = 0.0
    cy: float = 0.0
    vx: float = 0.0
    vy: float = 0.0
    area: float = 0.0
    largest: float = 0.0
    last: float = 0.0
    hits: int = 1
    still: float = 0.0
    reach: float = 0.0
    came: tuple[int, int, int, int] = (0, 0, 0, 0)
    split_from_known: bool = False
    in_burst: bool = False
    alone: bool = True
    over: Target | None = None
    colours: Shares = field(default_factory=lambda: np.zeros(len(NAMES)))
    coloured_at: float = -math.inf
    trail: deque[tuple[float, float, float]] = field(default_factory=lambda: deque(maxlen=_TRAIL))
    looks: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=_TRAIL))

    def __post_init__(self) -> None:
        blob = self.blob
        self.cx, self.cy = blob.cx, blob.cy
        self.area = self.largest = float(blob.area)
        self.last = self.born
        self.came = (blob.x, blob.y, blob.width, blob.height)
        self.trail.append((self.born, blob.cx, blob.cy))
        self.looks.append((self.born, True))

    @property
    def at_edge(self) -> bool:
        """It was first seen at an edge of the picture."""
        return bool(self.edges)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Where it is, x, y, width, height; moved along with its centre while it is not seen by itself."""
        blob = self.blob
        dx, dy = self.cx - blob.cx, self.cy - blob.cy
        return blob.x + dx, blob.y + dy, blob.width, blob.height

    @property
    def speed(self) -> float:
        """Pixels a second."""
        return math.hypot(self.vx, self.vy)

    @property
    def net(self) -> float:
        """Pixels from where it was first seen."""
        return math.hypot(self.cx - self.trail[0][1], self.cy - self.trail[0][2])

    def predicted(self, t: float) -> tuple[float, float]:
        """Where its centre should be at `t`."""
        dt = min(t - self.last, 1.0)
        return self.cx + self.vx * dt, self.cy + self.vy * dt

    def see(self, t: float, blob: Blob, still: bool) -> None:
        """It was found as `blob`."""
        self.alone = True
        dt = max(t - self.last, 1e-3)
        keep = math.exp(-dt / _SMOOTHING_SECONDS) if self.hits > 1 else 0.0
        self.vx = keep * self.vx + (1 - keep) * (blob.cx - self.cx) / dt
        self.vy = keep * self.vy + (1 - keep) * (blob.cy - self.cy) / dt
        self.blob, self.cx, self.cy = blob, blob.cx, blob.cy
        self.area += (1 - math.exp(-dt / _SMOOTHING_SECONDS)) * (blob.area - self.area)
        self.largest = max(self.largest, float(blob.area))
        self.last = t
        self.hits += 1
        self.trail.append((t, self.cx, self.cy))
        self.looks.append((t, True))
        self.reach = max(self.reach, math.hypot(self.cx - self.came_x, self.cy - self.came_y))
        self.still = self.still + dt if still else 0.0

    def coast(self, t: float, within: Blob) -> None:
        """It is known to be there, behind or within another: it goes on as it went, but not out of that."""
        self.alone = False
        dt = t - self.last
        self.cx = min(max(self.cx + self.vx * dt, within.x), within.x + within.width)
        self.cy = min(max(self.cy + self.vy * dt, within.y), within.y + within.height)
        self.last = t
        self.looks.append((t, True))

    def miss(self, t: float) -> None:
        """It was not found."""
        self.looks.append((t, False))
        self.still = 0.0

    @property
    def came_x(self) -> float:
        return self.came[0] + self.came[2] / 2

    @property
    def came_y(self) -> float:
        return self.came[1] + self.came[3] / 2

    def hit_share(self, t: float, seconds: float = 1.0) -> float:
        """Share of the looks of the last seconds in which it was found."""
        recent = [hit for at, hit in self.looks if at > t - seconds]
        return sum(recent) / len(recent) if recent else 0.0

    def straightness(self, t: float, seconds: float = 2.0) -> float:
        """Net way over the way gone; 1 is a straight line, towards 0 it only swings."""
        points = [(x, y) for at, x, y in self.trail if at > t - seconds]
        way = sum(math.dist(p, q) for p, q in itertools.pairwise(points))
        return math.dist(points[0], points[-1]) / (way + 1e-3) if points else 0.0

    def thing(self, track: str, size: tuple[int, int]) -> Thing:
        """How it is told to others."""
        width, height = size
        x, y, w, h = self.box
        left, top = min(max(x, 0.0), width), min(max(y, 0.0), height)
        right, low = min(max(x + w, 0.0), width), min(max(y + h, 0.0), height)
        moving = self.speed > 0.02 * width and self.still == 0.0
        sideways = abs(self.vx) >= abs(self.vy)
        heading = ("right" if self.vx > 0 else "left") if sideways else ("down" if self.vy > 0 else "up")
        return Thing(
            id=self.id,
            track=track,
            since=self.first_visible(size),
            last=self.last,
            box=Box(left / width, top / height, max(right - left, 0.0) / width, max(low - top, 0.0) / height),
            colour=colour_name(self.colours),
            share=self.area / (width * height),
            speed=self.speed / width if moving else 0.0,
            heading=heading if moving else "",
            travelled=self.reach / width,
        )

    def first_visible(self, size: tuple[int, int]) -> float:
        """When a first part of it could be seen: between the last look without it and the first with it."""
        gap = min(self.born - self.before, 0.5)
        if self.at_edge and self.speed > 1.0:
            x, y, w, h = self.came
            inside = min(v for v in (x + w, size[0] - x, y + h, size[1] - y) if v > 0)
            return self.born - min(gap, inside / self.speed)
        return self.born - gap / 2
