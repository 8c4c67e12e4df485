"""An utterance whose text is still being made while it is said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joyvl_core.actions import Speak
from joyvl_core.acts.clauses import clauses
from joyvl_core.acts.utterance import LONGEST
from joyvl_core.acts.voice import Speaker, VoicePolicy
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.engine import Engine
from joyvl_core.errors import UnavailableError
from joyvl_core.events import EventLog
from joyvl_core.observation import Decision, Observation
from joyvl_core.ports import Act
from joyvl_core.turns import Clause
from tests.acts.test_voice import Stage, act, stage
from tests.stand_ins import ListSink, ScriptedModel
from tests.stand_ins.voice import TapeTrack, ToneSpeech


def part(tick: int, text: str, **more: Any) -> Act:
    return Act(tick=tick, t=0.0, text=text, more=True, **more)


def test_the_parts_of_a_tick_are_one_utterance_with_one_delivery_and_one_growing_caption() -> None:
    async def main() -> None:
        async with stage(ToneSpeech(delay=0.05)) as it:
            it.speaker.offer(part(7, "Somebody came in 1, "))
            await asyncio.sleep(0.3)
            it.speaker.offer(part(7, "and went to the table 2. "))
            await asyncio.sleep(0.3)
            it.speaker.offer(act(7, "Now there are 3."))
            await it.speaker.drained()
            assert it.deliveries == [(pytest.approx(0.05), 7, None)]
            assert [(caption.segment, caption.text, caption.final) for caption in it.captions] == [
                ("tick-7", "Somebody came in 1,", False),
                ("tick-7", "Somebody came in 1, and went to the table 2.", False),
                ("tick-7", "Somebody came in 1, and went to the table 2. Now there are 3.", False),
                ("tick-7", "Somebody came in 1, and went to the table 2. Now there are 3.", True),
            ]
            assert [on for _, on in it.speaking] == [True, False]
            (_, end1, one), (start2, end2, two), (start3, _, three) = it.track.spans()
            assert (one, two, three) == (1, 2, 3)
            policy = VoicePolicy()
            assert start2 - end1 == pytest.approx(policy.breath, abs=0.06)
            assert start3 - end2 == pytest.approx(policy.pause, abs=0.06)

    run_virtual(main())


def test_it_sounds_just_as_the_whole_text_does() -> None:
    whole = "Somebody came in 1, and went to the table 2. Now there are 3."

    async def heard(*acts: Act) -> tuple[list[str], int]:
        async with stage() as it:
            for each in acts:
                it.speaker.offer(each)
            await it.speaker.drained()
            return it.tts.spoken, len(it.track.heard())

    first, *middle, last = clauses(whole)
    parts = [part(1, first), *(part(1, piece) for piece in middle), act(1, last)]
    assert run_virtual(heard(*parts)) == run_virtual(heard(act(1, whole)))


def test_an_empty_last_part_only_closes() -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.offer(part(1, "One car went by."))
            await asyncio.sleep(1.5)
            assert it.speaker.speaking
            it.speaker.offer(Act(1, 0.0, ""))
            it.speaker.offer(act(2))
            await it.speaker.drained()
            assert it.outcomes() == {1: None, 2: None}
            assert it.track.spans()[1][0] == pytest.approx(1.5, abs=0.05)

    run_virtual(main())


def test_without_the_rest_it_ends_with_what_it_has_and_what_comes_too_late_is_not_said() -> None:
    async def main() -> None:
        async with stage(policy=VoicePolicy(patience=2.0)) as it:
            it.speaker.offer(part(1, "One car went by, "))
            it.speaker.offer(act(2))
            await it.speaker.drained()
            assert it.captions[0].text == "One car went by,"
            assert it.captions[1].final
            assert it.track.spans()[1][0] == pytest.approx(3.0, abs=0.3)
            it.speaker.offer(part(1, "and another 4."))
            it.speaker.offer(act(1, "and a third 5."))
            await it.speaker.drained()
            assert it.deliveries[-1][1:] == (2, None)
            assert [value for _, _, value in it.track.spans()] == [1, 2]

    run_virtual(main())


def test_it_must_be_fresh_when_it_begins_and_no_longer_later() -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.offer(part(1, "One car went by 1, ", expires=0.5))
            await asyncio.sleep(2.0)
            it.speaker.offer(act(1, "and another 2.", expires=0.6))
            await it.speaker.drained()
            assert [value for _, _, value in it.track.spans()] == [1, 2]

            it.speaker.duck()
            it.speaker.offer(part(3, "Look 3, ", expires=it.clock.now() + 0.5))
            await asyncio.sleep(1.0)
            it.speaker.resume()
            await asyncio.sleep(0.1)
            it.speaker.offer(act(3, "there is a car 4."))
            await it.speaker.drained()
            assert it.outcomes() == {1: None, 3: "stale"}
            assert len(it.deliveries) == 2

    run_virtual(main())


def higher(it: Stage) -> None:
    it.speaker.offer(act(9, priority=1))


def same_key(it: Stage) -> None:
    it.speaker.offer(act(9, replace="count"))


def stop(it: Stage) -> None:
    it.speaker.stop()


@pytest.mark.parametrize("cut", [higher, same_key, stop])
@pytest.mark.parametrize("at", [0.4, 1.6])
def test_what_cuts_it_off_drops_the_parts_to_come_silently(cut: Callable[[Stage], None], at: float) -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.offer(part(1, "One car went by 1, ", replace="count"))
            await asyncio.sleep(at)
            cut(it)
            it.speaker.offer(part(1, "and another 2, ", replace="count"))
            await asyncio.sleep(0.3)
            it.speaker.offer(act(1, "and a third 3.", replace="count"))
            await it.speaker.drained()
            assert set(it.outcomes()) <= {1, 9}
            assert len(it.deliveries) == len(it.outcomes())
            assert {value for _, _, value in it.track.spans()} <= {1, 9}
            assert it.captions[-1].final

    run_virtual(main())


def test_parts_that_wait_are_one_act_that_waits_and_nothing_comes_between_them() -> None:
    async def main() -> None:
        async with stage(policy=VoicePolicy(waiting=2)) as it:
            it.speaker.offer(act(1))
            await asyncio.sleep(0.1)
            it.speaker.offer(part(2, "There is number 2, "))
            it.speaker.offer(act(3))
            it.speaker.offer(part(2, "and there is number 4, "))
            it.speaker.offer(act(2, "and there is number 5."))
            await it.speaker.drained()
            assert it.outcomes() == {1: None, 2: None, 3: None}
            assert [value for _, _, value in it.track.spans()] == [1, 2, 4, 5, 3]

    run_virtual(main())


def test_a_surplus_one_takes_its_parts_to_come_along() -> None:
    async def main() -> None:
        async with stage(policy=VoicePolicy(waiting=1)) as it:
            it.speaker.offer(act(1))
            await asyncio.sleep(0.1)
            it.speaker.offer(part(2, "There is number 2, "))
            it.speaker.offer(act(3))
            it.speaker.offer(act(2, "and there is number 4."))
            await it.speaker.drained()
            assert it.outcomes() == {1: None, 2: "surplus", 3: None}
            assert len(it.deliveries) == 3

    run_virtual(main())


def test_ducked_it_keeps_what_comes_and_goes_on_after_resuming() -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.offer(part(1, "One car went by 1, "))
            await asyncio.sleep(0.4)
            it.speaker.duck()
            it.speaker.offer(act(1, "and another 2."))
            await asyncio.sleep(8.0)
            it.speaker.resume()
            await it.speaker.drained()
            assert [value for _, _, value in it.track.spans()] == [1, 1, 2]

    run_virtual(main())


def test_a_voice_that_fails_in_the_middle_drops_the_rest() -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.offer(part(1, "One car went by 1, "))
            await asyncio.sleep(0.4)
            it.tts.error = UnavailableError("no program", source="v", kind="k")
            it.speaker.offer(part(1, "and another 2, "))
            await asyncio.sleep(2.0)
            it.tts.error = None
            it.speaker.offer(act(1, "and a third 3."))
            await it.speaker.drained()
            assert it.deliveries == [(pytest.approx(0.0), 1, None)]
            assert len(it.troubles) == 1
            assert [value for _, _, value in it.track.spans()] == [1]

    run_virtual(main())


def test_ending_the_task_ends_the_wait_for_the_rest() -> None:
    async def main() -> None:
        async with stage() as it:
            it.speaker.offer(part(1, "One car went by 1, "))
            it.speaker.offer(part(2, "A bus 2, "))
            await asyncio.sleep(1.5)
        assert it.outcomes() == {1: None, 2: "closed"}
        assert it.clock.now() == pytest.approx(1.5)

    run_virtual(main())


def test_one_without_end_is_bounded() -> None:
    async def main() -> None:
        async with stage(ToneSpeech(seconds=0.0)) as it:
            for _ in range(1_000):
                it.speaker.offer(part(1, "and so on, and so on, "))
            await it.speaker.drained()
            assert sum(map(len, it.tts.spoken)) == LONGEST

    run_virtual(main())


def test_the_first_clause_is_heard_long_before_the_last_word_is_known() -> None:
    text = "I count twelve cars so far, and the last one was a red one that went from left to right."
    words = text.split()

    async def first_sound(streamed: bool) -> float:
        async with stage(ToneSpeech(delay=0.05)) as it:
            said = 0
            for count in range(1, len(words) + 1):
                await asyncio.sleep(0.1)
                so_far = " ".join(words[:count])
                for piece in clauses(so_far[said:])[:-1] if streamed else []:
                    said += len(piece)
                    it.speaker.offer(part(1, piece))
            it.speaker.offer(act(1, text[said:]))
            await it.speaker.drained()
            return it.deliveries[0][0]

    assert run_virtual(first_sound(streamed=True)) == pytest.approx(0.75)
    assert run_virtual(first_sound(streamed=False)) == pytest.approx(2.05)


class Writing(ScriptedModel):
    """A model that says its answer clause by clause, one every 0.4 s."""

    def on_clause(self, say: Callable[[Clause], Awaitable[None]]) -> None:
        self._tell = say

    async def step(self, observation: Observation) -> Decision:
        if observation.n != 1:
            return Decision()
        text = "Somebody came in 1, and went to the table 2. Now there are 3."
        for piece in clauses(text)[:-1]:
            await asyncio.sleep(0.4)
            await self._tell(Clause(piece))
        await asyncio.sleep(0.4)
        return Decision(Speak(text))


def test_through_the_engine_a_streamed_answer_is_one_utterance_in_the_voice_and_one_line_in_the_chat() -> None:
    async def main() -> None:
        async with stage(ToneSpeech(seconds=0.3)) as it:
            log, chat = EventLog(it.clock), ListSink("chat")
            engine = Engine(Writing(), it.clock, log, sinks=[it.speaker, chat])
            running = asyncio.create_task(engine.run())
            await it.clock.sleep_until(4.0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert it.deliveries == [(pytest.approx(1.4), 1, None)]
            assert [value for _, _, value in it.track.spans()] == [1, 2, 3]
            assert it.captions[-1].text == chat.texts[0]
            assert len(chat.texts) == 1

    run_virtual(main())


moves = st.one_of(
    st.tuples(st.just("offer"), st.integers(0, 1), st.sampled_from(["", "a"]), st.booleans()),
    st.tuples(st.just("go on"), st.booleans()),
    st.tuples(st.sampled_from(["duck", "resume", "stop"])),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.05, 0.4, 1.3, 6.0]), moves), max_size=30))
def test_whatever_comes_in_parts_every_tick_has_one_outcome_and_is_said_without_a_gap_for_others(
    script: list[tuple[float, Any]],
) -> None:
    async def main() -> None:
        clock, track = LoopClock(), TapeTrack()
        outcomes: dict[int, list[str | None]] = {}
        speaker = Speaker(
            ToneSpeech(seconds=0.5),
            track,
            clock,
            lambda tick, sink, dropped: outcomes.setdefault(tick, []).append(dropped),
            policy=VoicePolicy(waiting=2),
        )
        task = asyncio.create_task(speaker.run())
        tick, open_to_more, offered = 0, False, set()
        for wait, (move, *how) in script:
            await asyncio.sleep(wait)
            if move == "offer":
                tick += 1
                offered.add(tick)
                priority, replace, open_to_more = how
                text = f"This is number {tick}, "
                speaker.offer(Act(tick, clock.now(), text, priority=priority, replace=replace, more=open_to_more))
            elif move == "go on":
                if open_to_more:
                    open_to_more = how[0]
                    speaker.offer(Act(tick, clock.now(), f"and number {tick}, ", more=open_to_more))
            else:
                getattr(speaker, move)()
        speaker.resume()
        await speaker.drained()
        task.cancel()
        await asyncio.wait([task])

        assert {tick: len(each) for tick, each in outcomes.items()} == dict.fromkeys(offered, 1)
        order = [value for _, _, value in track.spans()]
        once = [value for at, value in enumerate(order) if at == 0 or order[at - 1] != value]
        assert len(once) == len(set(once))

    run_virtual(main())
