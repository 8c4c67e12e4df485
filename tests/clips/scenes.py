"""Scenes without words: a street corner, what may cross it, and what may disturb the camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from joyvl_core.media import Rgb
from tests.clips import Clip

Draw = Callable[[float], Rgb]
SIZE = (640, 360)


@dataclass(frozen=True)
class Mover:
    """A coloured box with a window that crosses the picture from `start` on; positions in shares of the picture."""

    start: float
    end: float
    y: float = 0.55
    width: float = 0.16
    height: float = 0.14
    colour: tuple[int, int, int] = (190, 60, 50)
    leftwards: bool = False

    def paint(self, picture: Rgb, t: float) -> None:
        if not self.start <= t < self.end:
            return
        tall, wide = picture.shape[:2]
        along = (t - self.start) / (self.end - self.start)
        left = -self.width + along * (1.0 + self.width)
        if self.leftwards:
            left = 1.0 - self.width - left
        x, y, w, h = left * wide, self.y * tall, self.width * wide, self.height * tall
        cv2.rectangle(picture, _point(x, y), _point(x + w, y + h), self.colour, -1, cv2.LINE_AA, 4)
        cv2.rectangle(
            picture, _point(x + w * 0.2, y + h * 0.15), _point(x + w * 0.6, y + h * 0.5), (30, 40, 60), -1, 8, 4
        )


def street(*movers: Mover, seconds: float = 12.0, seed: int = 3, size: tuple[int, int] = SIZE) -> Clip:
    """A steady camera over a textured background, with `movers` crossing."""
    background = textured(size, seed)

    def draw(t: float) -> Rgb:
        picture = background.copy()
        for mover in movers:
            mover.paint(picture, t)
        return picture

    return Clip(draw, seconds)


def crowd(seconds: float = 20.0, seed: int = 5) -> Clip:
    """Many things crossing all the time, at different speeds."""
    rng = np.random.default_rng(seed)
    movers = [
        Mover(
            start=float(start),
            end=float(start + rng.uniform(3.0, 8.0)),
            y=float(rng.uniform(0.1, 0.8)),
            width=float(rng.uniform(0.06, 0.2)),
            height=float(rng.uniform(0.08, 0.25)),
            colour=tuple(int(level) for level in rng.integers(20, 235, 3)),
            leftwards=bool(rng.integers(2)),
        )
        for start in rng.uniform(-6.0, seconds, round(seconds * 1.2))
    ]
    return street(*movers, seconds=seconds, seed=seed)


def pan(seconds: float = 12.0, speed: float = 60.0, seed: int = 7) -> Clip:
    """A camera that swings over a wide scene at `speed` pixels a second."""
    wide = textured((SIZE[0] + int(speed * seconds) + 8, SIZE[1]), seed)

    def draw(t: float) -> Rgb:
        return np.ascontiguousarray(wide[:, int(speed * t) : int(speed * t) + SIZE[0]])

    return Clip(draw, seconds)


def cuts(seconds: float = 12.0, every: float = 3.0) -> Clip:
    """A different scene every few seconds."""
    scenes = [textured(SIZE, 100 + n) for n in range(int(seconds / every) + 1)]
    return Clip(lambda t: scenes[int(t / every)].copy(), seconds)


def textured(size: tuple[int, int], seed: int) -> Rgb:
    """A background of smooth patches, boxes and grain."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(50, 190, (6, 10, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    for _ in range(25):
        x, y = int(rng.integers(size[0])), int(rng.integers(size[1]))
        w, h = int(rng.integers(10, 120)), int(rng.integers(10, 80))
        cv2.rectangle(picture, (x, y), (x + w, y + h), tuple(int(level) for level in rng.integers(40, 210, 3)), -1)
    grain = rng.normal(0, 5, (size[1], size[0], 1))
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def exposed(clip: Clip, depth: float = 0.35, period: float = 5.0) -> Clip:
    """The camera meters anew: gain and gamma swing slowly, highlights clip."""

    def draw(t: float) -> Rgb:
        swing = float(np.sin(2 * np.pi * t / period))
        gain, gamma = 1.0 + depth * swing, 1.0 - 0.2 * swing
        levels = np.clip(255.0 * gain * (np.arange(256) / 255.0) ** gamma, 0, 255).astype(np.uint8)
        return cv2.LUT(clip.draw(t), levels)

    return Clip(draw, clip.seconds, clip.fps)


def lamp(clip: Clip, rate: float = 3.0, depth: float = 0.5) -> Clip:
    """A lamp that lights a third of the picture flickers irregularly."""

    def draw(t: float) -> Rgb:
        picture = clip.draw(t)
        height, width = picture.shape[:2]
        columns, rows = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
        glow = np.exp(-(((columns - 0.3) / 0.22) ** 2 + ((rows - 0.35) / 0.3) ** 2))
        on = float(np.random.default_rng(int(t * rate)).random())
        return np.clip(picture * (1.0 + depth * on * glow)[..., None], 0, 255).astype(np.uint8)

    return Clip(draw, clip.seconds, clip.fps)


def noisy(clip: Clip, sigma: float = 8.0) -> Clip:
    """Sensor noise, new in every frame."""
    grain = np.random.default_rng(1).normal(0, sigma, clip.draw(0.0).shape).astype(np.int16)

    def draw(t: float) -> Rgb:
        picture = clip.draw(t)
        across, down = np.random.default_rng(round(t * 1000)).integers(0, 300, 2)
        return cv2.add(picture, np.roll(grain, (int(down), int(across)), (0, 1)), dtype=cv2.CV_8U)

    return Clip(draw, clip.seconds, clip.fps)


def _point(x: float, y: float) -> tuple[int, int]:
    """Fixed-point pixels with four fractional bits, as OpenCV's drawing takes them."""
    return round(x * 16), round(y * 16)
