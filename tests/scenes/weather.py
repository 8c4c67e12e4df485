"""What spoils a picture: light, wind, rain, a shaking camera, noise, compression."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.scenes.backdrops import HEIGHT, WIDTH, grain

Pixels = NDArray[np.uint8]

_NOISE_TILES = 3


class Weather:
    """One seeded set of disturbances.

    Args:
        rng: Where all its chances come from.
        kinds: Any of exposure, flicker, drift, foliage, shake, rain, noise.
        seconds: Length of the scene.
    """

    def __init__(self, rng: np.random.Generator, kinds: tuple[str, ...], seconds: float) -> None:
        self._rng = rng
        self._kinds = kinds
        self._seconds = seconds
        self._gain, self._level, self._at = 1.0, 0.0, 0.0
        self._swings = [(t, rng.uniform(0.55, 1.4)) for t in np.cumsum(rng.uniform(3, 7, 12)) + 2.0]
        self._flicker = (float(rng.choice([0.35, 1.1, 2.3, 3.7, 4.9])), rng.uniform(0.03, 0.1))
        self._drift = (rng.uniform(0.25, 0.45) * rng.choice([-1, 1]), rng.uniform(-0.2, 0.2))
        self._wobble = [(rng.uniform(0.7, 6), rng.uniform(0, 6.3), rng.uniform(0, 6.3)) for _ in range(4)]
        self._shake = rng.uniform(1.0, 3.0)
        self._sigma = rng.uniform(6, 9) if "noise" in kinds else rng.uniform(1, 2.5)
        tiles = rng.standard_normal((_NOISE_TILES, HEIGHT + 32, WIDTH + 32, 1)) * self._sigma
        self._tiles = np.repeat(tiles.round().astype(np.int16), 3, axis=3)
        self._leaves = [_Leaves(rng) for _ in range(int(rng.integers(1, 3)))] if "foliage" in kinds else []

    def dress(self, backdrop: NDArray[np.float32]) -> None:
        """Plants what belongs to the backdrop."""
        for leaves in self._leaves:
            leaves.plant(backdrop)

    def wind(self, picture: Pixels, t: float) -> None:
        """Moves the leaves, before anybody walks in front of them."""
        for leaves in self._leaves:
            leaves.sway(picture, t)

    def spoil(self, picture: Pixels, t: float) -> Pixels:
        """What the camera makes of the scene at `t`; times must rise."""
        if "shake" in self._kinds:
            picture = self._shaken(picture, t)
        if "rain" in self._kinds:
            self._rain(picture)
        picture = self._lit(picture, t)
        tile = self._tiles[self._rng.integers(_NOISE_TILES)]
        x, y = self._rng.integers(0, 32, 2)
        return cv2.add(picture, np.ascontiguousarray(tile[y : y + HEIGHT, x : x + WIDTH]), dtype=cv2.CV_8U)

    def _shaken(self, picture: Pixels, t: float) -> Pixels:
        x = sum(math.sin(2 * math.pi * f * t + a) for f, a, _ in self._wobble) / 2 * self._shake
        y = sum(math.sin(2 * math.pi * f * t + b) for f, _, b in self._wobble) / 2 * self._shake
        move = np.array([[1, 0, x], [0, 1, y]], np.float32)
        return cv2.warpAffine(picture, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)

    def _rain(self, picture: Pixels) -> None:
        for _ in range(int(self._rng.uniform(80, 160))):
            x, y = int(self._rng.uniform(0, WIDTH)), int(self._rng.uniform(0, HEIGHT))
            length = self._rng.uniform(8, 22)
            paint = np.minimum(picture[y, x].astype(int) + 45, 255).tolist()
            cv2.line(picture, (x, y), (int(x + length * 0.2), int(y + length)), paint, 1, cv2.LINE_AA)

    def _lit(self, picture: Pixels, t: float) -> Pixels:
        gain, gamma = 1.0, 1.0
        dt, self._at = t - self._at, t
        if "exposure" in self._kinds:
            level = float(picture[::8, ::8].mean())
            self._level = self._level or level
            target = 1.0
            for at, swing in self._swings:
                if t >= at:
                    target = swing
            target *= min(max((self._level / max(level, 1.0)) ** 2, 0.5), 2.0)
            self._gain += (target - self._gain) * (1 - math.exp(-dt / 0.4))
            gain, gamma = self._gain, 1 + 0.25 * (1 - min(max(self._gain, 0.4), 1.6))
        if "flicker" in self._kinds:
            gain *= 1 + self._flicker[1] * math.sin(2 * math.pi * self._flicker[0] * t)
        if "drift" in self._kinds:
            gain *= 1 + self._drift[0] * t / self._seconds
            slope = 1 + self._drift[1] * t / self._seconds * (np.arange(WIDTH, dtype=np.float32) / WIDTH - 0.5)
            picture = cv2.multiply(picture, np.tile(slope[None, :, None], (HEIGHT, 1, 3)), dtype=cv2.CV_8U)
        if gain == 1.0 and gamma == 1.0:
            return picture
        curve = np.clip(255 * gain * (np.arange(256) / 255) ** gamma, 0, 255).astype(np.uint8)
        return cv2.LUT(picture, curve)


class _Leaves:
    """A bush in the wind."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._w, self._h = int(rng.uniform(90, 220)), int(rng.uniform(80, 170))
        self._x, self._y = int(rng.uniform(0, WIDTH - self._w)), int(rng.uniform(0, HEIGHT - self._h))
        texture = grain(rng, 8, 34, (self._w, self._h))
        self._leaves = np.clip(np.array([60, 105, 40], np.float32) + texture, 0, 255).astype(np.uint8)
        self._far, self._often, self._long = rng.uniform(2, 5), rng.uniform(0.25, 1.2), rng.uniform(30, 90)
        self._across, self._down = np.meshgrid(
            np.arange(self._w, dtype=np.float32), np.arange(self._h, dtype=np.float32)
        )

    def plant(self, backdrop: NDArray[np.float32]) -> None:
        backdrop[self._y : self._y + self._h, self._x : self._x + self._w] = self._leaves

    def sway(self, picture: Pixels, t: float) -> None:
        phase = 2 * math.pi * (self._often * t + self._across / self._long)
        sway = (np.sin(phase) * (1 + 0.5 * math.sin(0.7 * t)) * self._far).astype(np.float32)
        moved = cv2.remap(
            self._leaves, self._across + sway, self._down + 0.5 * sway, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        picture[self._y : self._y + self._h, self._x : self._x + self._w] = moved


def compressed(pictures: Iterator[tuple[float, Pixels]], codec: str) -> Iterator[tuple[float, Pixels]]:
    """Sends pictures through `jpegNN` (quality) or `x264-NN` (crf) and back; "" leaves them alone."""
    if codec.startswith("jpeg"):
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(codec[4:])]
        for t, picture in pictures:
            yield t, cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_COLOR)
    elif codec.startswith("x264"):
        yield from _x264(pictures, codec[5:])
    else:
        yield from pictures


def _x264(pictures: Iterator[tuple[float, Pixels]], crf: str) -> Iterator[tuple[float, Pixels]]:
    times = []
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": crf, "g": "50", "threads": "1"}
        for t, picture in pictures:
            times.append(t)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as decoded:
        for t, frame in zip(times, decoded.decode(video=0), strict=False):
            yield t, frame.to_ndarray(format="rgb24")
