"""How well percepts agree with the truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from joyvl_core.models.embedded.percepts import Percept, PerceptKind
from tests.scenes.scene import Truth

_EARLY, _LATE = 0.4, 3.0
_CUT_OFF = 1.5  # what happens so near the end may be told or not
COUNT = "count"


@dataclass(slots=True)
class Score:
    """Hits, false alarms and misses, and how late the hits were known, in seconds."""

    hits: int = 0
    false: int = 0
    missed: int = 0
    lateness: list[float] = field(default_factory=list)

    def __add__(self, other: Score) -> Score:
        return Score(
            self.hits + other.hits,
            self.false + other.false,
            self.missed + other.missed,
            self.lateness + other.lateness,
        )

    @property
    def precision(self) -> float:
        return self.hits / (self.hits + self.false) if self.hits + self.false else 1.0

    @property
    def recall(self) -> float:
        return self.hits / (self.hits + self.missed) if self.hits + self.missed else 1.0

    @property
    def f1(self) -> float:
        total = 2 * self.hits + self.false + self.missed
        return 2 * self.hits / total if total else 1.0

    def late(self, percentile: float) -> float:
        return float(np.percentile(self.lateness, percentile)) if self.lateness else 0.0


def score(truth: Truth, percepts: Iterable[Percept]) -> dict[str, Score]:
    """Scores each kind that the truth knows, and `count`.

    `count` is what a counting policy says, a rising number at every APPEAR: a saying is right when it comes in time
    *and* its number is the true one, so that one false alarm spoils all that follow in the scene.
    """
    percepts = list(percepts)
    result = {}
    for kind in (PerceptKind.APPEAR, PerceptKind.LEAVE, PerceptKind.PUT, PerceptKind.TAKEN, PerceptKind.SCENE):
        known = sorted(p.known for p in percepts if p.kind is kind)
        result[kind.value] = _matched(truth, kind, known, any_number=True)
    said = sorted(p.known for p in percepts if p.kind is PerceptKind.APPEAR)
    result[COUNT] = _matched(truth, PerceptKind.APPEAR, said, any_number=False)
    return result


def _matched(truth: Truth, kind: PerceptKind, known: list[float], *, any_number: bool) -> Score:
    true = sorted(truth.of(kind))
    open_ = list(range(len(true)))
    result = Score()
    for number, t in enumerate(known):
        fitting = [i for i in open_ if true[i] - _EARLY <= t <= true[i] + _LATE and (any_number or i == number)]
        if fitting:
            open_.remove(fitting[0])
            result.hits += 1
            result.lateness.append(t - true[fitting[0]])
        else:
            result.false += 1
    result.missed = sum(true[i] < truth.seconds - _CUT_OFF for i in open_)
    return result
