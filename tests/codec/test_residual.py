"""What a P-tokenizer is given: exact residuals along the chain of sent frames."""

from __future__ import annotations

import numpy as np
import pytest

from joyvl_core.codec.residual import Chain, Unit, moved, residual_of
from joyvl_core.media import Frame
from joyvl_core.observation import FrameKind
from tests.clips import Clip
from tests.clips.scenes import Mover, crowd, cuts, pan, street


def units(clip: Clip, **options: int) -> list[Unit | None]:
    chain = Chain(**options)
    return [chain.add(frame) for frame in clip.frames(1.0)]


@pytest.mark.parametrize("clip", [crowd(12.0), pan(6.0, 20.0), cuts(6.0)], ids=["crowd", "pan", "cuts"])
def test_every_picture_is_the_moved_one_before_it_and_its_residual(clip: Clip):
    before = None
    for unit in units(clip):
        assert unit is not None or before is not None
        if unit is None:
            continue
        assert (unit.residual is None) == (unit.packet.kind is FrameKind.I)
        if unit.residual is not None and before is not None:
            again = moved(before, unit.packet.motion).astype(np.int16) + unit.residual
            assert np.array_equal(again, unit.picture)
        before = unit.picture


def test_a_skipped_frame_is_no_link_of_the_chain():
    made = units(street(Mover(2.2, 5.0), seconds=9))
    assert "".join("s" if unit is None else unit.packet.kind for unit in made) == "IssPPPsss"
    assert [unit.packet.position for unit in made if unit] == [0, 1, 2, 3]


def test_motion_that_is_found_leaves_little_over():
    _, unit, *_ = units(pan(3.0, 20.0))
    assert unit is not None
    assert unit.residual is not None
    assert float(np.abs(unit.residual[:, :-32]).mean()) < 4.0


def test_what_is_asked_for_begins_a_group():
    chain = Chain(max_pixels=37_449)
    frames = list(crowd(4.0).frames(1.0))
    chain.add(frames[0])
    unit = chain.add(Frame("a", frames[1].picture, 1.0), keyframe=True)
    assert unit is not None
    assert unit.residual is None
    assert unit.picture.shape == (128, 256, 3)


def test_what_comes_from_outside_is_the_borders():
    picture = np.arange(32 * 32 * 3, dtype=np.uint32).reshape(32, 32, 3).astype(np.uint8)
    far = np.full((2, 2, 2), -500, np.int16)
    assert np.array_equal(moved(picture, far), np.broadcast_to(picture[0, 0], picture.shape))
    assert np.array_equal(residual_of(picture, picture, np.zeros((2, 2, 2), np.int16)), np.zeros(picture.shape))
