"""Pictures as services take them: few, small JPEGs."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2

from joyvl_core.media import Rgb, RgbPicture

MAX_PICTURES = 8
MAX_BYTES = 1_000_000
"""Bytes of all pictures of a question together."""
_WITHIN = (768, 768)
_QUALITIES = (85, 70, 50, 30)
_EACH = 200_000


def jpegs(pictures: Sequence[Rgb]) -> tuple[bytes, ...]:
    """The newest pictures as JPEGs, oldest first. Blocks for some milliseconds each."""
    kept: list[bytes] = []
    left = MAX_BYTES
    for pixels in reversed(pictures[-MAX_PICTURES:]):
        encoded = _jpeg(pixels)
        if len(encoded) > left:
            break
        left -= len(encoded)
        kept.append(encoded)
    return tuple(reversed(kept))


def data_url(jpeg: bytes) -> str:
    """A JPEG as a data URL."""
    return f"data:image/jpeg;base64,{in_base64(jpeg)}"


def in_base64(jpeg: bytes) -> str:
    """A JPEG in base64."""
    return base64.b64encode(jpeg).decode("ascii")


def _jpeg(pixels: Rgb) -> bytes:
    small = cv2.cvtColor(RgbPicture(pixels).rgb(_WITHIN), cv2.COLOR_RGB2BGR)
    encoded = b""
    for quality in _QUALITIES:
        encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(encoded) <= _EACH:
            break
    return encoded
