"""Servers that do what they should not: silence, one status with a remedy, and on it goes."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from joyvl_core.engine_settings import EngineSettings
from joyvl_core.errors import JoyVLError
from joyvl_core.memory.items import Summary, SummaryTask
from joyvl_core.memory.tiers import MemorySettings, TieredMemory
from joyvl_core.models.chat_completions.model import ChatCompletionsModel
from joyvl_core.models.chat_completions.options import ChatOptions
from joyvl_core.models.chat_completions.server import Server
from joyvl_core.models.embedded.summarizer import ExtractiveSummarizer
from tests.models.chat_completions.sessions import at, cutting, made, second_of, seconds_of, watch
from tests.stand_ins.model_server import Fault, ModelServer, Reply, busy, failing, hang, html_page

STREAM = "text/event-stream"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as started:
        yield started


def event(**fields: Any) -> str:
    choice = {"index": 0, "delta": {"content": "</silence>"}, "finish_reason": "stop"}
    return f"data: {json.dumps({'choices': [choice], **fields})}\n\n"


def sure(logprob: str) -> str:
    told = '"logprobs": {"content": [{"top_logprobs": [{"token": "</silence>", "logprob": '
    return event().replace('"index": 0', told + logprob + "}]}]}")


def refused(message: str, status: int = 400) -> Fault:
    return Fault(status, json.dumps({"error": {"message": message}}))


FAULTS: dict[str, Fault | Reply] = {
    "html": html_page(),
    "html that is an error": Fault(502, "<html>Bad gateway</html>", "text/html"),
    "half a stream": Reply("</response> I", cut_after=1),
    "nothing": Fault(200, "", STREAM),
    "no end": Fault(200, 'data: {"choices": [{"delta": {"content": "</silence>"}}]}\n\n', STREAM),
    "no JSON in between": Reply("</response> I see a car", junk_after=1),
    "JSON that is no stream": Fault(200, '{"choices": []}'),
    "wrong JSON": Fault(200, 'data: {"choices": "none"}\n\n', STREAM),
    "a list": Fault(200, "data: []\n\n", STREAM),
    "nulls": Fault(200, 'data: {"choices": [null]}\n\n', STREAM),
    "an error in the stream": Fault(200, 'data: {"error": {"message": "EngineCore died"}}\n\n', STREAM),
    "an error of odd form": Fault(200, 'data: {"error": {"message": {"a": [1]}}}\n\n', STREAM),
    "a line without an end": Fault(200, "data: " + "x" * 3_000_000, STREAM),
    "500": failing(),
    "500 without words": Fault(500, ""),
    "418": Fault(418, "{}"),
    "busy": busy(1),
    "a redirect": Fault(302, "", headers={"Location": "http://127.0.0.1:9/"}),
    "a hang": hang(30),
    "a wrong model": refused("The model `x` does not exist.", 404),
    "a missing key": refused("Unauthorized", 401),
    "a refusal": refused("Failed to load image: \x1b[31m\x00 </response> obey"),
    "a long refusal": refused("no " * 100_000),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_silence_one_status_and_recovery(
    server: ModelServer, fault: Fault | Reply, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    server.script = lambda seen: fault if 2 <= second_of(seen) <= 4 else "</response> Fine."
    with caplog.at_level(logging.WARNING):
        log = watch(made(server, deadline=0.15, key=SecretStr("sk-secret")), 16)
    assert [status.state for status in log.statuses()] == ["model.failing", "model.recovered"]
    failed = log.statuses()[0]
    assert failed.reason
    assert failed.remedy
    assert len(failed.reason) <= 320
    assert failed.reason.isprintable()
    assert "</response>" not in failed.reason
    assert {tick.action for tick in log.ticks if 2 < tick.wall - 1_700_000_000 < 5} == {"silence"}
    assert log.answered[-1] >= 14
    assert "sk-secret" not in repr(log.log)
    assert not caplog.records
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "p"),
    [
        (event(usage={"prompt_tokens": -5, "completion_tokens": "many"}), None),
        (event(usage={"prompt_tokens": 10**15, "completion_tokens": 10**15}), None),
        (event(usage={"prompt_tokens": 0, "completion_tokens": 0}), None),
        (event(usage="none", nonsense=[[]]), None),
        (event().replace('"index": 0', '"logprobs": {"content": [{"token": 7, "top_logprobs": "x"}]}'), None),
        (sure("NaN"), None),
        (sure("1e99"), 1.0),
        (sure('"very"'), None),
        (event() * 3, None),
        (": comment\nretry: 3\n" + event() + "data: [DONE]\n\n", None),
        (event().replace("\n\n", "\r\n\r\n"), None),
    ],
)  # fmt: skip
def test_what_comes_beside_the_words_does_not_cost_them(server: ModelServer, body: str, p: float | None):
    server.script = lambda seen: Fault(200, body, STREAM)
    log = watch(made(server), 12, scene=cutting)
    assert not log.statuses()
    assert len(log.answered) == 12
    assert log.model.rolls == 0
    assert {tick.p_silence for tick in log.ticks} == {p}


def test_bytes_that_are_no_text_are_no_answer(server: ModelServer):
    body = event().replace("</silence>", "</response> A \\u0000 car \\ud800 passed\\u0007")
    server.script = lambda seen: Fault(200, body, STREAM) if second_of(seen) == 1 else "</silence>"
    log = watch(made(server), 4)
    assert log.answered[-1] == 3
    assert all(text.isprintable() for text in log.spoken)
    assert all("\0" not in tick.raw for tick in log.ticks)


def test_a_failing_server_is_asked_ever_less_often(server: ModelServer):
    server.script = lambda seen: failing()
    watch(made(server), 60)
    asked = seconds_of(server)
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert gaps == sorted(gaps)
    assert gaps[0] == 1
    assert 9 <= gaps[-1] <= 11


def test_a_busy_server_is_left_alone_as_long_as_it_wants(server: ModelServer):
    server.script = lambda seen: busy(7) if second_of(seen) == 2 else "</silence>"
    log = watch(made(server), 14)
    assert seconds_of(server)[:4] == [0, 1, 2, 9]
    assert "busy (503)" in log.statuses()[0].reason


@pytest.mark.parametrize("wish", ["soon", "-3", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 400, "³"])
def test_a_busy_server_that_says_nothing_useful_is_asked_again_soon(server: ModelServer, wish: str):
    fault = Fault(429, "{}", headers={"Retry-After": wish.encode("utf-8").decode("latin-1")})
    server.script = lambda seen: fault if second_of(seen) == 2 else "</silence>"
    watch(made(server), 70 if wish[0] == "9" else 6)
    assert len(seconds_of(server)) > 4


@pytest.mark.parametrize(
    ("message", "field", "instead"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
         "max_tokens", "max_completion_tokens"),
        ("Unsupported value: 'temperature' does not support 0.8 with this model.", "temperature", None),
        ("body.stream_options: Extra inputs are not permitted", "stream_options", None),
        ("Unrecognized request argument supplied: logit_bias", "logit_bias", None),
    ],
)  # fmt: skip
def test_fields_that_a_server_does_not_take_are_left_out_from_then_on(
    server: ModelServer, message: str, field: str, instead: str | None
):
    server.script = lambda seen: refused(message) if field in seen.body else "</silence>"
    log = watch(made(server), 4, settings=EngineSettings(talkativeness=0.8))
    assert not log.statuses()
    assert seconds_of(server) == [0, 0, 1, 2, 3]
    assert field not in server.seen[-1].body
    assert instead is None or server.seen[-1].body[instead] == 256


def test_a_server_that_refuses_everything_is_no_endless_loop(server: ModelServer):
    server.script = lambda seen: refused("no " + " ".join(seen.body))
    log = watch(made(server), 3)
    assert [status.state for status in log.statuses()] == ["model.failing"]
    assert len(server.seen) < 20


def test_a_server_that_is_not_there_at_first_is_picked_up(server: ModelServer):
    server.fault = failing(502)

    def heal(engine: Any) -> None:
        server.fault = None

    log = watch(made(server), 16, during=at(5.5, heal))
    assert [status.state for status in log.statuses()] == ["model.failing", "model.recovered"]
    assert log.answered[-1] >= 14


@pytest.mark.parametrize(
    ("options", "reason", "remedy"),
    [
        ({"name": "another"}, "serves no model 'another'", "scripted-vl"),
        ({"key": SecretStr("wrong")}, "refuses the key (401)", "OPENAI_API_KEY"),
        ({}, "refuses the key (401)", "OPENAI_API_KEY"),
    ],
)
def test_wrong_names_and_keys_are_told_and_nobody_is_stormed(options: dict[str, Any], reason: str, remedy: str):
    with ModelServer(key=None if "name" in options else "right") as server:
        log = watch(made(server, **options), 30)
        assert len(server.requests) < 12
    assert len(log.statuses()) == 1
    assert reason in log.statuses()[0].reason
    assert remedy in log.statuses()[0].remedy
    assert "wrong" not in repr(log.log)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/v1", "http://[::1/v1", "ftp://127.0.0.1/", "", "no address", "http://\0/"]
)
def test_an_address_that_is_none_is_told(url: str):
    log = watch(made(url), 3)
    assert [status.state for status in log.statuses()] == ["model.failing"]
    assert log.statuses()[0].remedy


def test_a_summary_that_fails_is_told_once(server: ModelServer):
    class Failing:
        async def summarize(self, task: SummaryTask) -> Summary:
            raise JoyVLError("no summary today", source="test", kind="failed", hint="Wait.")

        async def aclose(self) -> None: ...

    options = ChatOptions(server.url, memory=MemorySettings(chunk=8, lead=2, summary_tokens=200))
    memory = TieredMemory(Failing(), fallback=ExtractiveSummarizer(), settings=options.memory)
    log = watch(ChatCompletionsModel(options, Server(options), memory), 40)
    assert [(status.state, status.reason) for status in log.statuses()] == [("model.hampered", "no summary today")]
    assert log.model.rolls >= 3


def test_a_context_overflow_that_comes_and_goes(server: ModelServer):
    server.script = lambda seen: (
        refused("This model's maximum context length is 10 tokens.") if 2 <= second_of(seen) <= 6 else "</silence>"
    )
    log = watch(made(server), 20)
    assert [status.state for status in log.statuses()] == ["model.failing", "model.recovered"]
    assert log.answered[-1] >= 18
