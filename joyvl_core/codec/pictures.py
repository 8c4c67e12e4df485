"""The pictures that a model is shown: whole for an I-frame, small for a P-frame, none for the rest."""

from __future__ import annotations

import math

import cv2

from joyvl_core.codec.adacodec import Area
from joyvl_core.codec.settings import CodecSettings
from joyvl_core.codec.tokens import P_SIDE, model_size
from joyvl_core.media import Picture, Rgb
from joyvl_core.observation import FrameKind, TrackView

I_BYTES = 24_576
"""Aim for the JPEG of an I-frame: two tracks' worth, as base64, stay under the 64 KB of a request."""
P_BYTES = 8_192
"""The same for a P-frame."""

_MARGIN = 0.25
"""What a crop shows around the change, as a share of the change on each side."""
_QUALITIES = (85, 75, 60, 45, 30, 15)
_COARSEST = 16


def picture_for(view: TrackView, settings: CodecSettings) -> Rgb | None:
    """The picture a tick shows of a track, as the codec decided. Takes a millisecond or two: for a thread.

    Returns:
        For an I-frame (h, w, 3) with sides of whole tokens, at most `settings.max_pixels`; for a P-frame
        (128, 128, 3); None for a skip and for a track without a frame.
    """
    if view.frame is None:
        return None
    picture = view.frame.picture
    match view.kind:
        case FrameKind.I:
            return whole(picture, settings.max_pixels)
        case FrameKind.P:
            part = view.changed if settings.predicted == "crop" else None
            return _resized(picture, (P_SIDE, P_SIDE)) if part is None else _cropped(picture, part)
        case _:
            return None


def whole(picture: Picture, max_pixels: int) -> Rgb:
    """The picture at the size at which the model sees it, (h, w, 3)."""
    return _resized(picture, model_size(picture.size, max_pixels))


def encode_jpeg(rgb: Rgb, *, most_bytes: int = I_BYTES) -> bytes:
    """A JPEG of `rgb` (h, w, 3), its size kept: the best quality that fits, then ever coarser. For a thread.

    Returns:
        At most `most_bytes`; the smallest that can be made, a few kilobytes, where they are fewer than that.
    """
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    for quality in _QUALITIES:
        made = _jpeg(bgr, quality)
        if len(made) <= most_bytes:
            return made
    height, width = bgr.shape[:2]
    coarser = 2
    # Grain that fills the picture does not compress: less of it is left until it does.
    while len(made) > most_bytes and coarser <= _COARSEST:
        small = cv2.resize(bgr, (max(1, width // coarser), max(1, height // coarser)), interpolation=cv2.INTER_AREA)
        made = _jpeg(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), _QUALITIES[-1])
        coarser *= 2
    return made


def _jpeg(bgr: Rgb, quality: int) -> bytes:
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def _resized(picture: Picture, size: tuple[int, int]) -> Rgb:
    # Shrinking to twice the size first is cheap where decoders give planes, and costs no sharpness.
    return _to(picture.rgb((2 * size[0], 2 * size[1])), size)


def _cropped(picture: Picture, part: Area) -> Rgb:
    """What changed with some margin, as nearly square as the picture allows, at least as large as a P-frame."""
    pixels = picture.rgb()
    height, width = pixels.shape[:2]
    left, top, right, bottom = (share * side for share, side in zip(part, (width, height) * 2, strict=True))
    side = max(max(right - left, bottom - top) * (1 + 2 * _MARGIN), float(P_SIDE))
    x, across = _span((left + right) / 2, side, width)
    y, down = _span((top + bottom) / 2, side, height)
    return _to(pixels[y : y + down, x : x + across], (P_SIDE, P_SIDE))


def _span(middle: float, side: float, whole: int) -> tuple[int, int]:
    """Start and length, in pixels, of what is `side` long around `middle` and lies within `whole`."""
    length = min(max(1, math.ceil(side)), whole)
    return min(max(0, round(middle - length / 2)), whole - length), length


def _to(pixels: Rgb, size: tuple[int, int]) -> Rgb:
    if pixels.shape[1::-1] == size:
        return pixels
    shrinks = pixels.shape[1] >= size[0] and pixels.shape[0] >= size[1]
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
