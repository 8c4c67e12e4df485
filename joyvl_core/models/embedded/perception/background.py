"""The learned picture of what stands still, and how far each of its pixels usually strays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from joyvl_core.media import Luma, Rgb
from joyvl_core.models.embedded.perception.light import Light, fit_light

Mask = NDArray[np.uint8]
"""(height, width), 0 or 1."""

Level = TypeVar("Level", bound=np.generic)

SQUARE3 = np.ones((3, 3), np.uint8)
_SQUARE5 = np.ones((5, 5), np.uint8)

_LEAST_EXCESS = 7.0  # grey levels that are never a change
_SPREADS = 3.5  # times its own spread that a pixel must stray to count
_SPREAD_FLOOR = 1.5  # spread of a quiet pixel
_SPREAD_TOP = 25.0
_LEARN_SECONDS = 4.0
_SPREAD_SECONDS = 3.0
_YOUNG_SECONDS = 3.0
_LEARN_EVERY = 0.09
_LIGHT_STEP = 8
_SHIFT_STEP = 3
_SHIFT_MOST = 8.0
_SHIFT_LEAST = 0.15
_SHIFT_ROUNDS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One picture held against the background.

    Attributes:
        picture: The picture, shifted back where the camera shook, (h, w, 3).
        expected: The background under the light of the picture, (h, w, 3).
        excess: Grey levels by which a pixel lies outside what its neighbourhood allows, (h, w).
        limit: Grey levels of excess that count as a change, (h, w).
        gain: How much brighter the light is than when the background was learned.
        misfit: Median grey levels that the light could not explain.
        relit: How far gain moved since the comparison before.
        shift: Pixels by which the camera was found displaced.
    """

    picture: Rgb
    expected: Rgb
    excess: Luma
    limit: Luma
    gain: float
    misfit: float
    relit: float
    shift: tuple[float, float]


class Background:
    """What stands still on one track.

    Args:
        pictures: A few pictures of the scene, all of one size, oldest first; moving things fall out in their median.
        t: Session second of the newest.
    """

    def __init__(self, pictures: Sequence[Rgb], t: float) -> None:
        levels = [max(float(p.mean()), 1.0) for p in pictures]
        stack = np.stack([p * np.float32(levels[-1] / level) for p, level in zip(pictures, levels, strict=True)])
        self._mean = np.median(stack, axis=0).astype(np.float32)
        self._mean8 = self._rounded()
        height, width = self._mean.shape[:2]
        self._spread = np.full((height, width), _SPREAD_FLOOR, np.float32)
        self._light = Light.unchanged()
        self._since = self._learned = t
        nothing = np.zeros((height, width), np.uint8)
        for picture in pictures:
            self._widen(self.compare(picture, nothing), nothing, 0.3)

    def age(self, t: float) -> float:
        """Seconds since it was first believed."""
        return t - self._since

    def compare(self, picture: Rgb, foreground: Mask) -> Comparison:
        """Holds a picture against the background.

        Args:
            picture: Same size as the background.
            foreground: Where things were last seen; they say less about the light and the camera.
        """
        half = _LIGHT_STEP // 2
        covered = cv2.dilate(foreground, _SQUARE5)[half::_LIGHT_STEP, half::_LIGHT_STEP].ravel()
        weight = np.where(covered > 0, 0.15, 1.0)
        burnt = picture[half::_LIGHT_STEP, half::_LIGHT_STEP].reshape(-1, 3).max(axis=1) >= 250
        weight[burnt] *= 0.02
        light, misfit = fit_light(self._mean8, picture, weight, self._light, _LIGHT_STEP)
        relit = abs(light.gain - self._light.gain)
        self._light = light
        expected = light.applied(self._mean8)
        picture, shift = _steadied(picture, expected, foreground)
        low, high = cv2.erode(expected, SQUARE3), cv2.dilate(expected, SQUARE3)
        outside = cv2.max(cv2.subtract(picture, high), cv2.subtract(low, picture))
        red, green, blue = cv2.split(outside)
        excess = cv2.max(cv2.max(red, green), blue)
        limit = self._spread * np.float32(_SPREADS)
        limit += np.float32(_LEAST_EXCESS * min(max(light.gain, 0.7), 1.6) - _SPREADS * _SPREAD_FLOOR)
        np.maximum(limit, _LEAST_EXCESS * 0.7, out=limit)
        _clear_edges(excess, shift)
        limit8 = limit.astype(np.uint8)
        return Comparison(picture, expected, excess, limit8, light.gain, misfit, relit, shift)

    def learn(self, seen: Comparison, changed: Mask, kept: Mask, t: float) -> None:
        """Takes in what stands still.

        Args:
            seen: The comparison of this look.
            changed: Where something is in front: only the spread is learned there, slowly.
            kept: Where a known thing is: nothing is learned there.
            t: Session second.
        """
        dt = t - self._learned
        if dt < _LEARN_EVERY:
            return
        self._learned = t
        dt = min(dt, 1.0)
        share = 1.0 - math.exp(-dt / _LEARN_SECONDS)
        wider = 1.0 - math.exp(-dt / _SPREAD_SECONDS)
        if self.age(t) < _YOUNG_SECONDS:
            share, wider = max(share, min(1.0, dt)), max(wider, min(1.0, dt))
        free = cv2.subtract(np.ones_like(changed), cv2.max(cv2.dilate(changed, _SQUARE5), kept))
        difference = cv2.subtract(seen.picture, seen.expected, dtype=cv2.CV_32F)
        target = cv2.scaleAdd(difference, 1.0 / seen.gain, self._mean)
        cv2.accumulateWeighted(target, self._mean, share, free)
        self._mean8 = self._rounded()
        self._widen(seen, kept, wider, changed)

    def absorb(self, region: tuple[slice, slice], seen: Comparison) -> None:
        """Believes that what is seen in `region` belongs to the background from now on."""
        difference = seen.picture[region].astype(np.float32) - seen.expected[region]
        self._mean[region] = np.clip(self._mean[region] + difference / np.float32(seen.gain), 0, 255)
        self._mean8 = self._rounded()

    def _rounded(self) -> Rgb:
        return cv2.convertScaleAbs(self._mean)

    def _widen(self, seen: Comparison, kept: Mask, share: float, changed: Mask | None = None) -> None:
        near = cv2.blur(cv2.dilate(seen.excess, SQUARE3), (5, 5)).astype(np.float32)
        near *= np.float32(1.0 / seen.gain)
        np.minimum(near, _SPREAD_TOP, out=near)
        rate = np.where(near > self._spread, np.float32(share), np.float32(share * 0.4))
        if changed is not None:
            rate[changed > 0] *= 0.25
        rate[kept > 0] = 0.0
        self._spread += rate * (near - self._spread)
        np.maximum(self._spread, 0.5, out=self._spread)


def _steadied(picture: Rgb, expected: Rgb, foreground: Mask) -> tuple[Rgb, tuple[float, float]]:
    """Shifts the picture back onto the background where the camera shook."""
    now = cv2.blur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (5, 5)).astype(np.float32)
    before = cv2.blur(cv2.cvtColor(expected, cv2.COLOR_RGB2GRAY), (5, 5)).astype(np.float32)
    sample = (slice(8, -8, _SHIFT_STEP), slice(8, -8, _SHIFT_STEP))
    along = (cv2.Sobel(before, cv2.CV_32F, 1, 0, scale=0.125)[sample]).ravel()
    down = (cv2.Sobel(before, cv2.CV_32F, 0, 1, scale=0.125)[sample]).ravel()
    free = (foreground[sample] == 0).ravel()
    steep = free & (np.abs(along) + np.abs(down) > 1.5)
    if steep.sum() < 60:
        return picture, (0.0, 0.0)
    along, down, was = along[steep], down[steep], before[sample].ravel()[steep]
    apart = now[sample].ravel()[steep] - was
    error = float(np.abs(apart).mean())
    if float(np.median(np.abs(apart))) < 1.2:
        return picture, (0.0, 0.0)
    x = y = 0.0
    moved = now
    for _ in range(_SHIFT_ROUNDS):
        spread = 1.5 * float(np.median(np.abs(apart))) + 0.5
        trust = 1.0 / (1.0 + (apart / (2.0 * spread)) ** 2)
        a, b, c = (along * along * trust).sum(), (along * down * trust).sum(), (down * down * trust).sum()
        p, q = (along * apart * trust).sum(), (down * apart * trust).sum()
        scale = a * c - b * b
        if scale < 1e-3 * a * c or scale <= 0:
            return picture, (0.0, 0.0)
        x, y = x - float((c * p - b * q) / scale), y - float((a * q - b * p) / scale)
        if not _SHIFT_LEAST < max(abs(x), abs(y)) < _SHIFT_MOST:
            return picture, (0.0, 0.0)
        moved = _shifted(now, x, y)
        apart = moved[sample].ravel()[steep] - was
    if float(np.abs(apart).mean()) > 0.85 * error:
        return picture, (0.0, 0.0)
    return _shifted(picture, x, y), (x, y)


def _shifted(picture: NDArray[Level], x: float, y: float) -> NDArray[Level]:
    height, width = picture.shape[:2]
    move = np.array([[1.0, 0.0, x], [0.0, 1.0, y]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, move, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _clear_edges(excess: Luma, shift: tuple[float, float]) -> None:
    """What the shift brought in at the edges was never seen."""
    x, y = (math.ceil(abs(s)) + 1 if abs(s) > 0.05 else 0 for s in shift)
    if x:
        excess[:, :x] = excess[:, -x:] = 0
    if y:
        excess[:y] = excess[-y:] = 0
