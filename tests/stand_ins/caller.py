"""The other side of a call: an aiortc peer that behaves as the call page does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from bot.rooms.webrtc import tuning

_LOUD = 500.0


class MovingSquare(MediaStreamTrack):
    """A bright square that travels over a dark picture. `size` may be changed while it plays."""

    kind = "video"

    def __init__(self, rate: int = 20) -> None:
        super().__init__()
        self.size = (320, 180)
        self._rate = rate
        self._count = 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(1 / self._rate)
        if self.readyState != "live":
            raise MediaStreamError
        width, height = self.size
        pixels = np.full((height, width, 3), 30, np.uint8)
        x = self._count * 8 % (width - 60)
        pixels[60:120, x : x + 60] = (240, 200, 40)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = self._count, Fraction(1, self._rate)
        self._count += 1
        return frame


class Tone(MediaStreamTrack):
    """A 600 Hz tone for a microphone."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._pts = 0

    async def recv(self) -> av.AudioFrame:
        await asyncio.sleep(0.02)
        time = (np.arange(960) + self._pts) / 48_000
        samples = (np.sin(2 * np.pi * 600 * time) * 8_000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.pts, frame.sample_rate, frame.time_base = self._pts, 48_000, Fraction(1, 48_000)
        self._pts += 960
        return frame


class Caller:
    """One call. `messages` are the bot's, as they came."""

    def __init__(self, *, microphone: bool = False, screen: bool = False) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.picture = MovingSquare()
        self.messages: list[dict[str, Any]] = []
        self.heard = 0.0
        self.opened = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self.channel = self.peer.createDataChannel("joyvl")
        self.channel.on("open", self.opened.set)
        self.channel.on("message", lambda data: self.messages.append(json.loads(data)))
        self.peer.on("track", self._on_track)
        self.peer.addTransceiver(self.picture, "sendonly")
        if screen:
            self.peer.addTransceiver(MovingSquare(), "sendonly")
        self.peer.addTransceiver(Tone() if microphone else "audio", "sendrecv" if microphone else "recvonly")

    async def offer(self) -> str:
        tuning.allow_loopback(self.peer)
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def send(self, message: object) -> None:
        await asyncio.wait_for(self.opened.wait(), 5)
        self.channel.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def say(self, text: str) -> None:
        await self.send({"type": "chat", "text": text})

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    async def close(self) -> None:
        if self._listening:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        await self.peer.close()

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.AudioFrame)
                loudness = np.sqrt(np.mean(frame.to_ndarray().astype(np.float64) ** 2))
                self.heard += frame.samples / frame.sample_rate * (loudness > _LOUD)


@asynccontextmanager
async def caller(*, microphone: bool = False, screen: bool = False) -> AsyncIterator[Caller]:
    """A caller, gone at the end of the block."""
    one = Caller(microphone=microphone, screen=screen)
    try:
        yield one
    finally:
        await one.close()
