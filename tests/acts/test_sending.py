"""From decisions, and from their first clauses, to the sinks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from joyvl_core.actions import Delegate, Silence, Speak
from joyvl_core.acts.gates import Gates, GateSettings
from joyvl_core.acts.sending import Sending
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.events import ClauseEvent, EventLog
from joyvl_core.observation import Decision, Observation
from joyvl_core.ports import Act
from joyvl_core.turns import Clause
from tests.stand_ins import ListSink

SEEN = Observation(n=7, t=1.0, now=1.0, wall=1_700_000_000.0, triggers=(), skipped=0, tracks=())
Does = Callable[[Sending, Gates], Coroutine[Any, Any, Any]]


class Broken:
    """A sink that takes nothing."""

    name = "broken"

    def offer(self, act: Act) -> None:
        raise RuntimeError("unplugged")


def sent(does: Does, *sinks: Any, gates: GateSettings | None = None) -> tuple[Any, EventLog, list[Exception]]:
    """What `does` returns, the log, and what went wrong with sinks."""
    troubles: list[Exception] = []

    async def main() -> tuple[Any, EventLog]:
        clock = LoopClock()
        log, closing = EventLog(clock), Gates(gates)
        sending = Sending(closing, sinks, clock, log, ttl=6.0, failed=troubles.append)
        sending.begin()
        return await does(sending, closing), log

    result, log = run_virtual(main())
    return result, log, troubles


async def early(sending: Sending, *texts: str, reply_to: str | None = None, p_silence: float | None = None) -> None:
    for text in texts:
        await sending.say_early(SEEN, Clause(text, reply_to, p_silence=p_silence))


def test_a_whole_act_goes_to_every_sink_and_one_that_fails_keeps_no_other_from_it():
    voice, chat = ListSink("voice"), ListSink()

    async def does(sending: Sending, gates: Gates) -> None:
        sending.send(SEEN, Decision(Speak("A car.")), "A car.")

    _, _, troubles = sent(does, Broken(), voice, chat)
    assert voice.texts == chat.texts == ["A car."]
    assert [str(error) for error in troubles] == ["unplugged"]
    assert (voice.acts[0].expires, voice.acts[0].language, voice.acts[0].more) == (6.0, "en", False)


def test_clauses_go_to_the_voice_alone_and_the_rest_follows_them():
    voice, chat = ListSink("voice"), ListSink()

    async def does(sending: Sending, gates: Gates) -> None:
        await early(sending, "A car came, ", "it was red, ")
        decision = Decision(Speak("A car came, it was red, and big."))
        assert sending.gate(SEEN, decision) is None
        sending.send(SEEN, decision, "A car came, it was red, and big.")

    _, log, _ = sent(does, voice, chat)
    assert voice.texts == ["A car came, ", "it was red, ", "and big."]
    assert [act.more for act in voice.acts] == [True, True, False]
    assert chat.texts == ["A car came, it was red, and big."]
    assert [event.text for event in log.recent() if isinstance(event, ClauseEvent)] == ["A car came, ", "it was red, "]


@pytest.mark.parametrize("whole", ["Something else.", "A car"])
def test_where_the_whole_turned_out_differently_what_was_said_stands(whole: str):
    voice, chat = ListSink("voice"), ListSink()

    async def does(sending: Sending, gates: Gates) -> None:
        await early(sending, "A car came, ")
        sending.send(SEEN, Decision(Speak(whole)), whole)

    sent(does, voice, chat)
    assert voice.texts == ["A car came, ", ""]
    assert voice.acts[-1].more is False
    assert chat.texts == [whole]


def test_an_utterance_that_was_begun_is_ended_though_nothing_follows():
    voice, chat = ListSink("voice"), ListSink()

    async def does(sending: Sending, gates: Gates) -> None:
        await early(sending, "A car came, ")
        sending.send(SEEN, Decision(Silence()), "")

    sent(does, voice, chat)
    assert [(act.text, act.more) for act in voice.acts] == [("A car came, ", True), ("", False)]
    assert chat.acts == []


def test_a_reply_to_a_typed_line_is_written_only():
    voice, chat = ListSink("voice"), ListSink()

    async def does(sending: Sending, gates: Gates) -> None:
        await early(sending, "Two cars, ", reply_to="c1")
        sending.send(SEEN, Decision(Speak("Two cars, I think."), reply_to="c1"), "Two cars, I think.")

    sent(does, voice, chat)
    assert voice.acts == []
    assert chat.texts == ["Two cars, I think."]


def test_closed_gates_close_on_clauses_and_on_the_whole_alike():
    voice = ListSink("voice")

    async def does(sending: Sending, gates: Gates) -> Any:
        await early(sending, "A car came, ", p_silence=0.9)
        return sending.gate(SEEN, Decision(Speak("A car came, it was red."), p_silence=0.9)), sending.said

    assert sent(does, voice, gates=GateSettings(threshold=0.5))[0] == ("threshold", "")
    assert voice.acts == []


def test_mute_in_the_middle_ends_it():
    voice = ListSink("voice")

    async def does(sending: Sending, gates: Gates) -> Any:
        await early(sending, "A car came, ")
        gates.muted = True
        await early(sending, "it was red, ")
        return sending.gate(SEEN, Decision(Delegate("A car came, it was red.", "whose?")))

    assert sent(does, voice)[0] == "mute"
    assert voice.texts == ["A car came, "]


def test_without_a_voice_clauses_wait_for_the_whole():
    chat = ListSink()

    async def does(sending: Sending, gates: Gates) -> Any:
        await early(sending, "A car came, ")
        return sending.said

    assert sent(does, chat)[0] == ""
    assert chat.acts == []


def test_a_new_tick_has_said_nothing_yet():
    async def does(sending: Sending, gates: Gates) -> Any:
        await early(sending, "A car came, ")
        said = sending.said
        sending.begin()
        return said, sending.said, sending.gate(SEEN, Decision())

    assert sent(does, ListSink("voice"))[0] == ("A car came, ", "", None)
