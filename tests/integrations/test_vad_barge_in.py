from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from integrations.tts.flite import FliteSpeech
from integrations.vad.silero import SileroActivity
from joyvl_core.acts.listening import BargeIn
from joyvl_core.acts.resample import Resampler
from joyvl_core.acts.voice import Speaker
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.media import AudioChunk, Pcm
from joyvl_core.ports import Act
from tests.conformance.tts import said
from tests.stand_ins.voice import TapeTrack, ToneSpeech

RATE = 48_000
ONSET = 1.0


def spoken(voice: str, text: str) -> Pcm:
    """Speech at 48 kHz without silence around it."""
    samples, up = asyncio.run(said(FliteSpeech(voice), text, "en")), Resampler(16_000, RATE)
    return np.concatenate([up.feed(samples), up.flush()])


def bot_silences(voice: Pcm) -> tuple[list[tuple[float, float, int]], bool]:
    """What is heard of a bot that speaks for 6 s while a person begins to speak after one, and whether it gave up."""

    async def main() -> tuple[list[tuple[float, float, int]], bool]:
        clock, track = LoopClock(), TapeTrack(RATE)
        speaker = Speaker(ToneSpeech(seconds=6.0), track, clock, lambda *_: None)
        barge_in = BargeIn(SileroActivity, speaker, clock)
        tasks = [asyncio.create_task(speaker.run()), asyncio.create_task(barge_in.run())]
        speaker.offer(Act(1, 0.0, "5"))
        before, after = np.zeros(round(ONSET * RATE), np.int16), np.zeros(RATE, np.int16)
        microphone = np.concatenate([before, voice, after])
        for at in range(0, len(microphone), 480):
            await clock.sleep_until((at + 480) / RATE)
            barge_in.feed("ann", AudioChunk(microphone[at : at + 480], RATE))
        await speaker.drained()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        spans = track.spans()
        return spans, sum(end - start for start, end, _ in spans) < 5.9

    return run_virtual(main())


@pytest.mark.parametrize("voice", ["slt", "rms", "kal16"])
def test_a_person_who_speaks_silences_the_bot_within_a_fifth_of_a_second(
    voice: str, require: Callable[[str], Path]
) -> None:
    require("flite")
    spans, gave_up = bot_silences(spoken(voice, "Excuse me, could you please stop for a moment?"))
    assert spans[0][1] - ONSET < 0.2
    assert gave_up


def test_after_a_short_word_it_goes_on(require: Callable[[str], Path]) -> None:
    require("flite")
    word = spoken("rms", "ha")[: RATE // 3]
    spans, gave_up = bot_silences(word)
    assert len(spans) == 2
    assert spans[0][1] - ONSET < 0.2
    assert spans[1][0] - spans[0][1] < 1.0
    assert not gave_up
