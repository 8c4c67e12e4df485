"""Any other model, on a server that is no vLLM: the protocol taught by the prompt, pixels with every request."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from joyvl_core.codec import CodecSettings
from joyvl_core.engine_settings import EngineSettings
from tests.models.chat_completions.sessions import ask, at, cutting, made, moving, plain, second_of, watch
from tests.stand_ins import ListSink
from tests.stand_ins.model_server import ModelServer, Seen

VLLMS_OWN = {"skip_special_tokens", "logprob_token_ids", "logprobs", "priority", "logit_bias", "top_k"}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(vllm=False, specials={}) as started:
        yield started


def test_nothing_of_vllms_own_is_sent(server: ModelServer):
    log = watch(made(server, profile="prompted"), 5, settings=EngineSettings(talkativeness=0.9))
    assert not log.statuses()
    assert not VLLMS_OWN & {field for seen in server.seen for field in seen.body}
    assert "uuid" not in repr([seen.messages for seen in server.seen])
    assert "exactly one line" in server.seen[0].messages[0]["content"]


def test_pixels_go_with_every_request_and_the_prompt_stays_append_only(server: ModelServer):
    watch(made(server, profile="prompted"), 8, settings=EngineSettings(codec=CodecSettings("dense")))
    assert [len(seen.images) for seen in server.seen] == list(range(1, 9))
    assert all(image.sent for seen in server.seen for image in seen.images)
    for before, after in itertools.pairwise(server.seen):
        assert repr(after.messages).startswith(repr(before.messages)[:-1])


def test_a_chunk_is_bounded_in_bytes(server: ModelServer):
    log = watch(made(server, profile="prompted", most_bytes=60_000), 30, scene=cutting)
    largest = max(len(image) for seen in server.seen for image in repr(seen.messages).split("base64,")[1:])
    assert log.model.rolls >= 2
    assert max(seen.size for seen in server.seen) < 60_000 * 4 / 3 + largest + 20_000
    assert len(log.answered) == 30


@pytest.mark.parametrize(
    ("answer", "action", "text"),
    [
        ("Somebody has come in. He waves.", "speak", "Somebody has come in. He waves."),
        ("<response> Hello!", "speak", "Hello!"),
        ("```\n</response> Hello!\n```", "speak", "Hello!"),
        ("I think </silence> is right here.", "silence", ""),
        ("", "silence", ""),
        ("\n \n", "silence", ""),
    ],
)
def test_models_that_keep_to_the_protocol_only_roughly(server: ModelServer, answer: str, action: str, text: str):
    voice, chat = ListSink("voice"), ListSink()
    server.script = lambda seen: answer if second_of(seen) == 1 else "</silence>"
    log = watch(made(server, profile="prompted"), 3, sinks=[voice, chat])
    assert not log.statuses()
    assert (log.ticks[1].action, log.ticks[1].text) == (action, text)
    assert "".join(voice.texts) == text
    assert log.ticks[1].p_silence is None


def test_small_pictures_are_not_sent_to_who_charges_for_them_as_for_large_ones(server: ModelServer):
    watch(made(server, profile="prompted"), 6, scene=moving)
    assert {image.size for image in server.seen[-1].images} == {(320, 192)}


def test_a_model_that_is_asked_only_when_somebody_wants_something(server: ModelServer):
    def script(seen: Seen) -> str:
        return "</response> One." if "how many" in seen.text else "</silence>"

    server.script = script
    model = made(server, profile="prompted", unasked=False)
    log = watch(model, 6, instructions=(), during=at(3.1, ask("how many?")))
    assert second_of(server.seen[0]) == 3
    assert log.spoken == ["One."]
    assert [tick.tokens for tick in log.ticks[:3]] == [0, 0, 0]


def test_chinese_for_any_model(server: ModelServer):
    watch(made(server, profile="prompted", language="zh"), 1, instructions=["数汽车"])
    assert "</silence>" in server.seen[0].messages[0]["content"]
    assert "数汽车" in plain(server.seen[0].messages)
