from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from joyvl_core.acts.voice import Speaker, VoicePolicy
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.errors import JoyVLError, UnavailableError
from joyvl_core.ports import Act, Transcript
from tests.stand_ins.voice import TapeTrack, ToneSpeech


@dataclass
class Stage:
    """A speaker with everything it reports."""

    speaker: Speaker
    track: TapeTrack
    tts: ToneSpeech
    clock: LoopClock
    deliveries: list[tuple[float, int, str | None]] = field(default_factory=list)
    captions: list[Transcript] = field(default_factory=list)
    speaking: list[tuple[float, bool]] = field(default_factory=list)
    troubles: list[JoyVLError] = field(default_factory=list)

    def outcomes(self) -> dict[int, str | None]:
        return {tick: dropped for _, tick, dropped in self.deliveries}


@asynccontextmanager
async def stage(
    tts: ToneSpeech | None = None, policy: VoicePolicy | None = None, *, waits_first: bool = False
) -> AsyncIterator[Stage]:
    clock, track, tts = LoopClock(), TapeTrack(waits_first=waits_first), tts or ToneSpeech()
    speaker = Speaker(
        tts,
        track,
        clock,
        lambda tick, sink, dropped: it.deliveries.append((clock.now(), tick, dropped)),
        on_transcript=lambda caption: it.captions.append(caption),
        on_speaking=lambda on: it.speaking.append((clock.now(), on)),
        on_trouble=lambda error: it.troubles.append(error),
        policy=policy,
    )
    it = Stage(speaker, track, tts, clock)
    task = asyncio.create_task(speaker.run())
    try:
        yield it
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert tts.running == 0


def act(tick: int, text: str = "", **more: object) -> Act:
    return Act(tick=tick, t=0.0, text=text or f"{tick}", **more)  # type: ignore[arg-type]  # plain keywords


def test_an_act_is_heard_and_its_delivery_is_the_first_sound() -> None:
    async def main() -> None:
        async with stage(ToneSpeech(delay=0.05)) as it:
            it.speaker.offer(act(7))
            await it.speaker.drained()
            assert it.deliveries == [(pytest.approx(0.05), 7, None)]
            assert it.track.spans() == [(pytest.approx(0.05), pytest.approx(1.05), 7)]
            assert [on for _, on in it.speaking] == [True, False]
            assert it.speaking[1][0] == pytest.approx(1.15, abs=0.03)
            assert not it.speaker.speaking

    run_virtual(main())


def test_the_track_gets_whole_frames_of_20_ms_only() -> None:
    async def main() -> None:
        async with stage(ToneSpeech(rate=22_050, seconds=0.333)) as it:
            it.speaker.offer(act(1, "Somebody came in, and then left. That is all."))
            await asyncio.sleep(0.21)
            it.speaker.duck()
            it.speaker.resume()
            await it.speaker.drained()
            assert it.track.lengths == {960}

    run_virtual(main())


def test_one_utterance_at_a_time_in_order_of_arrival() -> None:
    async def main() -> None:
        async with stage() as it:
            for tick in (1, 2, 3):
                it.speaker.offer(act(tick))
            await it.speaker.drained()
            assert [value for _, _, value in it.track.spans()] == [1, 2, 3]
            assert it.outcomes() == {1: None, 2: None, 3: None}

    run_virtual(main())


def test_a_stale_act_is_dropped_even_if_it_became_stale_while_its_sound_was_made() -> None:
    async def main() -> None:
        async with stage(ToneSpeech(delay=0.3)) as it:
            it.speaker.offer(act(1, expires=0.2))
            it.speaker.offer(act(2, expires=0.1))
            await it.speaker.drained()
            assert it.outcomes() == {1: "stale", 2: "stale"}
            assert it.track.spans() == []

    run_virtual(main())


def test_a_higher_priority_interrupts_and_an_equal_one_waits() -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.offer(act(1))
            await asyncio.sleep(0.5)
            it.speaker.offer(act(2))
            it.speaker.offer(act(3, priority=1))
            await it.speaker.drained()
            spans = it.track.spans()
            assert [value for _, _, value in spans] == [1, 3, 2]
            assert spans[0][1] == pytest.approx(0.5, abs=0.021)
            assert spans[1][0] == pytest.approx(0.5, abs=0.021)

    run_virtual(main())


def test_the_same_replace_key_takes_the_place_of_what_waits_or_sounds() -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.offer(act(1, replace="count"))
            await asyncio.sleep(0.3)
            it.speaker.offer(act(2, replace="count"))
            it.speaker.offer(act(3, replace="count"))
            await it.speaker.drained()
            assert [value for _, _, value in it.track.spans()] == [1, 3]
            assert it.outcomes() == {1: None, 2: "replaced", 3: None}

    run_virtual(main())


def test_only_a_few_wait_and_the_least_gives_way() -> None:
    async def main() -> None:
        async with stage(policy=VoicePolicy(waiting=2)) as it:
            it.speaker.offer(act(1))
            await asyncio.sleep(0.1)
            for tick in (2, 3, 4):
                it.speaker.offer(act(tick))
            await it.speaker.drained()
            assert it.outcomes() == {1: None, 2: "surplus", 3: None, 4: None}

    run_virtual(main())


@pytest.mark.parametrize("waits_first", [False, True])
def test_ducking_is_silent_at_once_and_resuming_goes_on_where_it_was(waits_first: bool) -> None:
    async def main() -> None:
        async with stage(waits_first=waits_first) as it:
            it.speaker.offer(act(5))
            await asyncio.sleep(0.405)
            it.speaker.duck()
            await asyncio.sleep(2.0)
            assert it.speaker.speaking
            it.speaker.resume()
            await it.speaker.drained()
            (_, first_end, _), (second_start, second_end, _) = it.track.spans()
            assert first_end == pytest.approx(0.4, abs=0.02)
            assert second_start == pytest.approx(2.405, abs=0.02)
            said = first_end + second_end - second_start
            assert said == pytest.approx(1.0, abs=0.025)
            assert [on for _, on in it.speaking] == [True, False]

    run_virtual(main())


def test_an_utterance_ducked_in_its_last_moment_is_finished_after_resuming() -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.offer(act(5))
            await asyncio.sleep(0.95)
            it.speaker.duck()
            await asyncio.sleep(1.0)
            assert it.speaker.speaking
            it.speaker.resume()
            await it.speaker.drained()
            assert sum(end - start for start, end, _ in it.track.spans()) == pytest.approx(1.0, abs=0.025)

    run_virtual(main())


def test_stopping_flushes_what_is_buffered_and_what_waits() -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.offer(act(1))
            it.speaker.offer(act(2))
            await asyncio.sleep(0.4)
            it.speaker.stop()
            await it.speaker.drained()
            assert it.outcomes() == {1: None, 2: "stopped"}
            assert it.track.spans()[-1][1] == pytest.approx(0.4, abs=0.001)
            assert it.captions[-1].final
            it.speaker.offer(act(3))
            await it.speaker.drained()
            assert it.track.spans()[-1][2] == 3

    run_virtual(main())


def test_what_is_offered_while_ducked_waits_and_may_become_stale() -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.duck()
            it.speaker.offer(act(1, expires=1.0))
            it.speaker.offer(act(2))
            await asyncio.sleep(2.0)
            assert it.track.spans() == []
            it.speaker.resume()
            await it.speaker.drained()
            assert it.outcomes() == {1: "stale", 2: None}

    run_virtual(main())


def test_captions_grow_by_clause_and_end_final() -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.offer(act(3, "Somebody came in, and now two people are there. That is 1 more."))
            await it.speaker.drained()
            assert [caption.text for caption in it.captions] == [
                "Somebody came in,",
                "Somebody came in, and now two people are there.",
                "Somebody came in, and now two people are there. That is 1 more.",
                "Somebody came in, and now two people are there. That is 1 more.",
            ]
            assert [caption.final for caption in it.captions] == [False, False, False, True]
            assert {caption.segment for caption in it.captions} == {"tick-3"}

    run_virtual(main())


def test_an_interrupted_utterance_ends_with_the_words_that_were_heard() -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.offer(act(3, "Somebody came in, and now two people are there."))
            await asyncio.sleep(0.5)
            it.speaker.stop()
            await it.speaker.drained()
            assert it.captions[-1] == Transcript("tick-3", "Somebody came in,", "en", final=True)

    run_virtual(main())


@pytest.mark.parametrize("error", [UnavailableError("no program", source="v", kind="k"), ValueError("odd")])
def test_a_failing_voice_is_a_dropped_delivery_and_one_status(error: Exception) -> None:
    async def main() -> None:
        async with stage(ToneSpeech(error=error)) as it:
            for tick in (1, 2):
                it.speaker.offer(act(tick))
            await it.speaker.drained()
            assert it.outcomes() == {1: f"failed: {error}", 2: f"failed: {error}"}
            assert len(it.troubles) == 1
            it.tts.error = None
            it.speaker.offer(act(3))
            await it.speaker.drained()
            assert it.outcomes()[3] is None
            it.tts.error = error
            it.speaker.offer(act(4))
            await it.speaker.drained()
            assert len(it.troubles) == 2

    run_virtual(main())


def test_a_hanging_voice_is_given_up() -> None:
    async def main() -> None:
        async with stage(ToneSpeech(delay=3600)) as it:
            it.speaker.offer(act(1))
            await it.speaker.drained()
            assert "no sound within" in str(it.outcomes()[1])
            assert it.clock.now() < 10

    run_virtual(main())


def test_a_track_that_takes_nothing_is_given_up() -> None:
    async def main() -> None:
        async with stage() as it:
            it.track.stalled = True
            it.speaker.offer(act(1))
            await it.speaker.drained()
            assert "takes no sound" in str(it.outcomes()[1])
            it.track.stalled = False
            it.speaker.offer(act(2))
            await it.speaker.drained()
            assert it.outcomes()[2] is None

    run_virtual(main())


def test_ending_the_task_closes_everything_and_reports_it() -> None:
    async def main() -> None:
        async with stage(ToneSpeech(delay=0.5)) as it:
            it.speaker.offer(act(1))
            it.speaker.offer(act(2))
            await asyncio.sleep(0.1)
        assert it.outcomes() == {1: "closed", 2: "closed"}

    run_virtual(main())


def test_text_without_words_is_dropped_with_a_reason() -> None:
    async def main() -> None:
        async with stage(ToneSpeech(seconds=0.0)) as it:
            it.speaker.offer(act(1, "!"))
            await it.speaker.drained()
            assert it.outcomes() == {1: "nothing to say"}

    run_virtual(main())
