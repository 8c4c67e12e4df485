"""Speech that starts before the answer ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.engine import Engine
from joyvl_core.errors import JoyVLError
from joyvl_core.events import ClauseEvent, TickEvent
from joyvl_core.observation import Decision, Observation
from joyvl_core.ports import Act
from joyvl_core.threads import in_thread
from tests.conformance.model import observed
from tests.models.chat_completions.sessions import ask, at, made, second_of, watch
from tests.stand_ins import ListSink
from tests.stand_ins.model_server import ModelServer, Reply, Seen

LONG = "</response> A red car passed just now, and a second one follows it. It is blue."


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as started:
        yield started


def once(second: int, reply: Any) -> Callable[[Seen], Any]:
    return lambda seen: reply if second_of(seen) == second else "</silence>"


def test_clauses_go_to_the_voice_and_the_whole_to_the_chat(server: ModelServer):
    voice, chat = ListSink("voice"), ListSink()
    server.script = once(1, Reply(LONG))
    log = watch(made(server), 3, sinks=[voice, chat])
    assert "".join(voice.texts) == LONG.removeprefix("</response> ")
    assert voice.texts == ["A red car passed just now, ", "and a second one follows it. ", "It is blue."]
    assert [act.more for act in voice.acts] == [True, True, False]
    assert chat.texts == [LONG.removeprefix("</response> ")]
    kinds = [type(event) for event in log.log if isinstance(event, ClauseEvent | TickEvent)]
    assert kinds == [TickEvent, ClauseEvent, ClauseEvent, TickEvent, TickEvent]


@dataclass
class HeldBack:
    """A reply of which the server gives ten words, and the rest once the first clause was heard."""

    text: str
    heard: threading.Event = field(default_factory=threading.Event)
    in_time: bool = True
    p_silence: float | None = None
    logprobs: dict[int, float] = field(default_factory=dict)
    delay: float = 0.0
    cut_after: int | None = None
    junk_after: int | None = None
    words: int = 0

    @property
    def pause(self) -> float:
        self.words += 1
        if self.words == 10:
            self.in_time = self.heard.wait(5)
        return 0.0


def test_the_first_clause_is_with_the_voice_before_the_answer_has_ended(server: ModelServer):
    reply = HeldBack(LONG)

    class Voice(ListSink):
        def offer(self, act: Act) -> None:
            super().offer(act)
            reply.heard.set()

    voice = Voice("voice")
    server.script = once(1, reply)
    watch(made(server), 3, sinks=[voice])
    assert reply.in_time
    assert voice.texts[0] == "A red car passed just now, "
    assert "".join(voice.texts) == LONG.removeprefix("</response> ")


def test_a_typed_question_is_answered_in_writing_and_as_a_whole(server: ModelServer):
    voice, chat = ListSink("voice"), ListSink()
    server.script = once(1, Reply(LONG))
    log = watch(made(server), 3, sinks=[voice, chat], during=at(1.1, ask("what passed?")))
    assert voice.texts == []
    assert chat.texts == [LONG.removeprefix("</response> ")]
    assert not [event for event in log.log if isinstance(event, ClauseEvent)]


def test_a_stream_that_breaks_after_a_clause_leaves_what_was_said(server: ModelServer):
    voice = ListSink("voice")
    server.script = once(1, Reply(LONG, cut_after=12))
    log = watch(made(server), 5, sinks=[voice])
    assert "".join(voice.texts).strip() == "A red car passed just now,"
    assert log.spoken == ["A red car passed just now,"]
    assert server.seen[-1].messages[-2]["content"] == "</silence>"
    assert any("A red car passed just now," in str(message["content"]) for message in server.seen[-1].messages)
    assert [status.state for status in log.statuses()] == ["model.hampered"]


def test_a_stream_that_breaks_before_a_clause_is_silence_and_a_status(server: ModelServer):
    voice = ListSink("voice")
    server.script = once(1, Reply(LONG, cut_after=3))
    log = watch(made(server), 5, sinks=[voice])
    assert voice.texts == []
    assert [status.state for status in log.statuses()] == ["model.failing", "model.recovered"]


def test_a_turn_that_is_cut_off_disconnects(server: ModelServer):
    asked = threading.Event()

    def script(seen: Seen) -> str | Reply:
        if second_of(seen) != 1:
            return "</silence>"
        asked.set()
        return Reply("</response> " + "word " * 500, pause=0.02)

    server.script = script
    model = made(server)
    step = model.step

    async def impatient(observation: Observation) -> Decision:
        call = asyncio.ensure_future(step(observation))
        if int(observation.t) == 1:
            await in_thread(asked.wait, 5)
            call.cancel()
        return await call

    model.step = impatient  # type: ignore[method-assign]
    log = watch(model, 3)
    for _ in range(200):
        if server.seen[1].dropped:
            break
        server.stopping.wait(0.01)
    assert server.seen[1].dropped
    assert second_of(server.seen[-1]) == 2
    assert len(log.ticks) >= 3


def test_the_rest_of_an_answer_that_is_over_is_not_waited_for(server: ModelServer):
    server.script = once(1, Reply("</response> A car.\n" + "And more words. " * 400, pause=0.005))
    log = watch(made(server), 3)
    assert log.spoken == ["A car."]
    assert server.seen[1].dropped


def test_who_is_muted_in_the_middle_says_no_more(server: ModelServer):
    class Voice(ListSink):
        def offer(self, act: Act) -> None:
            super().offer(act)
            engines[0].gates.muted = True

    engines: list[Engine] = []

    async def take(engine: Engine, clock: LoopClock) -> None:
        engines.append(engine)

    voice, chat = Voice("voice"), ListSink()
    server.script = once(1, Reply(LONG))
    log = watch(made(server), 3, sinks=[voice, chat], during=take)
    assert [act.text for act in voice.acts if act.text] == ["A red car passed just now, "]
    assert voice.acts[-1].more is False
    assert chat.texts == []
    assert [tick.gate for tick in log.ticks] == [None, "mute", None]


def test_closed_gates_hold_clauses_back(server: ModelServer):
    voice = ListSink("voice")
    server.script = once(1, Reply(LONG))

    async def mute(engine: Engine, clock: LoopClock) -> None:
        engine.gates.muted = True

    log = watch(made(server), 3, sinks=[voice], during=mute)
    assert voice.texts == []
    assert [tick.gate for tick in log.ticks] == [None, "mute", None]


def test_gigantic_answers_have_an_end(server: ModelServer):
    def script(seen: Seen) -> Reply:
        seen.body["max_tokens"] = 100_000
        return Reply("</response> " + "word, " * 30_000)

    server.script = script
    log = watch(made(server), 3)
    assert all(len(text) <= 2_000 for text in log.spoken)
    assert log.ticks[-1].t > 2


def test_closed_in_the_middle_of_an_answer_it_ends(server: ModelServer):
    asked = threading.Event()

    def script(seen: Seen) -> Reply:
        asked.set()
        return Reply("</response> " + "word " * 500, pause=0.02)

    async def main() -> BaseException | Decision:
        model = made(server, deadline=5.0)
        call = asyncio.ensure_future(model.step(observed(1)))
        await in_thread(asked.wait, 5)
        await model.aclose()
        return (await asyncio.gather(call, return_exceptions=True))[0]

    server.script = script
    assert isinstance(run_virtual(main()), JoyVLError | Decision)
