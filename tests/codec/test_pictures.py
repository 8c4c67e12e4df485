"""What a model is shown: sizes, crops, and JPEGs that fit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joyvl_core.codec import I_BYTES, P_BYTES, CodecSettings, encode_jpeg, model_size, picture_for
from joyvl_core.media import Frame, I420Picture, Picture, Rgb, RgbPicture
from joyvl_core.observation import FrameKind, TrackView
from tests.clips.scenes import textured

WHOLE, CROP = CodecSettings(), CodecSettings(predicted="crop")


def view(picture: Picture, kind: FrameKind, changed: tuple[float, float, float, float] | None = None) -> TrackView:
    return TrackView("a", "camera", Frame("a", picture, 0.0), kind, changed=changed)


def marked(size: tuple[int, int], at: tuple[int, int], side: int = 40) -> Rgb:
    """Grey, with a red square."""
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    picture[at[1] : at[1] + side, at[0] : at[0] + side] = (255, 0, 0)
    return picture


def red(picture: Rgb) -> float:
    """Share of the picture that is red."""
    return float(((picture[..., 0] > 200) & (picture[..., 1] < 60)).mean())


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (33, 500), (1, 1), (3000, 16)])
@pytest.mark.parametrize("most", [262_144, 37_449])
def test_an_intra_frame_is_shown_in_whole_tokens(size: tuple[int, int], most: int):
    shown = picture_for(view(RgbPicture(textured(size, 1)), FrameKind.I), CodecSettings(max_pixels=most))
    assert shown is not None
    assert shown.shape[1::-1] == model_size(size, most)


def test_planes_from_a_decoder_are_shown_too():
    y, half = np.full((1080, 1920), 120, np.uint8), np.full((540, 960), 128, np.uint8)
    planes = I420Picture(y, half, half)
    for kind, shape in ((FrameKind.I, (384, 672, 3)), (FrameKind.P, (128, 128, 3))):
        shown = picture_for(view(planes, kind, (0.2, 0.2, 0.3, 0.3)), CROP)
        assert shown is not None
        assert shown.shape == shape


def test_a_predicted_frame_is_the_whole_picture_made_small_or_what_changed():
    picture = RgbPicture(marked((640, 360), (500, 60)))
    changed = (500 / 640, 60 / 360, 540 / 640, 100 / 360)
    whole, crop = (picture_for(view(picture, FrameKind.P, changed), chosen) for chosen in (WHOLE, CROP))
    assert whole is not None
    assert crop is not None
    assert whole.shape == crop.shape == (128, 128, 3)
    assert red(whole) == pytest.approx(40 * 40 / (640 * 360), rel=0.4)
    assert red(crop) == pytest.approx(40 * 40 / (128 * 128), rel=0.1)


def test_what_is_not_sent_has_no_picture():
    assert picture_for(TrackView("a", "camera", None), WHOLE) is None
    for kind in (FrameKind.SKIP, FrameKind.NONE):
        assert picture_for(view(RgbPicture(textured((64, 64), 1)), kind), WHOLE) is None


SHARES = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), SHARES, SHARES)
def test_a_crop_of_any_part_of_any_picture_is_a_small_picture(
    width: int, height: int, across: list[float], down: list[float]
):
    picture = RgbPicture(np.zeros((height, width, 3), np.uint8))
    shown = picture_for(view(picture, FrameKind.P, (across[0], down[0], across[1], down[1])), CROP)
    assert shown is not None
    assert shown.shape == (128, 128, 3)


@pytest.mark.parametrize("size", [(672, 384), (512, 512), (128, 128), (8192, 32)])
@pytest.mark.parametrize("content", ["scene", "noise"])
def test_a_jpeg_fits_and_keeps_its_size(size: tuple[int, int], content: str):
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    picture = textured(size, 3) if content == "scene" else noise
    most = P_BYTES if size == (128, 128) else I_BYTES
    made = encode_jpeg(picture, most_bytes=most)
    assert len(made) <= most
    back = cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert back.shape == picture.shape
    if content == "scene":
        assert float(np.abs(back.astype(int) - picture).mean()) < 8


def test_a_jpeg_is_made_even_where_none_can_fit():
    assert 0 < len(encode_jpeg(textured((512, 512), 1), most_bytes=1)) < 8_000
