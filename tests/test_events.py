"""The log's schema is a contract: golden lines, one of each kind, and what is refused."""

import io
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.events import (
    AnyEvent,
    ChatEvent,
    ClauseEvent,
    DeliveryEvent,
    EventLog,
    InstructionEvent,
    SpeechEvent,
    StatusEvent,
    TicketEvent,
    TickEvent,
    TrackCost,
    encode,
    read_event,
)
from joyvl_core.observation import FrameKind, TicketState, Trigger

GOLDEN = Path(__file__).parent / "golden" / "log-v1.jsonl"

_AT = {"wall": 1_700_000_014.8, "t": 14.8}
EVENTS = [
    StatusEvent(**_AT, state="room.joined", reason="opened"),
    InstructionEvent(**_AT, id="i1", state="added", text="Count the cars that pass", author="operator"),
    StatusEvent(**_AT, state="understood", reason="I will count the vehicles that pass.", instruction="i1"),
    ChatEvent(**_AT, id="c1", author="ann", text="数到几了?", addressed=True),
    SpeechEvent(**_AT, id="s2", speaker="bob", text="hello", final=True),
    TickEvent(
        **_AT,
        n=14,
        triggers=(Trigger.INTERVAL,),
        action="silence",
        decided="silence",
        raw="</silence>",
        p_silence=0.97,
        latency_ms=12.5,
        tracks=(TrackCost(id="v0", frame=FrameKind.SKIP, tokens=0, age_ms=40.0),),
        frame=FrameKind.SKIP,
        tokens=0,
    ),
    TickEvent(
        **_AT,
        n=15,
        triggers=(Trigger.CHANGE, Trigger.CHAT),
        action="speak",
        decided="speak",
        text="2",
        raw="</response> 2",
        instruction="i1",
        reply_to="c1",
        latency_ms=31.0,
        tracks=(
            TrackCost(id="v0", frame=FrameKind.I, tokens=242, age_ms=40.0),
            TrackCost(id="v1", frame=FrameKind.P, tokens=18, age_ms=12.0),
        ),
        frame=FrameKind.I,
        tokens=260,
    ),
    TickEvent(
        **_AT,
        n=16,
        triggers=(Trigger.TIMER,),
        action="silence",
        decided="speak",
        gate="quiet",
        text="3",
        raw="</response> 3",
        latency_ms=2.0,
        tracks=(TrackCost(id="v0", frame=FrameKind.NONE, tokens=0),),
    ),
    TickEvent(
        **_AT,
        n=17,
        triggers=(Trigger.INTERVAL,),
        action="delegate",
        decided="delegate",
        text="Let me find out.",
        raw="</response> Let me find out. </delegation> Whose dog is it?",
        note="Let me find out.",
        question="Whose dog is it?",
        ticket="d1",
        latency_ms=8.0,
    ),
    ClauseEvent(**_AT, tick=18, text="Dear guests,"),
    TickEvent(
        **_AT,
        n=18,
        triggers=(Trigger.OPERATOR,),
        action="speak",
        decided="speak",
        text="Dear guests, we begin.",
        latency_ms=0.0,
    ),
    DeliveryEvent(**_AT, tick=15, sink="voice"),
    DeliveryEvent(**_AT, tick=16, sink="chat", dropped="stale"),
    TicketEvent(**_AT, id="d1", state=TicketState.DONE, question="Whose dog is it?", digest="Ann's."),
    TicketEvent(
        **_AT,
        id="d2",
        state=TicketState.DONE,
        question="What does it eat?",
        digest="Bread, and …",
        full="Bread, and butter.",
        spent_tokens=1_240,
        cost=0.0031,
    ),
]


def test_the_golden_log_is_written_byte_for_byte():
    assert "".join(encode(event) + "\n" for event in EVENTS) == GOLDEN.read_text(encoding="utf-8")


def test_the_golden_log_has_one_of_each_kind_and_the_docs_tell_of_each():
    models = get_args(get_args(AnyEvent)[0])
    assert {type(event) for event in EVENTS} == set(models)
    docs = (Path(__file__).parents[1] / "docs" / "log.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in docs.splitlines() if line.startswith("| `")}
    for model in models:
        row = rows[model.model_fields["kind"].default]
        fields = set(model.model_fields) - {"v", "kind", "wall", "t"}
        assert [name for name in sorted(fields) if f"`{name}`" not in row] == [], model
    assert [trigger for trigger in Trigger if trigger not in rows["tick"]] == []


def test_the_golden_log_is_read_back():
    assert [read_event(line) for line in GOLDEN.open(encoding="utf-8")] == EVENTS


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        '{"v":2,"kind":"status","wall":1,"t":1,"state":"a","reason":"b"}',
        '{"v":1,"kind":"tick"}',
        "[]",
        "null",
    ],
)
def test_what_is_no_event_is_refused(line):
    with pytest.raises(ValidationError):
        read_event(line)


@given(st.binary())
def test_any_bytes_are_an_event_or_refused(line):
    with pytest.raises(ValidationError):
        read_event(line)


@given(st.text(max_size=300), st.floats(0, 1e6))
def test_any_chat_survives_the_wire(text, t):
    event = ChatEvent(wall=1.0, t=round(t, 4), id="c1", author="ann", text=text, addressed=False)
    if text.isprintable():
        line = encode(event)
        assert "\n" not in line
        assert read_event(line) == event


def test_a_log_that_cannot_be_written_says_so_once_and_goes_on():
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    async def main():
        log = EventLog(LoopClock())
        log.to_stream(Full())
        log.status("a", "b")
        log.status("c", "d")
        return [event.state for event in log.recent()]

    assert run_virtual(main()) == ["a", "log.failed", "c"]


def test_a_stream_that_fails_is_told_to_the_others_after_the_line_it_failed_at():
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    async def main():
        log, whole = EventLog(LoopClock()), io.StringIO()
        log.to_stream(Full())
        log.to_stream(whole)
        log.status("a", "b")
        return [read_event(line).state for line in whole.getvalue().splitlines()]

    assert run_virtual(main()) == ["a", "log.failed"]


def test_a_listener_that_raises_is_reported_once_and_the_others_hear_everything_in_order():
    heard = []

    async def main():
        log = EventLog(LoopClock())

        def broken(event):
            raise RuntimeError("no paper")

        def echo(event):
            if event.state == "a":
                log.status("echo", "of a")

        for listener in (broken, echo, lambda event: heard.append(event.state)):
            log.subscribe(listener)
        log.status("a", "")
        log.status("b", "")
        return [event.state for event in log.recent()]

    logged = run_virtual(main())
    assert logged == heard
    assert [state for state in logged if state != "log.unheard"] == ["a", "echo", "b"]
    assert logged.count("log.unheard") == 1


@given(st.text(st.characters(), max_size=100))
def test_any_text_at_all_is_one_line_that_a_file_takes(text):
    line = encode(ChatEvent(wall=1.0, t=1.0, id="c1", author=text, text=text, addressed=False))
    assert len(line.splitlines()) == 1
    assert read_event(line.encode("utf-8")).kind == "chat"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_know_are_refused(number):
    with pytest.raises(ValidationError):
        read_event(f'{{"v":1,"kind":"status","wall":1,"t":{number},"state":"a","reason":"b"}}')
