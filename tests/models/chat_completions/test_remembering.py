"""Memory that outlives the process: kept, taken up, forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from joyvl_core.memory.items import MemoryItem
from joyvl_core.memory.tiers import MemorySettings
from joyvl_core.models.chat_completions.session import TURN
from joyvl_core.observation import FrameKind
from tests.models.chat_completions.sessions import WISH, Kept, ask, at, made, plain, second_of, watch
from tests.stand_ins.model_server import ModelServer, Seen

SHORT = MemorySettings(chunk=8, lead=2, summary_tokens=200)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(script) as started:
        yield started


def script(seen: Seen) -> str:
    if "how many" in seen.text:
        return "</response> Seven cars so far."
    return f"</response> A lorry at {second_of(seen)}." if second_of(seen) == 4 else "</silence>"


def first_session(server: ModelServer) -> Kept:
    kept = Kept()
    watch(made(server, memory=SHORT), 20, keeper=kept, during=at(14.1, ask("how many?")))
    server.seen.clear()
    return kept


def test_summaries_questions_answers_and_telling_turns_are_kept(server: ModelServer):
    kinds = {item.kind for item in first_session(server).items}
    assert kinds == {"summary", "exchange", TURN}


def test_another_process_goes_on_where_the_first_one_ended(server: ModelServer):
    before = first_session(server)
    kept = Kept()
    watch(made(server, memory=SHORT), 3, before=before.items, began=40.0, keeper=kept)
    opening = plain(server.seen[0].messages)
    assert second_of(server.seen[0]) == 40
    assert "A lorry at 4." in opening
    assert "Seven cars so far." in opening
    assert opening.index("[Video History]") < opening.index(WISH)
    questions = [item.text for item in kept.items if item.data.get("role") == "question"]
    assert questions == []  # the wish stands as before: it was not asked anew


def test_seconds_never_go_back_however_early_the_clock_is(server: ModelServer):
    before = first_session(server)
    watch(made(server, memory=SHORT), 3, before=before.items)
    assert second_of(server.seen[0]) >= 14


def test_turns_of_no_summary_are_not_lost(server: ModelServer):
    items = [MemoryItem(TURN, 3.0, 3.0, "3 s: Ann: my name is Ann\n3 s: </response> Hello Ann.")]
    watch(made(server), 2, before=items, began=10.0)
    assert "Hello Ann." in plain(server.seen[0].messages)


@pytest.mark.parametrize("data", [{}, {"id": 7, "role": []}, {"role": "question"}])
def test_items_that_make_no_sense_are_passed_over(server: ModelServer, data: dict[str, object]):
    items = [
        MemoryItem("exchange", 1.0, 1.0, "?", data=data),
        MemoryItem("odd", 2.0, 2.0, ""),
        MemoryItem(TURN, 3, 3, ""),
    ]
    log = watch(made(server), 2, before=items, began=10.0)
    assert len(log.answered) == 2


def test_what_is_forgotten_is_in_no_later_prompt_and_the_rest_is(server: ModelServer):
    watch(
        made(server),
        10,
        during=at(2.1, ask("how many?"), (6.5, lambda engine: engine.forget(3.0, 5.0)), (1.1, ask("who are you?"))),
    )
    last = plain(server.seen[-1].messages)
    assert "A lorry" not in last
    assert "Seven cars so far." in last
    assert "<4.0 seconds>" not in last
    assert WISH in last
    again = next(seen for seen in server.seen if second_of(seen) == 6)
    assert again.images[-1].size == (320, 192)


def test_forgetting_before_the_first_turn(server: ModelServer):
    items = [MemoryItem("summary", 1.0, 5.0, "A secret was told."), MemoryItem("summary", 6.0, 9.0, "A car came.")]
    model = made(server)
    model.resume(items)
    model.forget(0.0, 5.5)
    log = watch(model, 3, began=20.0)
    assert "A secret" not in plain(server.seen[0].messages)
    assert "A car came." in plain(server.seen[0].messages)
    assert log.ticks[0].frame is FrameKind.I
