"""Media of one browser: its pictures and its microphone coming in, the bot's voice going out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from joyvl_core.media import AudioChunk, Pcm

VOICE_RATE = 48_000
MIC_RATE = 16_000

_BLOCK = 960
"""Samples of one 20 ms Opus frame."""
_AHEAD = VOICE_RATE // 5
"""Most samples written and not yet played: 0.2 s."""
_LATE = 0.1
"""Seconds the pacing may fall behind before the lost time is skipped instead of caught up."""
_GAP = 0.5
"""Longest gap in the microphone's sound, in seconds, that is filled with silence."""


class Source(StrEnum):
    """What a browser sends on a video track."""

    CAMERA = "camera"
    SCREEN = "screen"
    SCENE = "scene"


async def newest(track: MediaStreamTrack, deliver: Callable[[av.VideoFrame], None]) -> None:
    """Delivers a video track's frames until it ends, and of those that piled up only the last."""
    loop = asyncio.get_running_loop()
    waiting: deque[av.VideoFrame] = deque(maxlen=1)

    def hand_over() -> None:
        if waiting:
            deliver(waiting.pop())

    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        if not isinstance(frame, av.VideoFrame):
            continue
        # `recv` does not give the loop a turn while frames are waiting, so what is scheduled here
        # runs once they are all read.
        if not waiting:
            loop.call_soon(hand_over)
        waiting.append(frame)


async def listen(track: MediaStreamTrack, deliver: Callable[[AudioChunk], None]) -> None:
    """Delivers an audio track as 16 kHz mono until it ends. Lost packets become silence."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=MIC_RATE)
    expected: int | None = None
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        if not isinstance(frame, av.AudioFrame):
            continue
        pts = frame.pts or 0
        if expected is not None and 0 < pts - expected <= _GAP * frame.sample_rate:
            missing = (pts - expected) * MIC_RATE // frame.sample_rate
            deliver(AudioChunk(np.zeros(missing, np.int16), MIC_RATE, t=expected / frame.sample_rate))
        expected = pts + frame.samples
        # Resampling 20 ms takes some 20 µs: a thread would cost more than it saves.
        for part in resampler.resample(frame):
            samples = part.to_ndarray().reshape(-1).astype(np.int16, copy=False)
            deliver(AudioChunk(samples, MIC_RATE, t=pts / frame.sample_rate))


class Voice(MediaStreamTrack):
    """The bot's voice: what is written, paced in real time, silence between."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._unplayed: deque[Pcm] = deque()
        self._samples = 0
        self._space = asyncio.Event()
        self._cleared = 0
        self._due: float | None = None
        self._pts = 0

    @property
    def rate(self) -> int:
        return VOICE_RATE

    @property
    def ahead(self) -> float:
        return self._samples / VOICE_RATE

    async def write(self, samples: Pcm) -> None:
        cleared = self._cleared
        start = 0
        while start < len(samples) and cleared == self._cleared and self.readyState == "live":
            space = _AHEAD - self._samples
            if space <= 0:
                self._space.clear()
                await self._space.wait()
                continue
            part = samples[start : start + space]
            self._unplayed.append(part)
            self._samples += len(part)
            start += len(part)

    def clear(self) -> None:
        self._unplayed.clear()
        self._samples = 0
        self._cleared += 1
        self._space.set()

    def stop(self) -> None:
        """Ends the track; a waiting `write` returns."""
        super().stop()
        self.clear()

    async def recv(self) -> av.AudioFrame:
        """The next 20 ms, when they are due.

        Raises:
            MediaStreamError: The track has been stopped.
        """
        await self._pace()
        if self.readyState != "live":
            raise MediaStreamError
        frame = av.AudioFrame.from_ndarray(self._take(_BLOCK).reshape(1, -1), format="s16", layout="mono")
        frame.pts, frame.sample_rate, frame.time_base = self._pts, VOICE_RATE, Fraction(1, VOICE_RATE)
        self._pts += _BLOCK
        return frame

    async def _pace(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = now if self._due is None else self._due
        if now - due > _LATE:
            blocks = int((now - due) * VOICE_RATE) // _BLOCK
            self._pts += blocks * _BLOCK
            due += blocks * _BLOCK / VOICE_RATE
        self._due = due + _BLOCK / VOICE_RATE
        if due > now:
            await asyncio.sleep(due - now)

    def _take(self, count: int) -> Pcm:
        block = np.zeros(count, np.int16)
        filled = 0
        while filled < count and self._unplayed:
            head = self._unplayed.popleft()
            part = head[: count - filled]
            block[filled : filled + len(part)] = part
            filled += len(part)
            if len(part) < len(head):
                self._unplayed.appendleft(head[len(part) :])
        self._samples -= filled
        self._space.set()
        return block
