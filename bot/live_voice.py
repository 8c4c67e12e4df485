"""The bot's voice as people hear it over the link: a copy of what a room gets, or all of it where a room has none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.link.frames import LiveSound
from joyvl_core.acts.voice import Speaker
from joyvl_core.media import Pcm
from joyvl_core.ports import Act, VoiceTrack

RATE = 24_000
"""Samples a second for a room that has no voice of its own."""
AHEAD = 0.2
"""Seconds that may lie ahead before a write waits."""


class LiveVoice:
    """Sends sound for as long as somebody listens.

    Args:
        send: Takes what is to be heard.
    """

    def __init__(self, send: Callable[[LiveSound], None]) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._until = float("-inf")

    @property
    def heard(self) -> bool:
        """Whether somebody listens now."""
        return self._loop.time() < self._until

    def listen(self, seconds: float) -> None:
        """Somebody listens for so many seconds from now."""
        self._until = max(self._until, self._loop.time() + seconds)

    def tell(self, rate: int, samples: bytes) -> None:
        """Sends samples where somebody listens; none means that what was not played yet is dropped."""
        if self.heard:
            self._send(LiveSound(rate, samples))

    def track(self, room: VoiceTrack | None) -> VoiceTrack:
        """Where a participant's voice goes: into the room and here, or only here."""
        return _Copied(room, self) if room is not None else _Alone(self)


class WhileHeard:
    """The sink `voice` of a room that has none: it speaks only while somebody listens."""

    name = "voice"

    def __init__(self, speaker: Speaker, live: LiveVoice) -> None:
        self._speaker = speaker
        self._live = live

    def offer(self, act: Act) -> None:
        if self._live.heard:
            self._speaker.offer(act)


class _Copied:
    """A room's voice, copied."""

    def __init__(self, track: VoiceTrack, live: LiveVoice) -> None:
        self._track = track
        self._live = live

    @property
    def rate(self) -> int:
        return self._track.rate

    @property
    def ahead(self) -> float:
        return self._track.ahead

    async def write(self, samples: Pcm) -> None:
        self._live.tell(self.rate, samples.tobytes())
        await self._track.write(samples)

    def clear(self) -> None:
        self._live.tell(self.rate, b"")
        self._track.clear()


class _Alone:
    """A voice that plays in real time, to whoever listens over the link."""

    rate = RATE

    def __init__(self, live: LiveVoice) -> None:
        self._live = live
        self._loop = asyncio.get_running_loop()
        self._ends = 0.0

    @property
    def ahead(self) -> float:
        return max(0.0, self._ends - self._loop.time())

    async def write(self, samples: Pcm) -> None:
        self._live.tell(self.rate, samples.tobytes())
        self._ends = max(self._ends, self._loop.time()) + len(samples) / self.rate
        if (wait := self.ahead - AHEAD) > 0:
            await asyncio.sleep(wait)

    def clear(self) -> None:
        self._ends = 0.0
        self._live.tell(self.rate, b"")
