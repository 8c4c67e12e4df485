"""What stands still behind the figures, (360, 640, 3)."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 360
Picture = NDArray[np.float32]


def grain(rng: np.random.Generator, scale: int, amount: float, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Picture:
    """Smooth random texture of about `scale` pixels, (height, width, 1)."""
    width, height = size
    total = np.zeros((height, width), np.float32)
    for step in (max(2, scale // 4), scale, scale * 5):
        coarse = rng.standard_normal((height // step + 2, width // step + 2)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return (total * np.float32(amount / 1.7))[..., None]


def _plain(rng: np.random.Generator, low: float = 60, high: float = 170) -> Picture:
    level = rng.uniform(low, high)
    picture = np.empty((HEIGHT, WIDTH, 3), np.float32)
    picture[:] = level + rng.uniform(-18, 18, 3)
    return picture


def wall(rng: np.random.Generator) -> Picture:
    return _plain(rng) + grain(rng, 12, float(rng.uniform(4, 16)))


def road(rng: np.random.Generator) -> Picture:
    picture = _plain(rng, 70, 130) + grain(rng, 6, float(rng.uniform(3, 7)))
    for k in range(6):
        x = int(k * 120 + rng.uniform(0, 50))
        cv2.line(picture, (x, 190), (x + 50, 190), (205, 205, 200), 5, cv2.LINE_AA)
    cv2.rectangle(picture, (0, 0), (WIDTH, int(rng.uniform(30, 80))), (84, 116, 76), -1)
    return picture


def room(rng: np.random.Generator) -> Picture:
    picture = _plain(rng, 110, 190)
    picture += np.linspace(-20, 20, WIDTH, dtype=np.float32)[None, :, None]
    cv2.rectangle(picture, (0, 260), (WIDTH, HEIGHT), tuple((picture[0, 0] * 0.65).tolist()), -1)
    for _ in range(8):
        x, y = int(rng.uniform(0, WIDTH)), int(rng.uniform(0, 250))
        w, h = int(rng.uniform(30, 150)), int(rng.uniform(30, 110))
        paint = tuple(rng.uniform(30, 220, 3).tolist())
        cv2.rectangle(picture, (x, y), (x + w, y + h), paint, -1 if rng.random() < 0.7 else 3)
    return picture + grain(rng, 4, 3)


def slide(rng: np.random.Generator) -> Picture:
    picture = np.empty((HEIGHT, WIDTH, 3), np.float32)
    light = rng.random() < 0.6
    picture[:] = rng.uniform(195, 245) if light else rng.uniform(20, 60)
    ink = (30.0,) * 3 if light else (220.0,) * 3
    cv2.rectangle(picture, (0, 0), (WIDTH, 34), tuple(rng.uniform(30, 200, 3).tolist()), -1)
    for row in range(int(rng.integers(5, 9))):
        words = " ".join("".join(chr(97 + c) for c in rng.integers(0, 26, int(rng.integers(3, 9)))) for _ in range(4))
        cv2.putText(picture, words, (40, 80 + 34 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.7, ink, 2, cv2.LINE_AA)
    return picture


def bricks(rng: np.random.Generator) -> Picture:
    picture = _plain(rng, 120, 160)
    for row in range(HEIGHT // 18 + 1):
        for x in range(-40 + (row % 2) * 22, WIDTH, 44):
            paint = (150 + rng.uniform(-18, 18), 84 + rng.uniform(-12, 12), 66 + rng.uniform(-10, 10))
            cv2.rectangle(picture, (x, row * 18), (x + 40, row * 18 + 14), paint, -1)
    return picture + grain(rng, 3, 4)


def desk(rng: np.random.Generator) -> Picture:
    picture = _plain(rng, 150, 200)
    cv2.rectangle(picture, (0, 170), (WIDTH, HEIGHT), (150, 112, 74), -1)
    cv2.rectangle(picture, (200, 60), (430, 190), (26, 28, 34), -1)
    cv2.rectangle(picture, (212, 72), (418, 178), (60, 92, 130), -1)
    for k in range(12):
        cv2.rectangle(picture, (230 + 15 * k, 220), (241 + 15 * k, 232), (50, 50, 54), -1)
    cv2.circle(picture, (520, 240), 26, (224, 224, 220), -1, cv2.LINE_AA)
    return picture + grain(rng, 5, float(rng.uniform(2, 5)))


def dusk(rng: np.random.Generator) -> Picture:
    down = np.linspace(110, 40, HEIGHT, dtype=np.float32)[:, None, None]
    picture = np.repeat(down * np.array([1.0, 0.8, 0.9], np.float32), WIDTH, axis=1)
    for _ in range(5):
        x, h = int(rng.uniform(0, WIDTH)), int(rng.uniform(60, 160))
        cv2.rectangle(picture, (x, 250 - h), (x + int(rng.uniform(50, 110)), 250), (36, 32, 44), -1)
    return picture + grain(rng, 5, 3)


Backdrop = Callable[[np.random.Generator], Picture]
