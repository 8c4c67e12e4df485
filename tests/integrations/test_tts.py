from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from integrations.tts.espeak import EspeakSpeech
from integrations.tts.flite import VOICES, FliteSpeech
from integrations.tts.system import SystemSpeech
from joyvl_core.errors import UnavailableError
from joyvl_core.ports import TextToSpeech
from tests.conformance.tts import SpeechConformance, said
from tests.stand_ins.voice import ToneSpeech


class TestFlite(SpeechConformance):
    @pytest.fixture(autouse=True)
    def _program(self, require: Callable[[str], Path]) -> None:
        require("flite")

    def make(self) -> TextToSpeech:
        return FliteSpeech()

    @pytest.mark.parametrize("voice", VOICES)
    def test_every_voice_speaks(self, voice: str) -> None:
        assert len(asyncio.run(said(FliteSpeech(voice), "Hello there", "en"))) > 8_000


class TestEspeak(SpeechConformance):
    languages = ("zh", "en")

    @pytest.fixture(autouse=True)
    def _program(self, require: Callable[[str], Path]) -> None:
        require("espeak-ng")

    def make(self) -> TextToSpeech:
        return EspeakSpeech()


class TestSystem(SpeechConformance):
    languages = ("en", "zh")

    @pytest.fixture(autouse=True)
    def _programs(self, require: Callable[[str], Path]) -> None:
        require("flite")
        require("espeak-ng")

    def make(self) -> TextToSpeech:
        return SystemSpeech()


def system() -> tuple[SystemSpeech, ToneSpeech, ToneSpeech]:
    english, others = ToneSpeech(rate=16_000, seconds=0.1), ToneSpeech(rate=22_050, seconds=0.1)
    return SystemSpeech(english, others), english, others


@pytest.mark.parametrize(
    ("text", "language", "by"),
    [
        ("hello", "en", "english"),
        ("hello", "en-GB", "english"),
        ("hello", "zh", "others"),
        ("我看到 three cars", "en", "others"),
        ("bonjour", "fr", "others"),
    ],
)
def test_the_language_picks_the_program(text: str, language: str, by: str) -> None:
    tts, english, others = system()
    samples = asyncio.run(said(tts, text, language))
    assert (bool(english.spoken), bool(others.spoken)) == (by == "english", by == "others")
    assert len(samples) == pytest.approx(4_800, abs=5)


MISSING = UnavailableError("x is not installed", source="voice.x", kind="missing_program", hint="apt install x")


class Broken(ToneSpeech):
    async def warm(self) -> None:
        raise MISSING


def test_without_flite_the_other_program_says_english_too() -> None:
    async def main() -> None:
        others = ToneSpeech(seconds=0.1)
        tts = SystemSpeech(Broken(), others)
        await tts.warm()
        await said(tts, "hello", "en")
        assert others.spoken == ["hello"]

    asyncio.run(main())


def test_without_any_program_warming_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(UnavailableError) as caught:
        asyncio.run(SystemSpeech().warm())
    assert "apt install" in caught.value.hint
    assert caught.value.kind == "missing_program"


@pytest.mark.parametrize(
    ("script", "words"),
    [("exit 3", "no sound"), ("echo this is no wave file at all, is it", "no WAV"), ("", "no sound")],
)
def test_a_program_that_fails_is_unavailable(
    script: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "flite"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(UnavailableError, match=words):
        asyncio.run(said(FliteSpeech(), "hello", "en"))


def test_chinese_and_english_in_one_sentence_are_both_said(require: Callable[[str], Path]) -> None:
    require("espeak-ng")
    tts = EspeakSpeech()
    mixed, alone = (asyncio.run(said(tts, text, "zh")) for text in ("我看到 three red cars", "我看到"))
    assert len(mixed) > len(alone) + 0.5 * tts.rate
    assert np.abs(mixed.astype(int)).max() < 32_767
