"""Chinese and many other languages from espeak-ng, run as a program of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from integrations.tts.program import SpeechProgram
from integrations.tts.trim import trimmed
from integrations.tts.words import sayable
from joyvl_core.errors import UnavailableError
from joyvl_core.media import AudioChunk

VOICES = {
    "zh": ("cmn", 220),
    "yue": ("yue", 220),
    "en": ("en-us", 165),
    "de": ("de", 165),
    "es": ("es", 165),
    "fr": ("fr-fr", 165),
    "it": ("it", 165),
    "ja": ("ja", 180),
    "ko": ("ko", 180),
    "pt": ("pt-br", 165),
    "ru": ("ru", 165),
}
"""espeak-ng's voice and pace (in its own words a minute) for a language."""


class EspeakSpeech:
    """A `TextToSpeech` for Chinese and other languages."""

    rate = 22_050

    def __init__(self) -> None:
        self._program = SpeechProgram("espeak-ng", "espeak-ng")

    async def warm(self) -> None:
        """Says a word into nothing, so that the program and its Chinese dictionary lie in memory.

        Raises:
            UnavailableError: espeak-ng is not installed or does not work.
        """
        async for _ in self.speak("好", "zh"):
            pass

    async def speak(self, text: str, language: str) -> AsyncGenerator[AudioChunk]:
        voice = VOICES.get(language.split("-")[0].lower())
        if voice is None:
            raise UnavailableError(
                f"no voice for {language!r} is set up",
                source="voice.espeak",
                kind="no_voice",
                hint=f"Languages: {', '.join(sorted(VOICES))}.",
            )
        words = sayable(text)
        if not words:
            return
        name, pace = voice
        sound = self._program.run(["-v", name, "-s", str(pace), "-b", "1", "-z", "--stdin", "--stdout"], words)
        async with aclosing(trimmed(sound)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def aclose(self) -> None:
        """Nothing is kept between utterances."""
