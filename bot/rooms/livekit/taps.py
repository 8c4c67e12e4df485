"""Tapping remote tracks: each a stream of the SDK with a task of ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from livekit import rtc

from joyvl_core.media import AudioChunk, I420Picture, Picture

HEARING_RATE = 16_000
_HEARING_MS = 40
_HEARING_BACKLOG = 25  # one second
_CLOSE_WITHIN = 0.5

_log = logging.getLogger(__name__)

OnPicture = Callable[[Picture, float], None]
OnSound = Callable[[AudioChunk], None]


class Tap:
    """One track's stream, drained into a callback until closed."""

    def __init__(self, track: rtc.Track, stream: Any, take: Callable[[Any], None]) -> None:
        self.track = track
        self._stream = stream
        self._task = asyncio.get_running_loop().create_task(self._drain(take))

    @property
    def ended(self) -> bool:
        """Whether the stream has ended by itself."""
        return self._task.done()

    async def _drain(self, take: Callable[[Any], None]) -> None:
        async for event in self._stream:
            try:
                take(event)
            except ValueError as error:  # a frame whose buffer does not fit its own size
                _log.warning("a frame of track %s was dropped: %s", self.track.sid, error)

    async def aclose(self) -> None:
        """Ends the task, then the stream. A video stream's consumer never ends by itself."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        try:
            await asyncio.wait_for(self._stream.aclose(), _CLOSE_WITHIN)
        except TimeoutError:
            _log.warning("the stream of track %s did not close in %s s", self.track.sid, _CLOSE_WITHIN)


def watch(track: rtc.Track, on_picture: OnPicture) -> Tap:
    """Taps a video track. Pictures that arrive while one is being taken replace each other."""
    stream = rtc.VideoStream(track, capacity=1, format=rtc.VideoBufferType.I420)

    def take(event: rtc.VideoFrameEvent) -> None:
        on_picture(picture_of(event.frame, event.rotation), event.timestamp_us / 1e6)

    return Tap(track, stream, take)


def hear(track: rtc.Track, on_sound: OnSound) -> Tap:
    """Taps an audio track, mono at `HEARING_RATE`."""
    stream = rtc.AudioStream(
        track, sample_rate=HEARING_RATE, num_channels=1, frame_size_ms=_HEARING_MS, capacity=_HEARING_BACKLOG
    )

    def take(event: rtc.AudioFrameEvent) -> None:
        on_sound(AudioChunk(np.frombuffer(event.frame.data, np.int16), HEARING_RATE))

    return Tap(track, stream, take)


def picture_of(frame: rtc.VideoFrame, rotation: rtc.VideoRotation) -> Picture:
    """The frame's planes as views of its memory, turned upright.

    Raises:
        ValueError: The frame's memory does not fit its size.
    """
    memory = np.frombuffer(frame.data, np.uint8)
    width, height = frame.width, frame.height
    half = ((height + 1) // 2, (width + 1) // 2)
    luma, chroma = width * height, half[0] * half[1]
    planes = (
        memory[:luma].reshape(height, width),
        memory[luma : luma + chroma].reshape(half),
        memory[luma + chroma : luma + 2 * chroma].reshape(half),
    )
    quarters = _QUARTERS[rotation]
    return I420Picture(*(np.rot90(plane, -quarters) for plane in planes)) if quarters else I420Picture(*planes)


_QUARTERS: Mapping[Any, int] = {
    rtc.VideoRotation.VIDEO_ROTATION_0: 0,
    rtc.VideoRotation.VIDEO_ROTATION_90: 1,
    rtc.VideoRotation.VIDEO_ROTATION_180: 2,
    rtc.VideoRotation.VIDEO_ROTATION_270: 3,
}
