from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from joyvl_core.acts.listening import BargeIn, ListeningPolicy
from joyvl_core.acts.voice import Speaker
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.errors import JoyVLError
from joyvl_core.media import AudioChunk
from joyvl_core.ports import Act, VoiceActivity
from tests.stand_ins.voice import TapeTrack, ToneSpeech

CHUNK = 0.02


class LoudIsSpeech:
    """A `VoiceActivity` that takes any sound for speech."""

    def feed(self, chunk: AudioChunk) -> bool:
        return bool(chunk.samples[-1])


class Broken:
    def feed(self, chunk: AudioChunk) -> bool:
        raise RuntimeError("no model")


@dataclass
class Call:
    """A bot that speaks for five seconds, and people who talk."""

    barge_in: BargeIn
    speaker: Speaker
    track: TapeTrack
    clock: LoopClock
    events: list[tuple[str, float]] = field(default_factory=list)
    troubles: list[JoyVLError] = field(default_factory=list)

    async def hear(self, person: str, seconds: float, *, loud: bool) -> None:
        """A person's microphone, in real time."""
        end = self.clock.now() + seconds
        while self.clock.now() < end - 1e-9:
            await asyncio.sleep(CHUNK)
            self.barge_in.feed(person, AudioChunk(np.full(960, 9 if loud else 0, np.int16), 48_000))

    def bot_heard(self) -> float:
        return sum(end - start for start, end, _ in self.track.spans())


@asynccontextmanager
async def call(
    make_vad: Callable[[], VoiceActivity] = LoudIsSpeech, policy: ListeningPolicy | None = None
) -> AsyncIterator[Call]:
    clock, track = LoopClock(), TapeTrack()
    speaker = Speaker(ToneSpeech(seconds=5.0), track, clock, lambda *_: None)
    barge_in = BargeIn(
        make_vad,
        speaker,
        clock,
        on_start=lambda who: it.events.append((f"{who} starts", clock.now())),
        on_end=lambda who, seconds: it.events.append((f"{who} ends", seconds)),
        on_trouble=lambda error: it.troubles.append(error),
        policy=policy,
    )
    it = Call(barge_in, speaker, track, clock)
    tasks = [asyncio.create_task(speaker.run()), asyncio.create_task(barge_in.run())]
    try:
        yield it
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def test_a_cough_ducks_and_the_bot_goes_on_where_it_was() -> None:
    async def main() -> None:
        async with call() as it:
            it.speaker.offer(Act(1, 0.0, "5"))
            await it.hear("ann", 1.0, loud=False)
            await it.hear("ann", 0.4, loud=True)
            await it.hear("ann", 6.0, loud=False)
            (_, ducked, _), (resumed, _, _) = it.track.spans()
            assert ducked == pytest.approx(1.0, abs=0.1)
            assert resumed == pytest.approx(1.4, abs=0.1)
            assert it.bot_heard() == pytest.approx(5.0, abs=0.03)
            assert [event for event, _ in it.events] == ["ann starts", "ann ends"]
            assert it.events[1][1] == pytest.approx(0.4, abs=0.05)

    run_virtual(main())


def test_a_person_who_goes_on_takes_the_floor() -> None:
    async def main() -> None:
        async with call() as it:
            it.speaker.offer(Act(1, 0.0, "5"))
            it.speaker.offer(Act(2, 0.0, "6"))
            await it.hear("ann", 1.0, loud=False)
            await it.hear("ann", 2.0, loud=True)
            await it.hear("ann", 6.0, loud=False)
            assert len(it.track.spans()) == 1
            assert it.bot_heard() == pytest.approx(1.0, abs=0.1)
            assert not it.speaker.speaking
            it.speaker.offer(Act(3, 0.0, "7"))
            await it.speaker.drained()
            assert it.track.spans()[-1][2] == 7

    run_virtual(main())


def test_the_bot_waits_for_the_last_of_two_who_cough_in() -> None:
    async def main() -> None:
        async with call() as it:
            it.speaker.offer(Act(1, 0.0, "5"))
            await it.hear("ann", 1.0, loud=False)
            await asyncio.gather(it.hear("ann", 0.3, loud=True), it.hear("bob", 0.5, loud=True))
            await asyncio.gather(it.hear("ann", 6.0, loud=False), it.hear("bob", 6.0, loud=False))
            (_, ducked, _), (resumed, _, _) = it.track.spans()
            assert (ducked, resumed) == (pytest.approx(1.0, abs=0.1), pytest.approx(1.5, abs=0.1))

    run_virtual(main())


def test_a_person_who_already_speaks_does_not_stop_what_the_bot_begins() -> None:
    async def main() -> None:
        async with call() as it:
            talk = asyncio.create_task(it.hear("ann", 8.0, loud=True))
            await asyncio.sleep(1.0)
            it.speaker.offer(Act(1, 0.0, "5"))
            await talk
            assert it.bot_heard() == pytest.approx(5.0, abs=0.01)

    run_virtual(main())


@pytest.mark.parametrize("leaves", [False, True])
def test_somebody_whose_sound_just_ends_has_stopped_speaking(leaves: bool) -> None:
    async def main() -> None:
        async with call() as it:
            it.speaker.offer(Act(1, 0.0, "5"))
            await asyncio.sleep(1.0)
            await it.hear("ann", 0.1, loud=True)
            if leaves:
                it.barge_in.forget("ann")
            await it.speaker.drained()
            assert [event for event, _ in it.events] == ["ann starts", "ann ends"]
            assert it.barge_in.talking == ()
            assert it.bot_heard() == pytest.approx(5.0, abs=0.03)

    run_virtual(main())


def test_only_so_many_people_are_listened_to() -> None:
    made: list[weakref.ref[VoiceActivity]] = []

    def make_vad() -> VoiceActivity:
        vad = LoudIsSpeech()
        made.append(weakref.ref(vad))
        return vad

    async def main() -> None:
        async with call(make_vad, ListeningPolicy(people=3)) as it:
            for round_ in range(2):
                for person in range(20):
                    await it.hear(f"{person}", 0.06, loud=person == 19 and round_ == 1)
            assert it.barge_in.talking == ("19",)
            assert len(made) >= 20
            await asyncio.sleep(0.1)  # a detector just given up may still be in the worker's hands
            assert sum(ref() is not None for ref in made) <= 3

    run_virtual(main())


def test_a_flood_of_sound_is_cut_to_the_newest() -> None:
    lengths: list[float] = []

    class Measuring:
        def feed(self, chunk: AudioChunk) -> bool:
            lengths.append(chunk.seconds)
            return False

    async def main() -> None:
        async with call(Measuring) as it:
            for _ in range(1000):
                it.barge_in.feed("ann", AudioChunk(np.zeros(960, np.int16), 48_000))
            await asyncio.sleep(0.1)

    run_virtual(main())
    assert len(lengths) == 1
    assert lengths[0] <= 1.0


def test_a_broken_detector_is_one_status_and_the_bot_speaks_on() -> None:
    async def main() -> None:
        async with call(Broken) as it:
            it.speaker.offer(Act(1, 0.0, "5"))
            await it.hear("ann", 2.0, loud=True)
            await it.speaker.drained()
            assert len(it.troubles) == 1
            assert "no model" in str(it.troubles[0])
            assert it.bot_heard() == pytest.approx(5.0, abs=0.01)

    run_virtual(main())
