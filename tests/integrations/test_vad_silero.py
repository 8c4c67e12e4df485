from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from integrations.tts.flite import FliteSpeech
from integrations.vad.silero import SileroActivity
from joyvl_core.acts.resample import Resampler
from joyvl_core.media import AudioChunk, Pcm
from tests.conformance.tts import said


@pytest.fixture(scope="module")
def sentence(require: Callable[[str], Path]) -> Pcm:
    """A spoken sentence at 16 kHz without silence around it."""
    require("flite")
    return asyncio.run(said(FliteSpeech("rms"), "Excuse me, could you please stop for a moment", "en"))


def activity(samples: Pcm, rate: int, chunk: float = 0.02) -> list[tuple[float, bool]]:
    """When somebody is found to begin and to end speaking."""
    vad, speaking, changes = SileroActivity(), False, []
    step = round(rate * chunk)
    for at in range(0, len(samples), step):
        if vad.feed(AudioChunk(samples[at : at + step], rate)) != speaking:
            speaking = not speaking
            changes.append(((at + step) / rate, speaking))
    return changes


def silence(seconds: float, rate: int) -> Pcm:
    return np.zeros(round(seconds * rate), np.int16)


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize("chunk", [0.01, 0.02, 0.1])
def test_speech_is_found_within_a_fifth_of_a_second_and_so_is_its_end(sentence: Pcm, rate: int, chunk: float) -> None:
    speech = Resampler(16_000, rate)
    voice = np.concatenate([speech.feed(sentence), speech.flush()])
    found = activity(np.concatenate([silence(1, rate), voice, silence(1, rate)]), rate, chunk)
    start, end = found[0], found[-1]
    assert start[1]
    assert not end[1]
    assert 1.0 < start[0] < 1.2
    assert 1.0 + len(voice) / rate < end[0] < 1.0 + len(voice) / rate + 0.5


@pytest.mark.parametrize("level", [20, 300, 6_000])
def test_noise_hum_and_clicks_are_no_speech(level: int) -> None:
    rate = 16_000
    noise = np.random.default_rng(3).normal(0, level, 3 * rate).astype(np.int16)
    hum = np.round(np.sin(np.arange(3 * rate) * 2 * np.pi * 50 / rate) * level).astype(np.int16)
    clicks = silence(3, rate)
    clicks[:: rate // 2] = level
    assert activity(np.concatenate([noise, hum, clicks]), rate) == []


def test_quiet_speech_is_still_speech(sentence: Pcm) -> None:
    quiet = (sentence // 20).astype(np.int16)
    assert activity(np.concatenate([silence(1, 16_000), quiet]), 16_000)[0][0] < 1.3
