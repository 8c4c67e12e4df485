"""Several still changes at about the same time are one: one thing put down, or a new slide."""

from __future__ import annotations

from dataclasses import replace

from joyvl_core.models.embedded.perception.matching import gap
from joyvl_core.models.embedded.percepts import Box, Percept, PerceptKind

_STILL = (PerceptKind.PUT, PerceptKind.TAKEN)
_WAIT_SECONDS = 0.4
_SLIDE_CHANGES, _SLIDE_SHARE = 3, 0.12
_NEAR = 0.1  # widths of the picture
_MOST_WAITING = 40


class StillChanges:
    """Holds PUT and TAKEN back for a moment, to tell them as one; and with a PUT the APPEAR that came of it."""

    def __init__(self, track: str) -> None:
        self._track = track
        self._waiting: list[Percept] = []
        self._appeared: dict[int, Percept] = {}

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def take(self, percepts: list[Percept], t: float) -> list[Percept]:
        """Keeps the still changes among `percepts`; returns the others and what is due."""
        still = [p for p in percepts if p.kind in _STILL][: _MOST_WAITING - len(self._waiting)]
        self._waiting += still
        put = {p.thing.id for p in still if p.thing is not None and p.kind is PerceptKind.PUT}
        others = []
        for percept in percepts:
            if percept.kind is PerceptKind.APPEAR and percept.thing is not None and percept.thing.id in put:
                self._appeared[percept.thing.id] = percept
            elif percept.kind not in _STILL:
                others.append(percept)
        return others + self.due(t)

    def due(self, t: float) -> list[Percept]:
        """What has waited long enough: the changes, or one SCENE in their place."""
        if not self._waiting or t - self._waiting[0].known < _WAIT_SECONDS:
            return []
        waiting, self._waiting = self._waiting, []
        appeared, self._appeared = self._appeared, {}
        first = min(p.t for p in waiting)
        around = _around([p.area for p in waiting if p.area is not None])
        if len(waiting) >= _SLIDE_CHANGES and around.width * around.height > _SLIDE_SHARE:
            return [Percept(PerceptKind.SCENE, self._track, first, t)]
        told: list[Percept] = []
        for percept in sorted(waiting, key=lambda p: -_size(p.area)):
            if not any(_near(percept.area, other.area) for other in told):
                told.append(replace(percept, known=t))
        came = [appeared[p.thing.id] for p in told if p.thing is not None and p.thing.id in appeared]
        return [replace(percept, known=t) for percept in came] + told


def _around(boxes: list[Box]) -> Box:
    x, y = min(b.x for b in boxes), min(b.y for b in boxes)
    return Box(x, y, max(b.x + b.width for b in boxes) - x, max(b.y + b.height for b in boxes) - y)


def _size(box: Box | None) -> float:
    return box.width * box.height if box else 0.0


def _near(a: Box | None, b: Box | None) -> bool:
    if a is None or b is None:
        return False
    return gap((a.x, a.y, a.width, a.height), (b.x, b.y, b.width, b.height)) < _NEAR
