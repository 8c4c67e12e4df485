"""How the light on a steady scene differs from the light it was learned under."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from joyvl_core.media import Rgb

Floats = NDArray[np.float64]

_STRENGTH = np.array([8e-5, 2e-6, 4e-5, 4e-5, 4e-5])  # pull towards plain gain, per sample
_TILT_SEEN = 0.004  # a tilt below this changes no pixel by a grey level
_ROUNDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """`now = a + b*v + c*v*v + v*(d*x + e*y)` per channel, for v in 0..1 and x, y in -0.5..0.5.

    Attributes:
        terms: (3, 5), the a, b, c, d, e of red, green, blue.
    """

    terms: Floats

    @classmethod
    def unchanged(cls) -> Light:
        return cls(np.tile(np.array([0.0, 1.0, 0.0, 0.0, 0.0]), (3, 1)))

    @property
    def gain(self) -> float:
        """How much brighter things are now than when they were learned, kept within reason."""
        return float(np.clip((self.terms[:, 1] + self.terms[:, 2] * 0.5).mean(), 0.35, 3.0))

    def applied(self, picture: Rgb) -> Rgb:
        """What `picture` looks like under this light."""
        v = np.arange(256) / 255.0
        a, b, c = (self.terms[:, k, None] for k in range(3))
        curve = np.clip((a + v * (b + c * v)) * 255.0 + 0.5, 0, 255).astype(np.uint8).T.reshape(256, 1, 3)
        lit = cv2.LUT(picture, np.ascontiguousarray(curve))
        tilt = self.terms[:, 3:]
        if np.abs(tilt).max() < _TILT_SEEN:
            return lit
        height, width = picture.shape[:2]
        along = (np.arange(width) / width - 0.5).astype(np.float32)[None, :]
        down = (np.arange(height) / height - 0.5).astype(np.float32)[:, None]
        # One plane at a time: numpy is slow along a last axis of three.
        slope = cv2.merge([along * np.float32(d) + down * np.float32(e) for d, e in tilt])
        return cv2.add(lit, cv2.multiply(picture, slope, dtype=cv2.CV_16S), dtype=cv2.CV_8U)


def fit_light(learned: Rgb, now: Rgb, weight: Floats, start: Light, step: int) -> tuple[Light, float]:
    """The light that explains `now` best, not led astray by the things in front.

    Args:
        learned: (h, w, 3), the scene as it was learned.
        now: (h, w, 3), the scene as it is seen.
        weight: (n,), trust in each sample, one for each of the pixels `[step//2::step, step//2::step]`.
        start: The light of the look before.
        step: Every so many pixels a sample is taken.

    Returns:
        The light, and the median distance (0..255) that it leaves in the worst channel.
    """
    sample = (slice(step // 2, None, step), slice(step // 2, None, step))
    height, width = learned.shape[:2]
    v = learned[sample].reshape(-1, 3).T / 255.0
    seen = now[sample].reshape(-1, 3).T / 255.0
    y, x = np.mgrid[step // 2 : height : step, step // 2 : width : step]
    x, y = x.ravel() / width - 0.5, y.ravel() / height - 0.5
    design = np.stack([np.ones_like(v), v, v * v, v * x, v * y], axis=2)
    trusted = weight > np.median(weight) * 0.5
    first, rest = _refined(design, seen, weight, trusted, start.terms)
    if rest.max() * 255.0 < 2.0:
        return Light(first), float(rest.max() * 255.0)
    # The light may have jumped: try again from a plain gain and keep what explains each channel better.
    gain = np.median(seen[:, trusted], axis=1) / np.maximum(np.median(v[:, trusted], axis=1), 0.02)
    plain = np.zeros((3, 5))
    plain[:, 1] = gain
    second, rest_again = _refined(design, seen, weight, trusted, plain)
    better = rest_again < rest * 0.9
    terms = np.where(better[:, None], second, first)
    return Light(terms), float(np.where(better, rest_again, rest).max() * 255.0)


def _refined(
    design: Floats, seen: Floats, weight: Floats, trusted: NDArray[np.bool_], terms: Floats
) -> tuple[Floats, Floats]:
    """Reweighted least squares with a heavy-tailed error; returns the terms and each channel's median residual."""
    ridge = np.diag(_STRENGTH) * design.shape[1]
    for _ in range(_ROUNDS):
        residual = seen - np.einsum("cnk,ck->cn", design, terms)
        spread = np.maximum(1.5 * _median(np.abs(residual[:, trusted])), 0.006)
        trust = weight / (1.0 + (residual / (1.5 * spread[:, None])) ** 2) ** 2
        weighted = (design * trust[..., None]).transpose(0, 2, 1)
        pull = np.zeros((3, 5))
        pull[:, 1] = terms[:, 1] * ridge[1, 1]
        right = np.einsum("ckn,cn->ck", weighted, seen) + pull
        terms = np.linalg.solve(weighted @ design + ridge, right[..., None])[..., 0]
    residual = np.abs(seen - np.einsum("cnk,ck->cn", design, terms))
    return terms, _median(residual)


def _median(values: Floats) -> Floats:
    """The median of each row; of an even number the upper one, which spares half the time."""
    middle = values.shape[1] // 2
    return np.partition(values, middle, axis=1)[:, middle]
