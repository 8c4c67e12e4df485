from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from joyvl_core.acts.utterance import Utterance
from joyvl_core.acts.voice import Speaker, VoicePolicy
from joyvl_core.acts.waiting import Waiting
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.ports import Act
from tests.stand_ins.voice import TapeTrack, ToneSpeech

WAITING = 3

offers = st.tuples(
    st.just("offer"),
    st.integers(0, 2),  # priority
    st.sampled_from(["", "", "a", "b"]),  # replace
    st.sampled_from([0.1, 0.7, 3.0, float("inf")]),  # time to live
)
moves = st.one_of(offers, st.tuples(st.sampled_from(["duck", "resume", "stop"])))
scripts = st.lists(st.tuples(st.sampled_from([0.0, 0.05, 0.3, 1.1]), moves), max_size=30)


class OneAtATime(ToneSpeech):
    most = 0

    def speak(self, text: str, language: str) -> Any:
        self.most = max(self.most, self.running + 1)
        return super().speak(text, language)


@settings(max_examples=150, deadline=None)
@given(scripts, st.sampled_from([0.0, 0.2]), st.sampled_from([0.1, 0.9]))
def test_whatever_is_offered_every_act_has_one_outcome_and_what_sounds_is_fresh_and_alone(
    script: list[tuple[float, Any]], delay: float, seconds: float
) -> None:
    async def main() -> None:
        clock, track, tts = LoopClock(), TapeTrack(), OneAtATime(seconds=seconds, delay=delay)
        outcomes: dict[int, list[str | None]] = {}
        acts: dict[int, Act] = {}
        begun: dict[int, float] = {}

        def deliver(tick: int, sink: str, dropped: str | None) -> None:
            outcomes.setdefault(tick, []).append(dropped)
            if dropped is None:
                begun[tick] = clock.now()

        speaker = Speaker(tts, track, clock, deliver, policy=VoicePolicy(waiting=WAITING))
        task = asyncio.create_task(speaker.run())
        for tick, (wait, move) in enumerate(script, start=1):
            await asyncio.sleep(wait)
            if move[0] == "offer":
                _, priority, replace, alive = move
                acts[tick] = Act(
                    tick, clock.now(), f"{tick}", priority=priority, replace=replace, expires=clock.now() + alive
                )
                speaker.offer(acts[tick])
            else:
                getattr(speaker, move[0])()
        speaker.resume()
        await speaker.drained()
        assert not speaker.speaking
        task.cancel()
        await asyncio.wait([task])

        assert {tick: len(each) for tick, each in outcomes.items()} == dict.fromkeys(acts, 1)
        heard = {value for _, _, value in track.spans()}
        assert heard <= set(begun)
        assert all(begun[tick] <= acts[tick].expires for tick in begun)
        assert tts.most <= 1
        order = [value for _, _, value in track.spans()]
        once = [value for at, value in enumerate(order) if at == 0 or order[at - 1] != value]
        assert len(once) == len(set(once)), "an utterance that has given way does not come back"

    run_virtual(main())


acts = st.builds(
    Act,
    tick=st.integers(0, 9),
    t=st.just(0.0),
    text=st.just("x"),
    priority=st.integers(0, 2),
    replace=st.sampled_from(["", "a", "b"]),
    expires=st.floats(0, 10),
)


@settings(deadline=None)
@given(st.lists(acts, max_size=40), st.integers(1, 5))
def test_what_waits_is_bounded_and_nothing_is_lost(arriving: list[Act], room: int) -> None:
    waiting = Waiting(room)
    gone = 0
    for act in arriving:
        gone += len(waiting.add(Utterance(act)))
        assert len(waiting) <= room
    taken: list[Act] = []
    while len(waiting):
        utterance, stale = waiting.take(5.0)
        gone += len(stale)
        if utterance is not None:
            assert utterance.act.expires >= 5.0
            taken.append(utterance.act)
    assert [act.priority for act in taken] == sorted((act.priority for act in taken), reverse=True)
    keys = [act.replace for act in taken if act.replace]
    assert len(keys) == len(set(keys))
    assert gone + len(taken) == len(arriving)
