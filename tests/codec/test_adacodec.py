"""AdaCodec: what every sampled frame costs, and when a new group begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from joyvl_core.codec import LONGEST_GOP, AdaCodec, Packet, TokenMeter
from joyvl_core.media import Frame, RgbPicture
from joyvl_core.observation import FrameKind
from tests.clips import Clip, Shown, decoded, sampled
from tests.clips.captions import slides, subtitles
from tests.clips.scenes import Mover, crowd, cuts, exposed, lamp, noisy, pan, street

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


def test_cars_on_a_road_cost_a_quarter_of_sending_every_picture(media: Callable[[str], object]):
    meter = TokenMeter()
    codec = AdaCodec()
    empty: list[Packet] = []
    for frame in sampled(decoded(media("car-detection.mp4")), 1.0):
        packet = codec.encode(frame)
        meter.add(packet.kind, frame.picture.size)
        if 1.0 < frame.t < 4.0 or 11.0 < frame.t < 14.0 or 20.5 < frame.t < 25.0:
            empty.append(packet)
    assert meter.saved > 0.75
    assert all(packet.kind is not FrameKind.I for packet in empty)


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
