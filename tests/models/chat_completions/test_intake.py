"""What people write in the chat becomes, changes and ends standing wishes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from joyvl_core.memory.tiers import MemorySettings
from joyvl_core.models.embedded.understanding import Understanding
from tests.models.chat_completions.sessions import Watched, ask, at, made, plain, second_of, watch
from tests.stand_ins.model_server import ModelServer

HEADER = "[User Query (IMPORTANT - follow this instruction)]\n"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as started:
        yield started


def talk(server: ModelServer, seconds: float, *lines: tuple[float, str], **more: Any) -> Watched:
    model = made(server, understanding=Understanding(), **more)
    said = [(t, ask(text)) for t, text in lines]
    return watch(model, seconds, instructions=(), during=at(*said[0], *said[1:]))


def wishes(log: Watched) -> list[tuple[str, str]]:
    return [(event.state, event.text) for event in log.log if event.kind == "instruction"]


def test_a_wish_stands_is_told_once_and_outlives_its_chunk(server: ModelServer):
    server.script = lambda seen: "</response> One more." if second_of(seen) == 5 else "</silence>"
    log = talk(
        server, 22, (1.1, "Count the cars that pass"), memory=MemorySettings(chunk=8, lead=2, summary_tokens=200)
    )
    assert wishes(log) == [("added", "Count the cars that pass")]
    texts = {second_of(seen): seen.text for seen in server.seen}
    assert texts[1] == f"{HEADER}Count the cars that pass\n<1.0 seconds>"
    assert [text for second, text in texts.items() if second > 1 and HEADER in text] == []
    assert log.model.rolls >= 2
    opening = plain(server.seen[-1].messages[1:2]).replace("\\n", "\n")
    assert f"{HEADER}Count the cars that pass" in opening
    assert opening.count("[Query@") == 1
    assert "[Response@5.0] One more." in opening


def test_a_second_wish_makes_two_and_cancelling_leaves_one(server: ModelServer):
    log = talk(
        server, 8, (1.1, "Count the cars that pass"), (3.1, "Tell me when somebody comes in"), (5.1, "Stop counting")
    )
    assert [state for state, _ in wishes(log)] == ["added", "added", "cancelled"]
    texts = {second_of(seen): seen.text for seen in server.seen}
    assert f"{HEADER}1. Count the cars that pass\n2. Tell me when somebody comes in\n" in texts[4]
    assert f"{HEADER}Tell me when somebody comes in\n" in texts[6]


def test_a_question_is_no_standing_wish(server: ModelServer):
    log = talk(server, 4, (1.1, "How many cars have you seen so far?"))
    assert wishes(log) == []


def test_asked_to_leave_it_wants_to(server: ModelServer):
    log = talk(server, 4, (1.1, "Please leave the call now"))
    assert [status.state for status in log.statuses("asked.")] == ["asked.leave"]


def test_a_reader_that_fails_costs_nothing_but_a_status(server: ModelServer):
    class Broken:
        def read(self, text: str, *, running: object, language: str) -> Any:
            raise RuntimeError("weights are missing")

    server.script = lambda seen: "</response> One." if "how many" in seen.text else "</silence>"
    log = watch(made(server, understanding=Broken()), 4, instructions=(), during=at(1.1, ask("how many?")))
    assert log.spoken == ["One."]
    assert [(status.state, status.reason) for status in log.statuses()] == [("model.hampered", "weights are missing")]
