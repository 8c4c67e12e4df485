"""The prompt over time: append only, pixels once, rolled over as a whole, and put right when the server forgets."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joyvl_core.memory.tiers import MemorySettings
from joyvl_core.observation import FrameKind
from tests.models.chat_completions.sessions import (
    WISH,
    Kept,
    Watched,
    ask,
    at,
    cutting,
    made,
    moving,
    plain,
    second_of,
    seconds_of,
    still,
    watch,
)
from tests.stand_ins.model_server import Fault, ModelServer, Reply, Seen, failing

SHORT = MemorySettings(chunk=12, lead=3, summary_tokens=200)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as started:
        yield started


def prefixes(server: ModelServer) -> list[bool]:
    """Of each request, whether it begins with the whole of the one before."""
    texts = [plain(seen.messages)[:-1] for seen in server.seen]
    return [after.startswith(before) for before, after in itertools.pairwise(texts)]


def sent(server: ModelServer) -> Counter[str]:
    """How often the pixels of each picture went out."""
    return Counter(str(image.uuid) for seen in server.seen for image in seen.images if image.sent)


def test_pixels_go_once_and_every_request_begins_with_the_one_before(server: ModelServer):
    watch(made(server), 40)
    assert all(prefixes(server))
    assert set(sent(server).values()) == {1}
    assert max(seen.size for seen in server.seen) < 64 * 1024
    for before, after in itertools.pairwise(server.seen):
        assert after.cached_tokens >= before.prompt_tokens - 128


def test_a_chunk_rolls_over_as_a_whole_with_its_last_turns_and_a_summary(server: ModelServer):
    server.script = lambda seen: f"</response> Car {second_of(seen)}." if second_of(seen) % 5 == 0 else "</silence>"
    log = watch(made(server, memory=SHORT), 40)
    rolled = [n + 1 for n, same in enumerate(prefixes(server)) if not same]
    assert len(rolled) == log.model.rolls == 3
    assert {later - earlier for earlier, later in itertools.pairwise(rolled)} == {12}
    first = server.seen[rolled[0]]
    opening = plain(first.messages[1:2])
    assert opening.index("[Video History]") < opening.index("[Q&A History]") < opening.index("[User Query")
    assert "Car 5" in opening
    assert WISH in opening
    assert "<9.0 seconds>" in opening  # three turns were carried over
    assert [message["role"] for message in first.messages[:3]] == ["system", "user", "assistant"]
    assert any(image.sent and image.size == (320, 192) for image in first.images)
    assert log.ticks[rolled[0]].frame is FrameKind.I
    assert set(sent(server).values()) == {1}


def test_turns_of_a_roll_over_are_folded_once(server: ModelServer):
    kept = Kept()
    server.script = lambda seen: f"</response> Car {second_of(seen)}."
    watch(made(server, memory=SHORT), 50, keeper=kept)
    summaries = [item for item in kept.items if item.kind == "summary"]
    spans = sorted({(item.t, item.until) for item in summaries})
    assert all(earlier[1] < later[0] for earlier, later in itertools.pairwise(spans))


def test_after_a_failed_turn_the_next_shows_everything(server: ModelServer):
    server.script = lambda seen: failing() if second_of(seen) == 3 else "</silence>"
    log = watch(made(server), 8)
    first = next(decision for observation, decision in log.shown if observation.now > 4 and decision.raw)
    assert first.tracks
    assert first.tracks[0].kind is FrameKind.I
    assert "<3.0 seconds>" not in plain(server.seen[-1].messages)


def test_pixels_that_the_server_lost_are_sent_again_at_once(server: ModelServer):
    def forget(engine: Any) -> None:
        server.images.forget()

    log = watch(made(server), 8, during=at(4.2, forget))
    assert not log.statuses()
    assert len(log.answered) == 8
    again = [seen for seen in server.seen if sum(image.sent for image in seen.images) > 1]
    assert len(again) == 1
    assert seconds_of(server).count(second_of(again[0])) == 2
    assert not any(image.sent for image in server.seen[-1].images[:-1])


def test_a_server_that_keeps_no_pictures_gets_them_twice_a_turn_and_no_oftener():
    with ModelServer(images=1) as server:
        log = watch(made(server), 4)
    assert Counter(seconds_of(server))[3] == 2
    assert len(log.statuses()) <= 1


def test_a_server_that_is_killed_and_started_again_is_picked_up(server: ModelServer):
    def kill(engine: Any) -> None:
        server.stop()

    def start(engine: Any) -> None:
        server.start()

    log = watch(made(server), 16, during=at(4.3, kill, (7.4, start)))
    assert [status.state for status in log.statuses()] == ["model.failing", "model.recovered"]
    assert "does not answer" in log.statuses()[0].reason
    assert "joyvl model serve" in log.statuses()[0].remedy
    assert log.answered[-1] >= 14
    assert seconds_of(server)[-1] == 15


def test_a_prompt_too_long_is_cut_and_the_session_goes_on():
    with ModelServer(vllm=False, max_model_len=3_000) as server:  # which doesn't tell its length
        log = watch(made(server, profile="prompted"), 30, scene=cutting)
    assert len(log.answered) >= 26
    assert len(log.statuses()) <= 2
    assert max(seen.prompt_tokens for seen in list(server.seen)[-20:]) <= 3_000 - 256


def test_a_context_without_room_for_a_turn_is_told_with_a_remedy():
    with ModelServer(max_model_len=600) as server:
        log = watch(made(server), 4)
    assert [status.state for status in log.statuses()] == ["model.failing"]
    assert "no room for a turn" in log.statuses()[0].reason
    assert "JOYVL_CONTEXT" in log.statuses()[0].remedy


def test_another_server_with_a_smaller_context_is_believed(server: ModelServer):
    def smaller(engine: Any) -> None:
        server.stop()
        server.max_model_len = 4_000
        server.start()

    log = watch(made(server), 40, scene=cutting, during=at(20.5, smaller))
    assert log.answered[-1] >= 38
    assert len(log.statuses()) <= 2


Turn = tuple[str, str, bool, bool]
WORDS = st.text(st.characters(codec="utf-8", categories=("L", "P", "Z", "C")), max_size=30)
TURNS = st.lists(
    st.tuples(st.sampled_from(["</silence>", "</response> {}", "{}"]), WORDS, st.booleans(), st.booleans()),
    min_size=3,
    max_size=14,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TURNS, st.sampled_from([moving, cutting, still]))
def test_within_a_chunk_every_request_begins_with_the_one_before(turns: list[Turn], scene: Any):
    def script(seen: Seen) -> Reply | Fault:
        shape, words, _, fails = turns[min(second_of(seen), len(turns) - 1)]
        return failing() if fails else Reply(shape.format(words) or "</silence>")

    events = [(n + 0.1, ask(words)) for n, (_, words, asks, _) in enumerate(turns) if asks] or [(0.5, ask("?"))]
    with ModelServer(script) as server:
        log: Watched = watch(made(server), len(turns), scene=scene, during=at(*events[0], *events[1:]))
        answered = [json.loads(json.dumps(seen.messages)) for seen in server.seen]
    assert log.model.rolls == 0
    texts = [plain(messages)[:-1] for messages in answered]
    for before, after in itertools.pairwise(range(len(texts))):
        stays = texts[before] if second_of(server.seen[before]) in log.answered else plain(answered[before][:-1])[:-1]
        assert texts[after].startswith(stays)
    assert all(count == 1 for count in sent(server).values())
