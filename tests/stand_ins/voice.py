"""A voice track and a text-to-speech for tests: exact on the virtual clock, no sound card, no program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import numpy as np

from joyvl_core.media import AudioChunk, Pcm


class TapeTrack:
    """A `VoiceTrack` that plays in loop time onto a tape.

    Args:
        rate: Samples a second.
        room: Seconds that may lie ahead before a write waits.
        waits_first: A write waits for space before it takes the samples, not after.
    """

    def __init__(self, rate: int = 48_000, room: float = 0.2, *, waits_first: bool = False) -> None:
        self.rate = rate
        self._room = room
        self._waits_first = waits_first
        self._loop = asyncio.get_running_loop()
        self._ahead: list[tuple[float, Pcm]] = []
        self.tape: list[tuple[float, Pcm]] = []
        self.stalled = False
        self.lengths: set[int] = set()

    @property
    def ahead(self) -> float:
        self._play()
        if not self._ahead:
            return 0.0
        start, samples = self._ahead[-1]
        return max(0.0, start + len(samples) / self.rate - self._loop.time())

    async def write(self, samples: Pcm) -> None:
        if self.stalled:
            await asyncio.sleep(3600)
        self.lengths.add(len(samples))
        if self._waits_first:
            await self._space(self._room - len(samples) / self.rate)
        start = self._loop.time() + self.ahead
        self._ahead.append((start, samples))
        if not self._waits_first:
            await self._space(self._room)

    async def _space(self, room: float) -> None:
        if (wait := self.ahead - room) > 0:
            await asyncio.sleep(wait)

    def clear(self) -> None:
        self._play()
        now = self._loop.time()
        for start, samples in self._ahead[:1]:
            if start < now:
                self.tape.append((start, samples[: round((now - start) * self.rate)]))
        self._ahead.clear()

    def heard(self) -> Pcm:
        """All samples that have been played, without the gaps between."""
        self._play()
        return np.concatenate([np.zeros(0, np.int16), *(samples for _, samples in self.tape)])

    def spans(self) -> list[tuple[float, float, int]]:
        """Start and end in loop seconds of every stretch of one non-zero sample value, and the value."""
        self._play()
        spans: list[tuple[float, float, int]] = []
        for start, samples in self.tape:
            edges = np.flatnonzero(np.diff(samples)) + 1
            at = 0
            for end in [*edges.tolist(), len(samples)]:
                if end > at and (value := int(samples[at])):
                    begin, finish = start + at / self.rate, start + end / self.rate
                    if spans and spans[-1][2] == value and abs(spans[-1][1] - begin) < 1e-6:
                        begin = spans.pop()[0]
                    spans.append((begin, finish, value))
                at = end
        return spans

    def _play(self) -> None:
        now = self._loop.time()
        while self._ahead and self._ahead[0][0] + len(self._ahead[0][1]) / self.rate <= now + 1e-9:
            self.tape.append(self._ahead.pop(0))


@dataclass
class ToneSpeech:
    """A `TextToSpeech` that says each text as a constant sample value: the number in it, else 1.

    Attributes:
        seconds: How long each text lasts.
        delay: Seconds before its first sound.
        error: Raised instead of speaking.
        spoken: What was asked for.
        running: How many texts are being made at this moment.
    """

    rate: int = 48_000
    seconds: float = 1.0
    delay: float = 0.0
    error: Exception | None = None
    spoken: list[str] = field(default_factory=list)
    running: int = 0

    async def warm(self) -> None:
        pass

    async def speak(self, text: str, language: str) -> AsyncGenerator[AudioChunk]:
        self.spoken.append(text)
        self.running += 1
        try:
            await asyncio.sleep(self.delay)
            if self.error:
                raise self.error
            value = int("".join(filter(str.isdigit, text)) or 1)
            left = round(self.seconds * self.rate)
            while left > 0:
                count = min(left, self.rate // 5)
                yield AudioChunk(np.full(count, value, np.int16), self.rate)
                left -= count
        finally:
            self.running -= 1

    async def aclose(self) -> None:
        pass
