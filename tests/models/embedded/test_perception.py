from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from joyvl_core.media import Frame, RgbPicture
from joyvl_core.models.embedded.perception import Perception
from joyvl_core.models.embedded.percepts import Percept, PerceptKind

WIDTH, HEIGHT = 320, 180
Draw = Callable[[np.ndarray, float], None]


def ground(seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(70, 170, (12, 20, 3)).astype(np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def film(draw: Draw, times: list[float], seed: int = 0) -> Iterator[Frame]:
    rng = np.random.default_rng(seed)
    still = ground(seed)
    noise = rng.normal(0, 1.5, (4, HEIGHT, WIDTH, 3)).astype(np.int16)
    for t in times:
        picture = still.copy()
        draw(picture, t)
        yield Frame("cam", RgbPicture(cv2.add(picture, noise[rng.integers(4)], dtype=cv2.CV_8U)), t)


def steady(seconds: float, fps: float) -> list[float]:
    return [k / fps for k in range(int(seconds * fps))]


def watch(frames: Iterator[Frame], perception: Perception | None = None) -> list[Percept]:
    perception = perception or Perception()
    return [percept for frame in frames for percept in perception.look(frame)]


def kinds(percepts: list[Percept]) -> list[str]:
    return [percept.kind.value for percept in percepts]


def nothing(picture: np.ndarray, t: float) -> None:
    """An empty scene."""


def walker(picture: np.ndarray, t: float) -> None:
    """A red box crosses from left to right between 3 and 7 s."""
    x = int(-40 + (t - 3.0) * 100)
    cv2.rectangle(picture, (x, 70), (x + 36, 130), (210, 30, 30), -1)


def popup(picture: np.ndarray, t: float) -> None:
    """A blue disc is there at once at 3.01 s and gone at 8 s."""
    if 3.01 <= t < 8.0:
        cv2.circle(picture, (150, 90), 25, (30, 60, 220), -1)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


@pytest.mark.parametrize("fps", [5.0, 12.5])
def test_the_four_cars_of_a_real_road_are_seen_and_nothing_else(fps: float, media: Callable[[str], Path]) -> None:
    entered = [4.5, 14.3, 14.8, 25.2]
    colours = [{"white"}, {"blue", "light blue"}, {"red"}, {"white"}]
    percepts = watch(_clip(media("car-detection.mp4"), fps))
    appear = [p for p in percepts if p.kind is PerceptKind.APPEAR]
    passed = sorted((p for p in percepts if p.kind is PerceptKind.PASS), key=lambda p: p.thing.id if p.thing else 0)
    assert set(kinds(percepts)) == {"appear", "leave", "pass"}
    assert len(appear) == len(passed) == kinds(percepts).count("leave") == 4
    assert all(p.known <= t + 1.2 for p, t in zip(appear, entered, strict=True))
    for percept, expected in zip(passed, colours, strict=True):
        assert percept.thing is not None
        assert percept.thing.colour in expected


def _clip(path: Path, fps: float) -> Iterator[Frame]:
    due = 0.0
    with av.open(str(path)) as file:
        for picture in file.decode(video=0):
            if picture.time is not None and picture.time >= due - 1e-6:
                due += 1 / fps
                yield Frame("road", RgbPicture(picture.to_ndarray(format="rgb24")), picture.time)


def test_what_crosses_appears_once_and_passes() -> None:
    percepts = watch(film(walker, steady(9, 8)))
    assert kinds(percepts) == ["appear", "leave", "pass"]
    appear, leave = percepts[0], percepts[1]
    assert appear.t == pytest.approx(3.05, abs=0.2)
    assert appear.known < 3.8
    assert leave.t == pytest.approx(6.6, abs=0.3)
    assert leave.thing is not None
    assert leave.thing.colour == "red"
    assert leave.thing.heading in ("right", "")
    assert leave.thing.travelled > 0.6


def test_looks_at_irregular_times_see_the_same() -> None:
    rng = np.random.default_rng(5)
    times = np.cumsum(rng.choice([0.033, 0.07, 0.12, 0.2, 0.33], 120)).tolist()
    assert kinds(watch(film(walker, [t for t in times if t < 10]))) == ["appear", "leave", "pass"]


@pytest.mark.parametrize("fps", [15.0, 30.0])
def test_what_pops_up_on_a_steady_scene_is_known_within_two_looks(fps: float) -> None:
    percepts = watch(film(popup, steady(5.5, fps)))
    assert kinds(percepts) == ["appear", "put"]
    assert percepts[0].known - 3.01 <= 0.14
    assert percepts[0].thing is not None
    assert percepts[1].thing is not None
    assert percepts[0].thing.id == percepts[1].thing.id
    assert percepts[0].thing.colour == "blue"


def test_what_popped_up_is_present_until_it_is_gone() -> None:
    perception = Perception()
    percepts: list[Percept] = []
    present = {}
    for frame in film(popup, steady(11, 8)):
        percepts += perception.look(frame)
        present[round(frame.t, 3)] = len(perception.present("cam"))
    assert sorted(kinds(percepts)) == ["appear", "leave", "put", "taken"]
    assert present[2.5] == 0
    assert present[7.0] == 1
    assert present[10.5] == 0


def test_light_that_swings_and_flickers_is_nothing() -> None:
    def lamp(picture: np.ndarray, t: float) -> None:
        gain = 1.0 + 0.3 * np.sin(t) + 0.05 * np.sin(23 * t)
        picture[:] = np.clip(picture * gain, 0, 255).astype(np.uint8)

    assert watch(film(lamp, steady(15, 8))) == []


def test_a_new_picture_is_one_scene() -> None:
    other = ground(99)

    def cut(picture: np.ndarray, t: float) -> None:
        if t >= 5:
            picture[:] = other

    percepts = watch(film(cut, steady(9, 8)))
    assert kinds(percepts) == ["scene"]
    assert percepts[0].t == pytest.approx(5.0, abs=0.2)


def test_two_tracks_do_not_mix() -> None:
    perception = Perception()
    percepts: list[Percept] = []
    for frame, empty in zip(film(walker, steady(9, 8)), film(nothing, steady(9, 8), seed=3), strict=True):
        percepts += perception.look(frame)
        percepts += perception.look(Frame("screen", empty.picture, empty.t))
    assert {p.track for p in percepts} == {"cam"}
    assert perception.present() == ()


def test_it_is_busy_while_something_moves_and_idle_when_nothing_does() -> None:
    perception = Perception()
    busy = {}
    for frame in film(walker, steady(9, 8)):
        perception.look(frame)
        busy[frame.t] = perception.busy()
    assert not busy[2.5]
    assert busy[5.0]
    assert not busy[8.5]


def test_forgetting_a_track_starts_it_anew() -> None:
    perception = Perception()
    for frame in film(popup, steady(5, 8)):
        perception.look(frame)
    assert len(perception.present()) == 1
    perception.forget("cam")
    assert perception.present() == ()
    assert watch(film(nothing, steady(3, 8)), perception) == []


def test_junk_pictures_never_raise() -> None:
    rng = np.random.default_rng(0)
    sizes = [(2, 2), (1, 1), (640, 360), (360, 640), (1000, 8), (320, 180), (33, 25)]
    perception = Perception()
    t = 0.0
    for k in range(160):
        width, height = sizes[(k // 8) % len(sizes)]
        fill = k % 4
        picture = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        if fill < 3:
            picture[:] = (0, 255, 128)[fill]
        t += float(rng.choice([0.0, 0.01, 0.1, 2.0]))
        perception.look(Frame("cam", RgbPicture(picture), t))
        perception.present()


def test_black_and_frozen_pictures_are_not_things() -> None:
    def fails(picture: np.ndarray, t: float) -> None:
        if 5 <= t < 6:
            picture[:] = 0

    told = set(kinds(watch(film(fails, steady(12, 8)))))
    assert told <= {"scene"}


def test_memory_stays_flat() -> None:
    def crowd(picture: np.ndarray, t: float) -> None:
        for k in range(3):
            x = int((t * (60 + 23 * k) + 90 * k) % 460) - 60
            cv2.rectangle(picture, (x, 20 + 50 * k), (x + 26, 50 + 50 * k), (200, 40 * k, 30), -1)

    perception = Perception()
    tracemalloc.start()
    sizes = []
    for frame in film(crowd, steady(28, 4)):
        perception.look(frame)
        if frame.t in (10.0, 27.5):
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[1] < sizes[0] + 2_000_000
