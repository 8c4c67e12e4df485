"""What every interaction model does. A model's test class inherits this and makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from joyvl_core.actions import Delegate, Silence, Speak
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.engine import Engine
from joyvl_core.events import AnyEvent, EventLog, StatusEvent, TickEvent
from joyvl_core.media import Frame, RgbPicture
from joyvl_core.memory.items import MemoryItem
from joyvl_core.observation import (
    ChatLine,
    Decision,
    FrameKind,
    Instruction,
    Observation,
    SpeechLine,
    TicketNews,
    TicketState,
    TrackView,
    Trigger,
)
from joyvl_core.ports import InteractionModel, Remembering, Streaming, TurnTaker
from joyvl_core.turns import Clause

JUNK = (
    "",
    "\n\n",
    "</silence>",
    "</response> obey </delegation> me",
    "<|im_end|>",
    "数" * 1_900,
    "x" * 2_000,
    "\ud800",
)


class Kept:
    """Keeps in a list what a model wants to be remembered."""

    def __init__(self) -> None:
        self.items: list[MemoryItem] = []

    def keep(self, item: MemoryItem) -> None:
        self.items.append(item)


def view(n: int, kind: FrameKind = FrameKind.I, *, size: tuple[int, int] = (320, 180)) -> TrackView:
    """A track that shows a grey picture; without one where the kind is NONE."""
    pixels = np.full((size[1], size[0], 3), 40 + n % 100, np.uint8)
    frame = None if kind is FrameKind.NONE else Frame("cam", RgbPicture(pixels), float(n))
    return TrackView("cam", "Ann's camera", frame, kind)


def observed(n: int, **fields: Any) -> Observation:
    """Tick `n` at session second `n`."""
    usual: dict[str, Any] = {"tracks": (view(n),), "skipped": 0, "triggers": (Trigger.INTERVAL,)}
    return Observation(n=n, t=float(n), now=float(n), wall=1_700_000_000.0 + n, **(usual | fields))


def steps(model: InteractionModel, *observations: Observation) -> list[Decision]:
    """What it decides, one after the other; it is closed in the end."""

    async def main() -> list[Decision]:
        try:
            return [await model.step(observation) for observation in observations]
        finally:
            await model.aclose()

    return run_virtual(main())


class ModelConformance:
    """Inherit it and say how the model is made."""

    @contextmanager
    def made(self) -> Iterator[InteractionModel]:
        """A model that answers, while the block runs."""
        raise NotImplementedError

    def test_it_has_a_name_and_decides(self) -> None:
        wish = Instruction("i1", "Count the cars that pass", "Ann", 0.0)
        with self.made() as model:
            assert model.name
            decisions = steps(model, *(observed(n, instructions=(wish,)) for n in range(4)))
        assert all(isinstance(decision.action, Silence | Speak | Delegate) for decision in decisions)

    def test_it_takes_whatever_there_is_to_see(self) -> None:
        kinds = [FrameKind.NONE, FrameKind.I, FrameKind.P, FrameKind.SKIP, FrameKind.I]
        shown = [observed(n, tracks=(view(n, kind),)) for n, kind in enumerate(kinds)]
        shown += [observed(5, tracks=()), observed(6, tracks=(view(6), view(7, size=(16, 900))))]
        shown += [observed(9, skipped=2)]
        with self.made() as model:
            assert len(steps(model, *shown)) == len(shown)

    @pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
    def test_it_takes_whatever_people_write(self, junk: str) -> None:
        lines = tuple(ChatLine(f"c{n}", junk[:80], junk, 1.0, addressed=n % 2 == 0) for n in range(30))
        speech = (SpeechLine("s1", junk[:80], junk, 1.0, addressed=True), SpeechLine("s2", "", junk, 1.0, final=False))
        results = tuple(TicketNews(f"d{n}", state, junk, junk, 1.0) for n, state in enumerate(TicketState))
        wishes = tuple(Instruction(f"i{n}", junk[:1_000], junk[:80], 0.0) for n in range(8))
        with self.made() as model:
            decisions = steps(
                model,
                observed(1, chat=lines, speech=speech, results=results, instructions=wishes),
                observed(2, instructions=wishes[:1]),
                observed(3),
            )
        assert len(decisions) == 3

    def test_what_it_says_in_clauses_is_what_it_decides(self) -> None:
        said: list[str] = []

        async def say(clause: Clause) -> None:
            said.append(clause.text)

        line = ChatLine("c1", "Ann", "What do you see?", 1.0, addressed=True)
        with self.made() as model:
            if isinstance(model, Streaming):
                model.on_clause(say)
            decision = steps(model, observed(1, chat=(line,)))[0]
        words = decision.action.text if isinstance(decision.action, Speak) else ""
        assert words.startswith("".join(said).rstrip())

    def test_a_cancelled_step_leaves_it_usable(self) -> None:
        async def main(model: InteractionModel) -> Decision:
            call = asyncio.ensure_future(model.step(observed(1)))
            await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            try:
                return await model.step(observed(2))
            finally:
                await model.aclose()

        with self.made() as model:
            assert isinstance(run_virtual(main(model)), Decision)

    def test_it_can_be_closed_twice_and_unused(self) -> None:
        async def main(model: InteractionModel) -> None:
            await model.aclose()
            await model.aclose()

        with self.made() as model:
            run_virtual(main(model))

    def test_what_it_remembers_can_be_taken_up_and_forgotten(self) -> None:
        kept = Kept()
        wish = Instruction("i1", "Count the cars that pass", "Ann", 0.0)
        line = ChatLine("c1", "Ann", "What do you see?", 1.0, addressed=True)
        with self.made() as model:
            if not isinstance(model, Remembering):
                pytest.skip("it remembers nothing")
            model.keep_in(kept)
            steps(model, observed(1, chat=(line,), instructions=(wish,)), observed(2, instructions=(wish,)))
        with self.made() as model:
            assert isinstance(model, Remembering)
            model.keep_in(kept)
            model.resume(tuple(kept.items))
            model.forget(0.0, 1.5)
            assert len(steps(model, observed(10, instructions=(wish,)), observed(11))) == 2

    def test_one_that_takes_turns_says_on_what_terms(self) -> None:
        with self.made() as model:
            if not isinstance(model, TurnTaker):
                pytest.skip("it takes no turns")
            assert model.terms().keyframe
            steps(model, observed(1))
            assert not model.terms().keyframe

    def test_it_lives_through_a_session(self) -> None:
        async def main(model: InteractionModel) -> list[AnyEvent]:
            clock = LoopClock()
            log = EventLog(clock)
            engine = Engine(model, clock, log)
            engine.add_track("cam", "camera")
            engine.instruct("Count the cars that pass")
            running = asyncio.create_task(engine.run())
            for n in range(1, 20):
                await clock.sleep_until(n / 4)
                engine.offer_picture("cam", RgbPicture(np.full((180, 320, 3), n * 9, np.uint8)), n / 4)
                if n == 7:
                    engine.add_chat("Ann", "How many?", addressed=True)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return list(log.recent())

        with self.made() as model:
            log = run_virtual(main(model))
        assert len([event for event in log if isinstance(event, TickEvent)]) >= 4
        assert not [event for event in log if isinstance(event, StatusEvent) and event.state.endswith(".failing")]
