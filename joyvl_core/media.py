"""Pictures and sound as they travel from a room to the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
"""A picture, (height, width, 3), red first."""
Luma = NDArray[np.uint8]
"""Brightness alone, (height, width)."""
Pcm = NDArray[np.int16]
"""Mono samples, (n,)."""


class Picture(Protocol):
    """One decoded picture, converted only as far as somebody asks.

    Most pictures of a 30 fps track are never looked at; those that are, mostly small.
    """

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def luma(self) -> Luma:
        """Brightness at full size; a view where the decoder's memory allows it."""
        ...

    def rgb(self, within: tuple[int, int] | None = None) -> Rgb:
        """The picture in colour, shrunk (never grown, aspect kept) to fit `within` (width, height)."""
        ...


def fit(size: tuple[int, int], within: tuple[int, int] | None) -> tuple[int, int]:
    """The largest size of the same aspect inside `within`, never larger than `size`."""
    if within is None:
        return size
    scale = min(within[0] / size[0], within[1] / size[1], 1.0)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


@dataclass(frozen=True, slots=True, eq=False)
class RgbPicture:
    """A picture held as one RGB array."""

    pixels: Rgb

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def luma(self) -> Luma:
        return cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY)

    def rgb(self, within: tuple[int, int] | None = None) -> Rgb:
        size = fit(self.size, within)
        if size == self.size:
            return self.pixels
        return cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA)


@dataclass(frozen=True, slots=True, eq=False)
class I420Picture:
    """A picture as decoders give it: planes Y (h, w), U and V (ceil(h/2), ceil(w/2)), BT.601 limited range."""

    y: Luma
    u: Luma
    v: Luma

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.y.shape[1], self.y.shape[0]

    def luma(self) -> Luma:
        return self.y

    def rgb(self, within: tuple[int, int] | None = None) -> Rgb:
        # Planes are shrunk before they are converted: a third of the work of the other order.
        width, height = fit(self.size, within)
        width, height = max(2, width - width % 2), max(2, height - height % 2)
        half = (width // 2, height // 2)
        planar = np.empty((height * 3 // 2, width), np.uint8)
        planar[:height] = _resized(self.y, (width, height))
        chroma = planar[height:].reshape(-1)
        quarter = half[0] * half[1]
        chroma[:quarter] = _resized(self.u, half).reshape(-1)
        chroma[quarter:] = _resized(self.v, half).reshape(-1)
        return cv2.cvtColor(planar, cv2.COLOR_YUV2RGB_I420)


def _resized(plane: Luma, size: tuple[int, int]) -> Luma:
    if plane.shape == (size[1], size[0]):
        return plane
    # Of a picture shrunk to a quarter or less, every second row and column are average enough, at half the time.
    step = min(plane.shape[1] // (2 * size[0]), plane.shape[0] // (2 * size[1]))
    if step > 1:
        plane = np.ascontiguousarray(plane[step // 2 :: step, step // 2 :: step])
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture of one track at one moment.

    Attributes:
        track: Id of the track, unique in the session.
        picture: What is on it.
        t: Session seconds.
    """

    track: str
    picture: Picture
    t: float


@dataclass(frozen=True, slots=True, eq=False)
class AudioChunk:
    """Mono sound. `t` is the session second of the first sample."""

    samples: Pcm
    rate: int
    t: float = 0.0

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate
