"""AdaCodec: what every sampled frame costs, and when a new group begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from joyvl_core.codec import LONGEST_GOP, AdaCodec, Packet, TokenMeter
from joyvl_core.media import Frame, Rgb, RgbPicture
from joyvl_core.observation import FrameKind
from tests.clips import Clip, Shown, decoded, sampled
from tests.clips.captions import slides, subtitles, written
from tests.clips.scenes import SIZE, Mover, crowd, cuts, exposed, lamp, noisy, pan, street, textured
from tests.scenes.backdrops import wall

STILL = street(seconds=12)


def packets(frames: Iterable[Frame]) -> list[Packet]:
    codec = AdaCodec()
    return [codec.encode(frame) for frame in frames]


def kinds(frames: Iterable[Frame]) -> str:
    return "".join({"skip": "s"}.get(packet.kind, packet.kind) for packet in packets(frames))


@pytest.mark.parametrize(
    "disturb", [lambda clip: clip, noisy, exposed, lamp], ids=["calm", "noise", "exposure", "lamp"]
)
def test_a_still_scene_costs_its_first_frame_only(disturb: Callable[[Clip], Clip]):
    assert kinds(disturb(STILL).frames(1.0)) == "I" + "s" * 11


def test_what_moves_costs_predicted_frames_while_it_moves():
    clip = street(Mover(2.2, 5.0), seconds=9)
    assert kinds(clip.frames(1.0)) == "IssPPPsss"


def test_a_cut_begins_a_group():
    assert kinds(cuts(seconds=8, every=4).frames(1.0)) == "IsssIsss"


def test_new_words_are_worth_a_whole_picture():
    clip = slides([("Agenda", "Budget and hiring"), ("Budget", "Costs fell by a third"), ("Hiring", "Two engineers")])
    assert kinds(clip.frames(1.0)) == "IssIssIss"
    lines = [Shown("A subtitle of some length", 2.5, 4.5)]
    assert kinds(subtitles(lines, behind=STILL).frames(1.0))[:4] == "IssI"


def test_a_group_ends_after_sixteen_predicted_frames_at_the_latest():
    made = packets(crowd(40.0).frames(1.0))
    assert max(packet.position for packet in made) <= LONGEST_GOP
    assert [packet.position == 0 for packet in made] == [packet.kind is FrameKind.I for packet in made]


def test_the_field_points_to_where_the_block_was():
    made = packets(pan(3.0, speed=20.0).frames(1.0))
    moved = made[1].motion[made[1].changed]
    assert np.abs(np.median(moved, axis=0) - (20, 0)).max() <= 2


def test_motion_that_is_understood_costs_less_than_motion_that_is_not():
    smooth = packets(pan(3.0, speed=20.0).frames(1.0))[1]
    cut = packets(cuts(seconds=4, every=1).frames(1.0))[1]
    assert smooth.changed.mean() > 0.3
    assert smooth.cost * 10 < cut.cost


def test_cars_on_a_road_cost_a_seventh_of_sending_every_picture(media: Callable[[str], object]):
    meter = TokenMeter()
    codec = AdaCodec()
    empty: list[Packet] = []
    for frame in sampled(decoded(media("car-detection.mp4")), 1.0):
        packet = codec.encode(frame)
        meter.add(packet.kind, frame.picture.size)
        if 1.0 < frame.t < 4.0 or 11.0 < frame.t < 14.0 or 20.5 < frame.t < 25.0:
            empty.append(packet)
    assert meter.saved > 6 / 7
    assert all(packet.kind is not FrameKind.I for packet in empty)


def changing(before: Rgb, after: Rgb) -> str:
    """The kinds of two pictures that are each there for two frames."""
    pictures = [before, before, after, after, after]
    return kinds(Frame("a", RgbPicture(pixels), float(t)) for t, pixels in enumerate(pictures))


@pytest.mark.parametrize("behind", [STILL, noisy(STILL, 4.0)], ids=["calm", "noise"])
@pytest.mark.parametrize(
    ("text", "size", "contrast"),
    [
        ("Platform 4 leaves at ten", 14, 60),
        ("Platform 4 leaves at ten", 18, 40),
        ("Platform 4 leaves at ten", 24, 120),
        ("下一站是人民广场", 16, 60),
        ("下一站是人民广场", 24, 120),
        ("EXIT", 16, 100),
        ("37:12", 16, 80),
    ],
)
def test_words_that_come_to_stand_are_shown_whole_within_a_second(behind: Clip, text: str, size: int, contrast: int):
    ground = np.clip(behind.draw(0.0).astype(np.int16) // 2 + 40, 0, 255).astype(np.uint8)
    level = 100 + contrast
    after = written(ground, text, (0.6, 0.3), size=size, colour=(level,) * 3, outline=0)
    assert "I" in changing(ground, after)[2:4]


@pytest.mark.parametrize("size", [16, 28])
def test_a_digit_that_changes_is_shown_whole(size: int):
    one, other = (
        written(STILL.draw(0.0), f"Score {score}:1", (0.2, 0.1), size=size, outline=0) for score in ("3", "4")
    )
    assert "I" in changing(one, other)[2:4]


def test_what_moves_between_ticks_that_follow_closely_is_not_taken_for_words():
    assert kinds(crowd(6.0).frames(5.0)).count("I") <= 2


def test_a_camera_that_shakes_costs_nothing():
    wide = textured((SIZE[0] + 8, SIZE[1] + 8), 9)
    rng = np.random.default_rng(4)
    steps = [(4, 4), *rng.integers(2, 7, (10, 2)).tolist()]
    shaken = [wide[y : y + SIZE[1], x : x + SIZE[0]] for x, y in steps]
    assert (
        kinds(Frame("a", RgbPicture(np.ascontiguousarray(s)), float(t)) for t, s in enumerate(shaken)) == "I" + "s" * 10
    )


def test_plain_scenes_that_have_nothing_in_common_are_cut_whole():
    one, other = (np.clip(wall(np.random.default_rng(seed)), 0, 255).astype(np.uint8) for seed in (1, 3))
    assert changing(one, other) == "IsIss"


@pytest.mark.parametrize("sigma", [2.0, 8.0])
def test_a_bare_wall_that_swings_in_light_and_noise_is_one_scene(sigma: float):
    wall = Clip(lambda t: np.full((SIZE[1], SIZE[0], 3), 110, np.uint8), 12.0)
    assert kinds(noisy(exposed(wall), sigma).frames(1.0)) == "I" + "s" * 11


def test_what_creeps_in_is_shown_in_the_end():
    ground = STILL.draw(0.0)
    made = []
    for t in range(60):
        picture = ground.astype(np.float32)
        picture[140:220, 260:380] += t * 0.5
        made.append(Frame("a", RgbPicture(picture.clip(0, 255).astype(np.uint8)), float(t)))
    assert "P" in kinds(made)


def test_a_light_that_stays_another_is_shown_within_a_minute_or_so():
    def draw(t: float) -> Rgb:
        return (STILL.draw(0.0) * (1.0 - min(t, 40.0) * 0.01)).astype(np.uint8)

    sent = kinds(Clip(draw, 90.0).frames(1.0))
    assert sent[:60] == "I" + "s" * 59
    assert "P" in sent[60:70]
    assert sent.count("P") == 1


def test_a_keyframe_is_one_and_without_predicted_frames_there_are_none():
    clip = street(Mover(1.2, 8.0), seconds=8)
    codec = AdaCodec()
    made = [codec.encode(frame, keyframe=frame.t == 4.0, predicted=frame.t < 6.0) for frame in clip.frames(1.0)]
    assert "".join(packet.kind[0] for packet in made) == "IsPPIPII"
    assert [packet.position for packet in made] == [0, 0, 1, 2, 0, 1, 0, 0]


def test_a_packet_says_where_it_differs():
    clip = street(Mover(0.2, 6.0, y=0.5, height=0.2), seconds=4)
    still, moved = packets(clip.frames(1.0))[0], packets(clip.frames(1.0))[1]
    assert still.area() == (0.0, 0.0, 1.0, 1.0)
    area = moved.area()
    assert area is not None
    left, top, right, bottom = area
    assert 0.0 <= left < right < 0.2
    assert 0.4 < top < bottom < 0.8


def test_a_new_size_begins_a_group():
    codec = AdaCodec()
    picture = STILL.draw(0.0)
    codec.encode(Frame("a", RgbPicture(picture), 0.0))
    turned = codec.encode(Frame("a", RgbPicture(np.ascontiguousarray(picture.transpose(1, 0, 2))), 1.0))
    assert (turned.kind, turned.position) == (FrameKind.I, 0)
    assert turned.changed.shape == turned.motion.shape[:2] == (40, 22)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (9, 700), (700, 9), (33, 31), (176, 144), (1920, 1080)])
def test_pictures_of_any_size_and_content_are_fine(size: tuple[int, int]):
    rng = np.random.default_rng(1)
    codec = AdaCodec()
    shape = (size[1], size[0], 3)
    black, noise = np.zeros(shape, np.uint8), rng.integers(0, 256, shape, dtype=np.uint8)
    for n, pixels in enumerate([black, black, noise, black, noise]):
        packet = codec.encode(Frame("a", RgbPicture(pixels), float(n)))
        assert 0 <= packet.tokens <= 258
        assert np.isfinite(packet.cost)
