"""The change detector: every real change at once, and nothing from the light, the lamp, the sensor or the encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from joyvl_core.codec import Change, ChangeDetector
from joyvl_core.media import Frame, RgbPicture
from tests.clips import Clip, decoded, sampled
from tests.clips.scenes import Mover, cuts, exposed, lamp, noisy, street

EMPTY = street(seconds=8)
CROSSING = street(Mover(2.0, 5.0), Mover(8.0, 11.0, width=0.05, height=0.08, leftwards=True), seconds=12)


def spikes(frames: Iterable[Frame]) -> list[float]:
    detector = ChangeDetector()
    return [frame.t for frame in frames if detector.look(frame).spike]


@pytest.mark.parametrize(
    "clip",
    [EMPTY, exposed(EMPTY), lamp(EMPTY), lamp(EMPTY, rate=8.0), noisy(EMPTY), noisy(lamp(EMPTY), 4.0)],
    ids=["still", "exposure swings", "slow lamp", "fast lamp", "noise", "noise and lamp"],
)
@pytest.mark.parametrize("compressed", [False, True], ids=["as drawn", "compressed"])
def test_a_scene_in_which_nothing_happens_has_no_spike(clip: Clip, compressed: bool):
    assert spikes(clip.compressed() if compressed else clip.frames()) == []


@pytest.mark.parametrize(
    "disturb", [lambda clip: clip, exposed, lamp, noisy], ids=["calm", "exposure", "lamp", "noise"]
)
@pytest.mark.parametrize("fps", [3.0, 10.0])
def test_what_enters_is_told_once_and_soon(disturb: Callable[[Clip], Clip], fps: float):
    told = spikes(disturb(CROSSING).frames(fps))
    assert len(told) == 2
    # The small one is half in the picture 0.4 s after it starts.
    assert 2.0 <= told[0] <= 2.7
    assert 8.0 <= told[1] <= 9.0


def test_every_cut_is_told():
    assert spikes(cuts(seconds=9, every=3).frames()) == [3.0, 6.0]


def test_cars_on_a_road_are_told_within_half_a_second_and_exposure_swings_are_not(media: Callable[[str], Path]):
    told = spikes(sampled(decoded(media("car-detection.mp4")), 8.0))
    visible = {4.5: 8.7, 14.3: 18.2, 14.8: 18.8, 25.2: 29.2}
    for start in visible:
        assert any(start - 0.2 <= t <= start + 0.5 for t in told), start
    assert all(any(start - 0.2 <= t <= end for start, end in visible.items()) for t in told)


def test_a_glance_sees_what_a_look_would_and_passes_over_noise():
    detector = ChangeDetector()
    clip = noisy(CROSSING, 4.0)
    assert detector.glance(RgbPicture(clip.draw(0.0)))
    detector.look(Frame("a", RgbPicture(clip.draw(0.0)), 0.0))
    assert not any(detector.glance(RgbPicture(clip.draw(t))) for t in (0.1, 0.5, 1.0, 1.5))
    assert all(detector.glance(RgbPicture(clip.draw(t))) for t in (2.6, 3.0, 3.5))


def test_glances_at_brightening_frames_stay_quiet():
    detector = ChangeDetector()
    detector.look(Frame("a", RgbPicture(EMPTY.draw(0.0)), 0.0))
    brighter = np.clip(EMPTY.draw(0.0).astype(np.int16) + 30, 0, 255).astype(np.uint8)
    assert not detector.glance(RgbPicture(brighter))


def test_a_still_scene_is_still_and_a_moving_one_is_not():
    detector = ChangeDetector()
    looks = {frame.t: detector.look(frame) for frame in CROSSING.frames()}
    assert all(look.still for t, look in looks.items() if t < 2.0)
    assert not any(look.still for t, look in looks.items() if 2.3 <= t < 4.8)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 400), (400, 7), (31, 31), (160, 90), (1280, 720)])
@pytest.mark.parametrize("level", [0, 255])
def test_pictures_of_any_size_and_without_content_are_fine(size: tuple[int, int], level: int):
    detector = ChangeDetector()
    blank = RgbPicture(np.full((size[1], size[0], 3), level, np.uint8))
    for n in range(4):
        assert not detector.look(Frame("a", blank, n * 0.1)).spike
    assert not detector.glance(blank)


def test_a_new_size_begins_anew_and_time_may_jump():
    detector = ChangeDetector()
    detector.look(Frame("a", RgbPicture(EMPTY.draw(0.0)), 5.0))
    small = RgbPicture(EMPTY.draw(0.0)[::2, ::2].copy())
    assert detector.glance(small)
    assert detector.look(Frame("a", RgbPicture(small.pixels[:100]), 1.0)) == Change()
    assert not detector.look(Frame("a", RgbPicture(small.pixels[:100]), 4000.0)).spike
