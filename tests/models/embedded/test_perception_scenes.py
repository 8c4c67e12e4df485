"""A handful of the measuring scenes, with margins; the whole set is the benchmark's."""

from __future__ import annotations

import cv2
import pytest

from joyvl_core.models.embedded.perception import Perception
from joyvl_core.models.embedded.percepts import PerceptKind
from tests.scenes import COUNT, Scene, Score, scenes, score

EVENTFUL = ("two_at_once", "popping_and_moving", "fast")


def looked_at(scene: Scene) -> dict[str, Score]:
    cv2.setNumThreads(1)
    perception = Perception()
    return score(scene.truth, [p for frame in scene.frames(8.0) for p in perception.look(frame)])


def chosen(*stories: str) -> list[Scene]:
    """The first measuring scene of each story."""
    found = {scene.story.__name__: scene for scene in reversed(scenes("measure"))}
    return [found[story] for story in stories]


def test_the_splits_share_no_seed_and_are_large_enough() -> None:
    develop, measure = scenes("develop"), scenes("measure")
    assert len(develop) + len(measure) >= 60
    assert not {s.seed for s in develop} & {s.seed for s in measure}


def test_a_scene_is_the_same_each_time_it_is_rendered() -> None:
    scene = chosen("meeting")[0]
    times = [5.0, 6.0, 7.0]
    first = [frame.picture.rgb().tobytes() for frame in scene.frames_at(times)]
    assert first == [frame.picture.rgb().tobytes() for frame in scene.frames_at(times)]


def test_what_comes_and_goes_is_told_and_counted() -> None:
    total: dict[str, Score] = {}
    for scene in chosen(*EVENTFUL):
        for kind, value in looked_at(scene).items():
            total[kind] = total.get(kind, Score()) + value
    for kind in (PerceptKind.APPEAR.value, PerceptKind.LEAVE.value, COUNT):
        assert total[kind].f1 >= 0.8, kind
        assert total[kind].late(50) < 1.0, kind


@pytest.mark.parametrize("weather", ["exposure", "foliage", "noise"])
def test_weather_alone_is_nothing(weather: str) -> None:
    scene = next(s for s in scenes("measure") if s.truth.quiet and s.weather == (weather,))
    assert sum(value.false for value in looked_at(scene).values()) == 0
