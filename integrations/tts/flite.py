"""English speech from flite, a small synthesiser of the system, run as a program of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from integrations.tts.program import SpeechProgram
from integrations.tts.trim import trimmed
from integrations.tts.words import in_ascii, sayable
from joyvl_core.errors import UnavailableError
from joyvl_core.media import AudioChunk

VOICES = ("slt", "rms", "awb", "kal16")
"""A woman, a man, a Scotsman, and an older man's voice that is quickest and sounds most like a machine."""


class FliteSpeech:
    """A `TextToSpeech` for English.

    Args:
        voice: One of `VOICES`.
    """

    rate = 16_000

    def __init__(self, voice: str = "slt") -> None:
        self._voice = voice
        self._program = SpeechProgram("flite", "flite")

    async def warm(self) -> None:
        """Says a word into nothing, so that program and voice lie in memory.

        Raises:
            UnavailableError: flite is not installed or does not work.
        """
        async for _ in self.speak("ready", "en"):
            pass

    async def speak(self, text: str, language: str) -> AsyncGenerator[AudioChunk]:
        if language.split("-")[0].lower() != "en":
            raise UnavailableError(
                f"flite has no voice for {language!r}", source="voice.flite", kind="no_voice", hint="Use espeak-ng."
            )
        words = sayable(in_ascii(text))
        if not words:
            return
        # The text is the value of -t, so nothing in it can be an option. flite can't read it from a pipe
        # while it writes into one: it goes back in its output for every sentence of a file.
        sound = self._program.run(["-voice", self._voice, "-t", words, "-o", "/dev/stdout"])
        async with aclosing(trimmed(sound)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def aclose(self) -> None:
        """Nothing is kept between utterances."""
