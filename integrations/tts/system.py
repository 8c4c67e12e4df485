"""The voice of the machine itself: flite where it speaks English, espeak-ng for every other language."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from integrations.tts.espeak import EspeakSpeech
from integrations.tts.flite import FliteSpeech
from integrations.tts.words import spoken_language
from joyvl_core.acts.resample import Resampler
from joyvl_core.errors import UnavailableError
from joyvl_core.media import AudioChunk
from joyvl_core.ports import TextToSpeech


class SystemSpeech:
    """A `TextToSpeech` that picks the program by the language of the text.

    A text with Chinese characters is said by the Chinese voice, whatever else is in it.
    Without flite, espeak-ng says English too.

    Args:
        english: Says English.
        others: Says everything else, and English where `english` can't.
    """

    rate = 48_000

    def __init__(self, english: TextToSpeech | None = None, others: TextToSpeech | None = None) -> None:
        self._english = english or FliteSpeech()
        self._others = others or EspeakSpeech()
        self._english_works = True

    async def warm(self) -> None:
        """Warms both programs; one is enough to go on with.

        Raises:
            UnavailableError: Neither works.
        """
        try:
            await self._others.warm()
        except UnavailableError:
            await self._english.warm()
            return
        try:
            await self._english.warm()
        except UnavailableError:
            self._english_works = False

    async def speak(self, text: str, language: str) -> AsyncGenerator[AudioChunk]:
        language = spoken_language(text, language)
        voice = self._english if self._english_works and language.startswith("en") else self._others
        resampler: Resampler | None = None
        async with aclosing(voice.speak(text, language)) as chunks:
            async for chunk in chunks:
                resampler = resampler or Resampler(chunk.rate, self.rate)
                if len(samples := resampler.feed(chunk.samples)):
                    yield AudioChunk(samples, self.rate)
        if resampler is not None and len(rest := resampler.flush()):
            yield AudioChunk(rest, self.rate)

    async def aclose(self) -> None:
        await self._english.aclose()
        await self._others.aclose()
