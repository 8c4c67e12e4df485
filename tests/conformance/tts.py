"""What every text-to-speech must do. An adapter's tests inherit `SpeechConformance` and make one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any

import numpy as np
import psutil
import pytest

from joyvl_core.errors import UnavailableError
from joyvl_core.media import Pcm
from joyvl_core.ports import TextToSpeech

SENTENCES = {
    "en": ("Hello there, somebody has just come in.", "I count twelve cars so far."),
    "zh": ("你好，有人进来了。", "到现在一共有十二辆汽车。"),
}
ODD = ("", "   ", "🎉🎉", "!?", "\x00\x07", "https://example.org/", "...", "\n")
HOSTILE = (
    "-o /dev/null",
    "--help",
    "$(sleep 9); `sleep 9`",
    "<speak>hi</speak>",
    "[[h@'loU]] hi",
    'say "hi\\n"',
    "\ud800 hi",
)

_LOUD = 160


async def said(tts: TextToSpeech, text: str, language: str) -> Pcm:
    """All sound of a text."""
    chunks = [chunk async for chunk in tts.speak(text, language)]
    assert all(chunk.rate == tts.rate and 0 < chunk.seconds <= 0.2 + 1e-3 for chunk in chunks)
    return np.concatenate([np.zeros(0, np.int16), *(chunk.samples for chunk in chunks)])


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


class SpeechConformance(ABC):
    """The contract of `TextToSpeech`. `languages` are those the adapter claims."""

    languages: tuple[str, ...] = ("en",)

    @abstractmethod
    def make(self) -> TextToSpeech:
        """A new text-to-speech."""

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        asyncio.run(asyncio.wait_for(main, 60))

    def test_it_speaks_its_languages_audibly_at_a_human_pace_without_clipping(self) -> None:
        async def main() -> None:
            tts = self.make()
            await tts.warm()
            for language in self.languages:
                for sentence in SENTENCES[language]:
                    samples = await said(tts, sentence, language)
                    seconds = len(samples) / tts.rate
                    syllables = len(sentence) if language == "zh" else len(sentence) / 3
                    assert 2 < syllables / seconds < 10, f"{sentence}: {seconds:.2f} s"
                    level = samples.astype(float)
                    assert np.sqrt(np.mean(level**2)) > 1_000
                    assert np.mean(np.abs(level) >= 32_700) < 1e-4
                    assert abs(level.mean()) < 200
            await tts.aclose()
            await tts.aclose()

        self.run(main())

    def test_the_first_chunk_begins_with_sound(self) -> None:
        async def main() -> None:
            tts = self.make()
            for language in self.languages:
                samples = await said(tts, SENTENCES[language][0], language)
                assert np.flatnonzero(np.abs(samples.astype(int)) > _LOUD)[0] < 0.02 * tts.rate

        self.run(main())

    @pytest.mark.parametrize("text", ODD)
    def test_text_without_words_is_silence(self, text: str) -> None:
        async def main() -> None:
            assert len(await said(self.make(), text, self.languages[0])) == 0

        self.run(main())

    @pytest.mark.parametrize("text", HOSTILE)
    def test_nothing_in_a_text_is_an_option_a_command_or_markup(self, text: str) -> None:
        async def main() -> None:
            assert 0.1 < len(await said(self.make(), text, self.languages[0])) / 16_000 < 30

        self.run(main())

    def test_a_very_long_text_is_cut(self) -> None:
        async def main() -> None:
            tts = self.make()
            samples = await said(tts, "one two three " * 2_000, self.languages[0])
            assert 0 < len(samples) / tts.rate < 300

        self.run(main())

    def test_closing_the_generator_ends_the_work(self) -> None:
        async def main() -> None:
            tts, before = self.make(), children()
            for _ in range(3):
                sound = tts.speak(SENTENCES[self.languages[0]][0] * 5, self.languages[0])
                await anext(sound)
                await sound.aclose()
                assert children() <= before

        self.run(main())

    def test_cancelling_ends_the_work(self) -> None:
        async def main() -> None:
            tts, before = self.make(), children()
            for delay in (0.0, 0.001, 0.005, 0.02):
                task = asyncio.create_task(said(tts, SENTENCES[self.languages[0]][0] * 5, self.languages[0]))
                await asyncio.sleep(delay)
                task.cancel()
                await asyncio.wait([task])
                assert children() <= before

        self.run(main())

    def test_many_utterances_leave_nothing_open(self) -> None:
        async def main() -> None:
            tts, handles = self.make(), []
            for _ in range(12):
                await said(tts, "one", self.languages[0])
                handles.append(psutil.Process().num_fds())
            assert max(handles[2:]) <= handles[1]

        self.run(main())

    def test_a_language_it_does_not_speak_is_unavailable_with_a_hint(self) -> None:
        async def main() -> None:
            with pytest.raises(UnavailableError) as caught:
                await said(self.make(), "nuqneH", "tlh")
            assert caught.value.hint

        self.run(main())
