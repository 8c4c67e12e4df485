"""Small videos for tests, rendered on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

MILLISECOND = Fraction(1, 1000)


def render_clip(
    path: Path,
    *,
    seconds: float = 2.0,
    rate: int = 20,
    size: tuple[int, int] = (160, 90),
    times: Sequence[float] | None = None,
    picture: bool = True,
    sound: bool = False,
    codec: str = "libx264",
    layout: str = "yuv420p",
) -> Path:
    """A bright square that moves over grey, with a tone where `sound` is asked for.

    Args:
        path: Where to; its suffix is the container.
        times: Seconds of each picture; regular by default.
    """
    times = times if times is not None else [n / rate for n in range(round(seconds * rate))]
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=rate) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = *size, layout
            video.time_base = video.codec_context.time_base = MILLISECOND
        audio = container.add_stream("aac", rate=44_100) if sound else None
        if video is not None:
            for time in times:
                frame = av.VideoFrame.from_ndarray(_drawn(time, size), format="rgb24")
                frame.pts, frame.time_base = round(time * 1000), MILLISECOND
                container.mux(video.encode(frame))
        if audio is not None:
            tone = np.sin(2 * np.pi * 440 * np.arange(round(seconds * 44_100)) / 44_100) * 0.3
            frame = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44_100, 0
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
        if video is not None:
            container.mux(video.encode(None))
    return path


def _drawn(time: float, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    drawn = np.full((height, width, 3), 90, np.uint8)
    left, side = int(time * width / 2) % max(1, width - height // 3), height // 3
    drawn[side : 2 * side, left : left + side] = (250, 240, 60)
    return drawn
