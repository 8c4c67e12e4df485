"""Small clips with known truth, rendered in memory: what the tests watch, and `write` for whoever needs a file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from joyvl_core.media import Frame, I420Picture, Rgb, RgbPicture


@dataclass(frozen=True)
class Shown:
    """Words that are on the picture from `start` to `end`, in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Clip:
    """A scene as a function of time: `draw(t)` renders the picture of any moment, alike every time."""

    draw: Callable[[float], Rgb]
    seconds: float
    fps: float = 10.0
    shown: tuple[Shown, ...] = field(default=())

    def pictures(self, fps: float | None = None) -> Iterator[tuple[float, Rgb]]:
        rate = fps or self.fps
        for n in range(round(self.seconds * rate)):
            yield n / rate, self.draw(n / rate)

    def frames(self, fps: float | None = None, track: str = "camera") -> Iterator[Frame]:
        for t, pixels in self.pictures(fps):
            yield Frame(track, RgbPicture(pixels), t)

    def compressed(self, bit_rate: int = 300_000, track: str = "camera") -> Iterator[Frame]:
        """The frames after H.264 at a low rate, with all that does to a picture."""
        file = io.BytesIO()
        write(self, file, bit_rate=bit_rate)
        file.seek(0)
        with av.open(file) as container:
            for frame in container.decode(video=0):
                yield Frame(track, _picture(frame), float(frame.time or 0.0))


def write(clip: Clip, target: Path | BinaryIO, *, bit_rate: int = 2_000_000) -> None:
    """Writes a clip as H.264 in MP4, a keyframe every two seconds."""
    first = clip.draw(0.0)
    with av.open(str(target) if isinstance(target, Path) else target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(clip.fps).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = first.shape[1], first.shape[0], "yuv420p"
        stream.bit_rate = bit_rate
        stream.options = {"preset": "veryfast", "g": str(round(clip.fps * 2)), "threads": "1"}
        for _, pixels in clip.pictures():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def decoded(path: Path, track: str = "camera") -> Iterator[Frame]:
    """The frames of a video file."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield Frame(track, _picture(frame), float(frame.time or 0.0))


def sampled(frames: Iterator[Frame], fps: float) -> Iterator[Frame]:
    """Every frame that is the first of its turn at `fps`."""
    due = 0.0
    for frame in frames:
        if frame.t + 1e-6 >= due:
            due += 1.0 / fps
            yield frame


def _picture(frame: av.VideoFrame) -> I420Picture:
    planar = frame.to_ndarray(format="yuv420p")
    height, width = frame.height, frame.width
    y, chroma = planar[:height], planar[height:].reshape(-1)
    half = (height // 2, width // 2)
    u, v = chroma[: half[0] * half[1]].reshape(half), chroma[half[0] * half[1] :].reshape(half)
    return I420Picture(np.ascontiguousarray(y), u, v)
