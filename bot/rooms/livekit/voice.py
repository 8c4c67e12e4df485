"""The bot's voice: one audio source that outlives connections."""

from __future__ import annotations

import asyncio

from livekit import rtc

from bot.rooms.livekit.options import SOURCE
from joyvl_core.errors import UnavailableError
from joyvl_core.media import Pcm

RATE = 48_000
_CHUNK = RATE // 50  # 20 ms: each write costs a call into the SDK
_QUEUE_MS = 200


class Microphone:
    """A `VoiceTrack` on LiveKit's audio source.

    The source plays into nothing while no connection publishes it, so a writer never waits for longer
    than the sound lasts.
    """

    def __init__(self) -> None:
        self._source: rtc.AudioSource | None = None
        self._clears = 0

    @property
    def rate(self) -> int:
        return RATE

    @property
    def ahead(self) -> float:
        return self._source.queued_duration if self._source else 0.0

    def track(self) -> rtc.LocalAudioTrack:
        """A new track of this voice, to publish on a new connection."""
        return rtc.LocalAudioTrack.create_audio_track("voice", self._opened())

    async def write(self, samples: Pcm) -> None:
        """Plays samples after those before; `clear` also ends a write under way.

        Raises:
            UnavailableError: The SDK does not take the sound; a later write may work.
        """
        source, clears = self._opened(), self._clears
        for start in range(0, len(samples), _CHUNK):
            chunk = samples[start : start + _CHUNK]
            try:
                await source.capture_frame(rtc.AudioFrame(chunk.tobytes(), RATE, 1, len(chunk)))
            except Exception as error:  # the SDK raises bare exceptions here
                raise UnavailableError(
                    f"the voice track takes no sound: {error}", source=SOURCE, kind="voice_failed", retryable=True
                ) from error
            if self._clears != clears:
                return

    def clear(self) -> None:
        self._clears += 1
        if self._source:
            self._source.clear_queue()

    async def aclose(self) -> None:
        """Gives the source back. Later writes are silent."""
        if self._source:
            self.clear()
            await self._source.aclose()

    def _opened(self) -> rtc.AudioSource:
        if self._source is None:
            self._source = rtc.AudioSource(RATE, 1, _QUEUE_MS, asyncio.get_running_loop())
        return self._source
