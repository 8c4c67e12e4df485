import io

import pytest
from rich.console import Console

from bot.timeline import Timeline, clock_time
from joyvl_core.events import ChatEvent, DeliveryEvent, InstructionEvent, StatusEvent, TicketEvent, TickEvent
from joyvl_core.observation import TicketState, Trigger

AT = {"wall": 1.0, "t": 14.8}


def tick(**fields):
    usual = {"n": 1, "triggers": (Trigger.INTERVAL,), "action": "silence", "decided": "silence", "latency_ms": 12.4}
    return TickEvent(**AT, **{**usual, **fields})


def shown(*events):
    """What the timeline prints: acts, and statuses."""
    acts, statuses = io.StringIO(), io.StringIO()
    timeline = Timeline(Console(file=acts, width=60), Console(file=statuses, width=60))
    for event in events:
        timeline.show(event)
    timeline.finish()
    return acts.getvalue(), statuses.getvalue()


@pytest.mark.parametrize(("t", "words"), [(0, "0:00.0"), (14.84, "0:14.8"), (3_723.0, "1:02:03.0"), (-1, "0:00.0")])
def test_time_is_shown_as_people_read_it(t, words):
    assert clock_time(t) == words


def test_silence_is_a_dot_and_speech_a_line_with_time_trigger_and_latency():
    acts, _ = shown(tick(), tick(), tick(action="speak", decided="speak", text="A red car."), tick())
    dots, speech, rest = acts.splitlines()
    assert (dots, rest) == ("··", "·")
    assert all(part in speech for part in ("0:14.8", "speak", "A red car.", "[interval, 12 ms]"))


def test_dots_break_into_lines():
    acts, _ = shown(*[tick() for _ in range(130)])
    assert [len(line) for line in acts.splitlines()] == [60, 60, 10]


def test_a_gated_act_says_which_gate():
    acts, _ = shown(tick(decided="speak", gate="rate", text="Hello."))
    assert "gated (rate)" in acts
    assert "Hello." in acts


def test_a_delegation_shows_the_note_and_the_question():
    acts, _ = shown(
        tick(action="delegate", decided="delegate", text="Wait.", note="Wait.", question="Who?", ticket="d1"),
        TicketEvent(**AT, id="d1", state=TicketState.DONE, question="Who?", digest="Ann."),
    )
    assert "Wait. → Who?" in acts
    assert "done: Ann." in acts


def test_chat_instructions_and_drops_have_their_lines_and_statuses_go_elsewhere():
    acts, statuses = shown(
        ChatEvent(**AT, id="c1", author="ann", text="how many?", addressed=True),
        InstructionEvent(**AT, id="i1", state="added", text="count", author=""),
        DeliveryEvent(**AT, tick=1, sink="voice"),
        DeliveryEvent(**AT, tick=1, sink="voice", dropped="stale"),
        StatusEvent(**AT, state="model.failing", reason="no weights", remedy="Get some."),
        StatusEvent(**AT, state="room.people", reason="ann"),
    )
    assert [line.split(maxsplit=1)[1] for line in acts.splitlines()] == [
        "chat       ann: how many?",
        "i1         added: count",
        "voice      dropped: stale",
    ]
    assert statuses.splitlines() == ["  0:14.8  model.failing no weights → Get some."]


@pytest.mark.parametrize("text", ["[bold]x[/nothing]", "\x1b[2J\x07wiped", "two\nlines", "\ud800"])
def test_what_people_write_can_neither_break_nor_command_the_terminal(text):
    acts, _ = shown(ChatEvent(**AT, id="c1", author="ann", text=text, addressed=True))
    assert len(acts.splitlines()) == 1
    assert "\x1b" not in acts
    acts.encode("utf-8")
