"""Light: what a picture would look like had only the exposure or a lamp changed.

A camera that meters anew changes nearly every pixel and nothing of what is seen. Before two pictures are
compared, the older one is brought into the light of the newer.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
"""Brightness, (height, width), 0 to 255."""

_POINTS = 800
_ROUNDS = 3
_DARK, _BRIGHT = 3.0, 251.0
_SOFTEST = 2.0
_NEIGHBOURHOOD = 0.2
"""Side of a neighbourhood as a share of the picture's longer side."""
_TEXTURELESS = 4.0
"""Variance below which a neighbourhood cannot tell gain from offset."""
_LEAST_GAIN, _MOST_GAIN = 0.3, 3.0
_SAME = np.array([0.0, 1.0, 0.0, 0.0, 0.0], np.float32)
_RIDGE = np.diag(np.array([1e-3, 1e-3, 1e-2, 1e-2, 1e-2], np.float32))


def relight(reference: Plane, picture: Plane) -> Plane:
    """Brings `reference` into the light of `picture`.

    The light is a curve (offset, gain, a little bend) with a gain that may lean across the picture; it is
    fitted robustly, so that what moved does not pull it along.

    Args:
        reference: The older picture, (h, w).
        picture: The newer picture, of the same size.

    Returns:
        The older picture as it would look now if nothing but the light had changed, (h, w).
    """
    height, width = reference.shape
    step = max(1, int((height * width / _POINTS) ** 0.5))
    x, y = _grid(width, height)
    then = reference[::step, ::step].ravel() / 255.0
    now = picture[::step, ::step].ravel() / 255.0
    lean = then * x[::step, ::step].ravel(), then * y[::step, ::step].ravel()
    terms = np.stack((np.ones_like(then), then, then * (then - 1.0), *lean), axis=1)
    # Clipped brightness says nothing about the light.
    darkest, brightest = np.minimum(then, now), np.maximum(then, now)
    usable = ((darkest > _DARK / 255) & (brightest < _BRIGHT / 255)).astype(np.float32)
    if usable.sum() < terms.shape[1] * 8:
        return reference
    offset, gain, bend, across, down = (float(value) for value in _fit(terms, now, usable))
    slope = x * across
    slope += y * down
    slope += reference * (bend / 255.0)
    slope += gain - bend
    slope *= reference
    slope += offset * 255.0
    return np.clip(slope, 0.0, 255.0)


def relight_locally(reference: Plane, picture: Plane) -> Plane:
    """Brings `reference` into the light of `picture` with a gain and offset for every neighbourhood.

    A lamp or a soft shadow touches only a part of the picture. What is smaller than the neighbourhood and
    does not look like the reference stays unexplained.

    Args:
        reference: The older picture, (h, w).
        picture: The newer picture, of the same size.

    Returns:
        The older picture in the local light of the newer, (h, w).
    """
    side = max(3, int(max(reference.shape) * _NEIGHBOURHOOD) | 1)
    window = (side, side)
    then, now = cv2.blur(reference, window), cv2.blur(picture, window)
    spread = cv2.blur(reference * reference, window) - then * then
    together = cv2.blur(reference * picture, window) - then * now
    gain = np.clip(together / (spread + _TEXTURELESS), _LEAST_GAIN, _MOST_GAIN)
    return cv2.blur(gain, window) * reference + cv2.blur(now - gain * then, window)


def detail(picture: Plane) -> Plane:
    """What is finer than the light on a picture (h, w) of some hundred pixels."""
    return picture - cv2.blur(picture, (15, 15))


def correlation(one: Plane, other: Plane) -> float:
    """How alike the details of two pictures are, -1 to 1; 1 where there are none."""
    power = float((one * one).sum()) * float((other * other).sum())
    return float((one * other).sum()) / power**0.5 if power > 0 else 1.0


def _fit(terms: Plane, now: Plane, usable: Plane) -> Plane:
    """Iteratively reweighted least squares from the likelier of two starts: no change, or a plain gain."""
    then = terms[:, 1]
    gain = float(np.median(now) / max(float(np.median(then)), 1e-3))
    gain = min(max(gain, 0.2), 5.0)
    if float(np.median(np.abs(now - gain * then))) > float(np.median(np.abs(now - then))):
        gain = 1.0
    light = _SAME * np.float32(gain)
    for _ in range(_ROUNDS):
        error = now - terms @ light
        scale = max(float(np.median(np.abs(error))) * 2.0, _SOFTEST / 255)
        weight = usable / (1.0 + (error / scale) ** 4)
        weighted = terms * weight[:, None]
        light = np.linalg.solve(terms.T @ weighted + _RIDGE, weighted.T @ now + _RIDGE @ _SAME)
    return light


@lru_cache(maxsize=8)
def _grid(width: int, height: int) -> tuple[Plane, Plane]:
    """Coordinates from -0.5 to 0.5 across and down, each (h, w)."""
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)
    return np.repeat(x[None], height, axis=0), np.repeat(y[:, None], width, axis=1)
