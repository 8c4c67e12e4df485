"""What happens in a scene: who comes, where they go, what they leave behind."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.scenes import figures
from tests.scenes.backdrops import HEIGHT, WIDTH
from tests.scenes.figures import Figure

Pixels = NDArray[np.uint8]
Waypoint = tuple[float, float, float]
"""Second, x and y of the centre."""


@dataclass(slots=True)
class Actor:
    """A figure on its way; it is there from the first waypoint to the last.

    Attributes:
        comes: It counts as something that came (not so a bag that somebody put down).
    """

    figure: Figure
    path: list[Waypoint]
    comes: bool = True
    turned: bool = False

    def at(self, t: float) -> tuple[float, float, float, bool] | None:
        """Centre, way gone and whether it looks left; None where it is not there."""
        if not self.path[0][0] <= t < self.path[-1][0]:
            return None
        way = 0.0
        for (t0, x0, y0), (t1, x1, y1) in zip(self.path, self.path[1:], strict=False):
            length = math.hypot(x1 - x0, y1 - y0)
            if t < t1:
                part = (t - t0) / (t1 - t0)
                leftwards = x1 < x0 if x1 != x0 else self.turned
                return x0 + (x1 - x0) * part, y0 + (y1 - y0) * part, way + length * part, leftwards
            way += length
        return None

    def draw(self, picture: Pixels, t: float) -> None:
        spot = self.at(t)
        if spot is None:
            return
        x, y, way, leftwards = spot
        sprite = self.figure.pose(way, leftwards)
        height, width = sprite.shape[:2]
        left, top = x - width / 2, y - height / 2
        x0, y0 = max(0, math.floor(left)), max(0, math.floor(top))
        x1, y1 = min(WIDTH, math.floor(left) + width + 1), min(HEIGHT, math.floor(top) + height + 1)
        if x1 <= x0 or y1 <= y0:
            return
        move = np.array([[1, 0, left - x0], [0, 1, top - y0]], np.float32)
        placed = cv2.warpAffine(np.ascontiguousarray(sprite), move, (x1 - x0, y1 - y0))
        opacity = placed[..., 3:].astype(np.float32) / 255.0
        ground = picture[y0:y1, x0:x1]
        ground[:] = (ground + opacity * (placed[..., :3].astype(np.float32) - ground)).astype(np.uint8)

    def visible(self, t: float) -> bool:
        """A part worth the name, 4 % of its box, is inside the picture."""
        spot = self.at(t)
        if spot is None:
            return False
        width, height = self.figure.size
        across = min(spot[0] + width / 2, WIDTH) - max(spot[0] - width / 2, 0)
        down = min(spot[1] + height / 2, HEIGHT) - max(spot[1] - height / 2, 0)
        return across > 0 and down > 0 and across * down > max(16.0, 0.04 * width * height)

    def visits(self, seconds: float) -> list[tuple[float, float]]:
        """First and last moments at which it is visible, to 0.02 s."""
        spans: list[tuple[float, float]] = []
        start: float | None = None
        for k in range(int(seconds * 50) + 1):
            t = k / 50
            seen = self.visible(t)
            if seen and start is None:
                start = t
            if start is not None and (not seen or k == int(seconds * 50)):
                spans.append((start, t))
                start = None
        return spans


@dataclass(slots=True)
class Plot:
    """All that happens.

    Attributes:
        cuts: Seconds at which another backdrop is there.
        placed: (second, "put" or "taken") of things that are put down or taken away.
    """

    seconds: float
    actors: list[Actor] = field(default_factory=list)
    cuts: list[float] = field(default_factory=list)
    placed: list[tuple[float, str]] = field(default_factory=list)


class Stage:
    """Casts actors from a seeded generator, out of the figures of one split."""

    def __init__(self, rng: np.random.Generator, walkers: tuple[figures.Maker, ...]) -> None:
        self.rng = rng
        self.walkers = walkers

    def figure(self, height: float | None = None) -> Figure:
        make = self.walkers[int(self.rng.integers(len(self.walkers)))]
        usual = {figures.person: 120, figures.striped_person: 120, figures.cyclist: 110, figures.pet: 55}
        tall = height or usual.get(make, 60) * self.rng.uniform(0.7, 1.5)
        return make(self.rng, tall)

    def crossing(
        self, start: float, *, speed: float | None = None, figure: Figure | None = None, pause: float = 0.0
    ) -> Actor:
        """Goes through the picture from edge to edge, upright figures sideways, with a pause on the way."""
        figure = figure or self.figure()
        speed = speed or self.rng.uniform(70, 240)
        w, h = figure.size
        low = max(h / 2, HEIGHT * 0.35)
        y0 = self.rng.uniform(low, max(low + 1, HEIGHT - h / 2 - 8))
        begin, end = np.array([-w / 2 - 2, y0]), np.array([WIDTH + w / 2 + 2, y0 + self.rng.uniform(-30, 30)])
        if self.rng.random() < 0.5:
            begin[0], end[0] = end[0], begin[0]
        return Actor(figure, self.way(start, begin, end, speed, pause))

    def way(
        self, start: float, begin: NDArray[np.float64], end: NDArray[np.float64], speed: float, pause: float
    ) -> list[Waypoint]:
        needs = float(np.linalg.norm(end - begin)) / speed
        if not pause:
            return [(start, *begin), (start + needs, *end)]
        part = self.rng.uniform(0.35, 0.65)
        x, y = begin + (end - begin) * part
        halt = start + needs * part
        return [(start, *begin), (halt, x, y), (halt + pause, x, y), (start + needs + pause, *end)]

    def spot(self, figure: Figure) -> tuple[float, float]:
        """Somewhere inside the picture."""
        w, h = figure.size
        return self.rng.uniform(w / 2 + 30, WIDTH - w / 2 - 30), self.rng.uniform(h / 2 + 25, HEIGHT - h / 2 - 25)

    def start(self) -> float:
        return self.rng.uniform(4.0, 7.0)


def quiet(_: Stage) -> Plot:
    return Plot(24.0)


def one_after_another(stage: Stage) -> Plot:
    first = stage.start()
    return Plot(26.0, [stage.crossing(first), stage.crossing(first + 11)])


def two_at_once(stage: Stage) -> Plot:
    start = stage.start()
    one, two = stage.crossing(start, speed=110), stage.crossing(start + stage.rng.uniform(0.3, 1.0), speed=120)
    width = max(one.figure.size[0], two.figure.size[0])
    two.path = [(t + width / 110.0 + 0.6, x, y) for t, x, y in one.path]
    return Plot(24.0, [one, two])


def meeting(stage: Stage) -> Plot:
    """Two go through each other in opposite directions."""
    start = stage.start()
    one = stage.crossing(start, speed=120)
    two = stage.crossing(start + 0.4, speed=stage.rng.uniform(90, 150))
    if (two.path[-1][1] > two.path[0][1]) == (one.path[-1][1] > one.path[0][1]):
        two.path = [(t, WIDTH - x, y) for t, x, y in two.path]
    return Plot(24.0, [one, two])


def stop_and_go(stage: Stage) -> Plot:
    return Plot(26.0, [stage.crossing(stage.start(), pause=stage.rng.uniform(3, 6))])


def standing(stage: Stage) -> Plot:
    actor = stage.crossing(stage.start(), speed=140, pause=30.0)
    return Plot(24.0, [actor])


def returning(stage: Stage) -> Plot:
    """Comes, goes, and comes again on the same side."""
    start = stage.start()
    figure = stage.figure()
    w = figure.size[0]
    y = min(max(HEIGHT * 0.6, figure.size[1] / 2), HEIGHT - figure.size[1] / 2 - 6)
    far, inside = -w / 2 - 4, stage.rng.uniform(180, 420)
    speed = stage.rng.uniform(120, 200)
    needs = (inside - far) / speed
    path = [(start, far, y), (start + needs, inside, y), (start + 2 * needs, far, y)]
    again = start + 2 * needs + 5
    path += [(again, far, y), (again + needs, inside, y), (again + 2 * needs, far, y)]
    return Plot(path[-1][0] + 3, [Actor(figure, path)])


def popping_up(stage: Stage) -> Plot:
    """A shape is there at once, stays, and is gone at once."""
    figure = figures.shape(stage.rng, stage.rng.uniform(40, 110))
    start = stage.start()
    x, y = stage.spot(figure)
    stays = stage.rng.uniform(6, 9)
    placed = [(start, "put"), (start + stays, "taken")]
    return Plot(24.0, [Actor(figure, [(start, x, y), (start + stays, x, y)])], placed=placed)


def popping_and_moving(stage: Stage) -> Plot:
    figure = figures.shape(stage.rng, stage.rng.uniform(40, 90))
    start = stage.start()
    (x0, y0), (x1, y1) = stage.spot(figure), stage.spot(figure)
    if abs(x1 - x0) < 150:
        x1 = x0 + 200 if x0 < WIDTH / 2 else x0 - 200
    return Plot(24.0, [Actor(figure, [(start, x0, y0), (start + 5, x1, y1), (start + 9, x0, y0)])])


def put_down(stage: Stage) -> Plot:
    return _with_bag(stage, "put")


def taken_away(stage: Stage) -> Plot:
    return _with_bag(stage, "taken")


def _with_bag(stage: Stage, kind: str) -> Plot:
    start = stage.start()
    walker = stage.crossing(start, speed=150, pause=1.6, figure=figures.person(stage.rng, stage.rng.uniform(110, 160)))
    bag = figures.bag(stage.rng, stage.rng.uniform(34, 56))
    halt, x, y = walker.path[1]
    foot = min(y + walker.figure.size[1] * 0.3, HEIGHT - bag.size[1] / 2 - 4)
    moment = halt + 0.8
    leftwards = walker.path[-1][1] < walker.path[0][1]
    # It lies where the walker stands; it is seen to have changed when the walker has gone on.
    free = walker.path[2][0] + (walker.figure.size[0] + bag.size[0]) / 2 / 150
    path = [(moment, x, foot), (99.0, x, foot)] if kind == "put" else [(-1.0, x, foot), (moment, x, foot)]
    return Plot(24.0, [Actor(bag, path, comes=False, turned=leftwards), walker], placed=[(free, kind)])


def near(stage: Stage) -> Plot:
    """So near that it fills much of the picture."""
    figure = figures.person(stage.rng, stage.rng.uniform(300, 420))
    start = stage.start()
    actor = stage.crossing(start, figure=figure, speed=stage.rng.uniform(90, 160), pause=3.0)
    actor.path = [(t, x, HEIGHT - figure.size[1] * 0.42) for t, x, _ in actor.path]
    return Plot(26.0, [actor])


def far(stage: Stage) -> Plot:
    start = stage.start()
    tall = stage.rng.uniform(28, 40)
    return Plot(24.0, [stage.crossing(start, figure=stage.figure(tall), speed=stage.rng.uniform(50, 90))])


def reaching_in(stage: Stage) -> Plot:
    """A hand comes in from the side, stays a little, and goes back; then once more."""
    figure = figures.hand(stage.rng, stage.rng.uniform(70, 110))
    start = stage.start()
    w = figure.size[0]
    y = stage.rng.uniform(130, 260)
    out, inside = -w / 2 - 4, stage.rng.uniform(0.0, w / 3)
    path = [(start, out, y), (start + 0.9, inside, y), (start + 2.6, inside, y - 25), (start + 3.5, out, y)]
    path += [(t + 8.0, x, v) for t, x, v in path]
    actor = Actor(figure, path)
    return Plot(24.0, [actor])


def slides(stage: Stage) -> Plot:
    first = stage.start()
    return Plot(24.0, cuts=[first, first + stage.rng.uniform(7, 10)])


def fast(stage: Stage) -> Plot:
    start = stage.start()
    return Plot(24.0, [stage.crossing(start, speed=stage.rng.uniform(350, 500)), stage.crossing(start + 9, speed=320)])


def slow(stage: Stage) -> Plot:
    return Plot(28.0, [stage.crossing(stage.start(), speed=stage.rng.uniform(30, 45))])


Story = Callable[[Stage], Plot]
EVENTFUL: tuple[Story, ...] = (
    one_after_another,
    two_at_once,
    meeting,
    stop_and_go,
    standing,
    returning,
    popping_up,
    popping_and_moving,
    put_down,
    taken_away,
    near,
    far,
    reaching_in,
    slides,
    fast,
    slow,
)
