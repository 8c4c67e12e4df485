"""What pictures cost, for every size there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.codec import MAX_PIXELS, TokenMeter, model_size, tokens_of
from joyvl_core.observation import FrameKind

SIDES = st.integers(1, 20_000)


@pytest.mark.parametrize(
    ("size", "seen"),
    [
        ((640, 360), (640, 352)),
        ((512, 512), (512, 512)),
        ((1280, 720), (672, 384)),
        ((1920, 1080), (672, 384)),
        ((8, 8), (32, 32)),
    ],
)
def test_the_model_sees_a_picture_in_whole_tokens(size: tuple[int, int], seen: tuple[int, int]):
    assert model_size(size) == seen


@given(SIDES, SIDES)
def test_no_picture_costs_more_than_the_largest(width: int, height: int):
    seen = model_size((width, height))
    assert seen[0] * seen[1] <= MAX_PIXELS
    assert min(seen) >= 32
    assert seen[0] % 32 == seen[1] % 32 == 0
    assert 3 <= tokens_of(FrameKind.I, (width, height)) <= 258


def test_predicted_and_skipped_frames_have_one_price():
    assert tokens_of(FrameKind.P, (640, 360)) == 18
    assert tokens_of(FrameKind.SKIP, (640, 360)) == tokens_of(FrameKind.NONE, (640, 360)) == 0


def test_the_meter_tells_what_was_saved():
    meter = TokenMeter()
    assert meter.saved == 0.0
    for kind in (FrameKind.I, FrameKind.P, FrameKind.SKIP, FrameKind.SKIP):
        meter.add(kind, (512, 512))
    assert (meter.coded, meter.dense) == (258 + 18, 4 * 258)
    assert meter.saved == pytest.approx(1 - 276 / 1032)
    assert meter.frames == {FrameKind.I: 1, FrameKind.P: 1, FrameKind.SKIP: 2}
