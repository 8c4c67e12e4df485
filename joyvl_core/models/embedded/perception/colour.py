"""The name of a thing's colour, from its pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from joyvl_core.models.embedded.perception.background import SQUARE3, Comparison
from joyvl_core.models.embedded.perception.blobs import Blob

Shares = NDArray[np.float64]
"""For each of `NAMES`, the share of pixels that bear it."""

NAMES = ("black", "grey", "white", "red", "orange", "brown", "yellow", "green", "light blue", "blue", "purple", "pink")
_BLACK, _GREY, _WHITE, _RED, _ORANGE, _BROWN, _YELLOW, _GREEN, _PALE, _BLUE, _PURPLE, _PINK = range(len(NAMES))

_MOST_SAMPLES = 400
_HUE_TOPS = np.array([9, 21, 35, 82, 130, 150, 171, 180])
_HUE_NAMES = np.array([_RED, _ORANGE, _YELLOW, _GREEN, _BLUE, _PURPLE, _PINK, _RED])
_PAINT_CHROMA = 22
_PALE_CHROMA = 9
# Windows mirror the sky, shade is bluish: a pale blue must cover more of a thing than other paint to be its colour.
_LEAST_SHARE = {_PALE: 0.35, _BLUE: 0.3}
_LEAST_PAINT = 0.2
_LEAST_WHITE = 0.25


def colour_shares(blob: Blob, seen: Comparison) -> Shares:
    """Which colours the blob's pixels bear, under the light the background was learned in."""
    inside = cv2.erode(blob.mask, SQUARE3) if blob.area > 200 else blob.mask
    pixels = seen.picture[blob.region][inside > 0]
    if len(pixels) == 0:
        return np.zeros(len(NAMES))
    pixels = pixels[:: max(1, len(pixels) // _MOST_SAMPLES)]
    plain = cv2.convertScaleAbs(pixels.reshape(-1, 1, 3), alpha=1.0 / max(seen.gain, 0.8))
    hsv = cv2.cvtColor(plain, cv2.COLOR_RGB2HSV).reshape(-1, 3).astype(np.int32)
    hue, value = hsv[:, 0], hsv[:, 2]
    chroma = hsv[:, 1] * value // 255
    names = _HUE_NAMES[np.searchsorted(_HUE_TOPS, hue, side="right").clip(max=len(_HUE_NAMES) - 1)]
    names = np.where(np.isin(names, (_ORANGE, _YELLOW)) & (value < 130), _BROWN, names)
    names = np.where((names == _RED) & (value > 190) & (chroma < 100), _PINK, names)
    names = np.where((names == _BLUE) & ((chroma < 90) | (hue < 95)) & (value > 90), _PALE, names)
    paint = chroma >= np.where(names == _PALE, _PALE_CHROMA, _PAINT_CHROMA)
    greys = np.where(value > 165, _WHITE, np.where(value < 55, _BLACK, _GREY))
    names = np.where(paint & (value >= 40), names, greys)
    return np.bincount(names, minlength=len(NAMES)) / len(names)


def colour_name(shares: Shares) -> str:
    """The colour people would call a thing with these shares, or "" where nothing was seen of it.

    Paint wins over the greys and blacks of windows, tyres and shadow, which are on nearly everything.
    """
    total = float(shares.sum())
    if total <= 0:
        return ""
    part = shares / total
    paints = [i for i in range(_RED, len(NAMES)) if part[i] >= _LEAST_SHARE.get(i, _LEAST_PAINT)]
    if paints:
        return NAMES[max(paints, key=lambda i: float(part[i]))]
    # White paint shades into grey; few things are grey with white spots.
    if part[_WHITE] > _LEAST_WHITE:
        return "white"
    return "black" if part[_BLACK] > part[_GREY] else "grey"
