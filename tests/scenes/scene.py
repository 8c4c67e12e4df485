"""Seeded scenes, rendered in memory, with the exact truth about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from joyvl_core.media import Frame, RgbPicture
from joyvl_core.models.embedded.percepts import PerceptKind
from tests.scenes import backdrops, figures, plots
from tests.scenes.plots import Plot, Stage
from tests.scenes.weather import Pixels, Weather, compressed

Split = Literal["develop", "measure"]

_WEATHERS: tuple[tuple[str, ...], ...] = (
    (),
    ("exposure",),
    ("flicker",),
    ("drift",),
    ("foliage",),
    ("shake",),
    ("rain",),
    ("noise",),
    ("exposure", "noise"),
)
_CODECS = ("", "jpeg70", "x264-28", "jpeg40", "x264-33")

_WALKERS = {
    "develop": (figures.person, figures.car, figures.pet, figures.car_from_above),
    "measure": (
        figures.person,
        figures.striped_person,
        figures.car,
        figures.cyclist,
        figures.lorry,
        figures.bird,
        figures.pet,
    ),
}
_BACKDROPS = {
    "develop": (backdrops.wall, backdrops.road, backdrops.room),
    "measure": (backdrops.road, backdrops.room, backdrops.bricks, backdrops.desk, backdrops.dusk),
}
_SEEDS = {"develop": 10_000, "measure": 770_000}
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Happening:
    """One true event."""

    kind: PerceptKind
    t: float


@dataclass(frozen=True, slots=True)
class Truth:
    """What happens in a scene, in order of time."""

    happenings: tuple[Happening, ...]
    seconds: float

    @property
    def quiet(self) -> bool:
        return not self.happenings

    def of(self, kind: PerceptKind) -> list[float]:
        """The seconds at which `kind` happens."""
        return [h.t for h in self.happenings if h.kind is kind]


@dataclass(frozen=True)
class Scene:
    """One scene; the same seed gives the same scene, whatever else is rendered.

    Attributes:
        story: What happens, one of `plots`.
        weather: What spoils the picture.
        codec: How it is compressed.
    """

    split: Split
    seed: int
    story: plots.Story
    weather: tuple[str, ...]
    codec: str

    @property
    def name(self) -> str:
        parts = [self.story.__name__, *self.weather, self.codec]
        return f"{self.split}-{self.seed}-" + "-".join(part for part in parts if part)

    @cached_property
    def _plot(self) -> Plot:
        return self.story(Stage(np.random.default_rng(self.seed), _WALKERS[self.split]))

    @property
    def seconds(self) -> float:
        return self._plot.seconds

    @cached_property
    def truth(self) -> Truth:
        happenings = [Happening(PerceptKind.SCENE, t) for t in self._plot.cuts]
        happenings += [Happening(PerceptKind(kind), t) for t, kind in self._plot.placed]
        for actor in self._plot.actors:
            if not actor.comes:
                continue
            for first, last in actor.visits(self.seconds):
                happenings.append(Happening(PerceptKind.APPEAR, first))
                if last < self.seconds - 0.1:
                    happenings.append(Happening(PerceptKind.LEAVE, last))
        return Truth(tuple(sorted(happenings, key=lambda h: h.t)), self.seconds)

    def frames(self, fps: float) -> Iterator[Frame]:
        """The scene at a steady rate."""
        return self.frames_at(k / fps for k in range(int(self.seconds * fps)))

    def frames_at(self, times: Iterable[float]) -> Iterator[Frame]:
        """The scene at any rising times."""
        for t, pixels in compressed(self._pictures(times), self.codec):
            yield Frame("cam", RgbPicture(pixels), t)

    def _pictures(self, times: Iterable[float]) -> Iterator[tuple[float, Pixels]]:
        rng = np.random.default_rng(self.seed + 1)
        weather = Weather(rng, self.weather, self.seconds)
        choice = (backdrops.slide,) if self.story is plots.slides else _BACKDROPS[self.split]
        make = choice[int(rng.integers(len(choice)))]
        grounds = []
        for _ in range(len(self._plot.cuts) + 1):
            ground = make(rng)
            weather.dress(ground)
            grounds.append(np.clip(ground, 0, 255).astype(np.uint8))
        for t in times:
            picture = grounds[sum(t >= cut for cut in self._plot.cuts)].copy()
            weather.wind(picture, t)
            for actor in self._plot.actors:
                actor.draw(picture, t)
            yield t, weather.spoil(picture, t)


def scenes(split: Split) -> list[Scene]:
    """All scenes of a split: every story three times, and a quiet one for every weather."""
    made: list[Scene] = []
    shift = 0 if split == "develop" else 4
    for k, weather in enumerate(_WEATHERS):
        made.append(Scene(split, _SEEDS[split] + k, plots.quiet, weather, _CODECS[(k + shift) % len(_CODECS)]))
    for turn in range(_ROUNDS):
        for k, story in enumerate(plots.EVENTFUL):
            weather = _WEATHERS[(2 * k + 5 * turn + shift + k // 9) % len(_WEATHERS)]
            codec = _CODECS[(k + turn + shift) % len(_CODECS)]
            made.append(Scene(split, _SEEDS[split] + 100 * (turn + 1) + k, story, weather, codec))
    return made
