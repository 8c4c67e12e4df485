"""The scripted model server, seen by the clients that will talk to it."""

from __future__ import annotations

import base64
import concurrent.futures
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import httpx
import numpy as np
import openai
import pytest

from tests.stand_ins.model_server import ModelServer, Reply, Seen, busy, failing, hang, html_page
from tests.stand_ins.served_prompt import SPECIALS, jpeg_size, picture_tokens

Start = Callable[..., ModelServer]


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[ModelServer] = []

    def begin(*args: Any, **options: Any) -> ModelServer:
        servers.append(ModelServer(*args, **options))
        servers[-1].start()
        return servers[-1]

    yield begin
    for server in servers:
        server.stop()


def client(server: ModelServer, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url, api_key=key, max_retries=0, timeout=10)


def jpeg(width: int = 640, height: int = 352) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes()


def image(name: str | None, data: bytes | None = None) -> dict[str, Any]:
    url = None if data is None else {"url": "data:image/jpeg;base64," + base64.b64encode(data).decode()}
    return {"type": "image_url", "image_url": url} | ({"uuid": name} if name else {})


def user(*parts: dict[str, Any] | str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": p} if isinstance(p, str) else p for p in parts]}


def ask(server: ModelServer, *messages: dict[str, Any], **extra: Any) -> httpx.Response:
    body = {"model": server.model, "messages": list(messages), **extra}
    return httpx.post(f"{server.url}/chat/completions", json=body, timeout=10)


def test_an_openai_client_gets_words_one_by_one_with_a_role_an_end_and_a_usage(start: Start) -> None:
    server = start(lambda seen: f"</response> You said: {seen.text}")
    chunks = list(
        client(server).chat.completions.create(
            model=server.model,
            messages=[{"role": "user", "content": "hello there"}],
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"skip_special_tokens": False},
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert words == ["</response>", " You", " said:", " hello", " there"]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert not chunks[-1].choices
    assert chunks[-1].usage.completion_tokens == 6
    assert chunks[-1].usage.prompt_tokens == server.seen[0].prompt_tokens > 5


def test_without_streaming_the_answer_comes_whole_and_markers_are_kept_only_when_asked_for(start: Start) -> None:
    server = start(lambda seen: "</response> A car.")
    ours = client(server).chat.completions
    message: Any = [{"role": "user", "content": "?"}]
    assert ours.create(model=server.model, messages=message).choices[0].message.content == " A car."
    kept = ours.create(model=server.model, messages=message, extra_body={"skip_special_tokens": False})
    assert kept.choices[0].message.content == "</response> A car."


def test_an_answer_ends_at_its_stop_words_and_at_its_longest(start: Start) -> None:
    server = start(lambda seen: "one two three\nfour")
    cut = ask(server, user("?"), stop=["\n"]).json()["choices"][0]
    assert (cut["message"]["content"], cut["finish_reason"]) == ("one two three", "stop")
    short = ask(server, user("?"), max_tokens=2).json()["choices"][0]
    assert (short["message"]["content"], short["finish_reason"]) == ("one two", "length")


@pytest.mark.parametrize("stream", [True, False])
def test_asked_tokens_have_their_log_probabilities_on_the_first_token(start: Start, stream: bool) -> None:
    server = start(lambda seen: Reply("</response> Look.", p_silence=0.25))
    ids = [SPECIALS["</silence>"], SPECIALS["</response>"]]
    asked = {"logprobs": True, "extra_body": {"logprob_token_ids": ids, "skip_special_tokens": False}}
    made: Any = client(server).chat.completions.create(
        model=server.model, messages=[{"role": "user", "content": "?"}], stream=stream, **asked
    )
    choice = next(c.choices[0] for c in made if c.choices and c.choices[0].delta.content) if stream else made.choices[0]
    first = choice.logprobs.content[0]
    told = {entry.token: math.exp(entry.logprob) for entry in first.top_logprobs}
    assert told == pytest.approx({"</silence>": 0.25, "</response>": 0.75})
    assert bytes(first.bytes) == b"</response>"


def test_a_picture_is_sent_once_and_named_afterwards_until_the_cache_forgets(start: Start) -> None:
    server = start()
    assert ask(server, user("a", image("f1", jpeg()))).status_code == 200
    assert ask(server, user("b", image("f1"))).status_code == 200
    assert [(i.uuid, i.sent, i.size) for s in server.seen for i in s.images] == [
        ("f1", True, (640, 352)),
        ("f1", False, (640, 352)),
    ]
    assert server.seen[1].size < 300 < server.seen[0].size
    server.forget()
    missed = ask(server, user("c", image("f1")))
    assert missed.status_code == 400
    assert missed.json()["error"]["message"] == "Cache miss for image at index 0 but data is not provided"


@pytest.mark.parametrize(
    ("size", "pixels", "tokens"),
    [
        ((128, 128), (16_384, 262_144), 16),
        ((128, 128), (65_536, 262_144), 64),
        ((640, 352), (16_384, 262_144), 220),
        ((1280, 720), (16_384, 262_144), 21 * 12),
        ((1, 1), (0, 262_144), 1),
    ],
)
def test_a_picture_costs_a_token_for_each_32_by_32_pixels_within_bounds(
    size: tuple[int, int], pixels: tuple[int, int], tokens: int
) -> None:
    assert picture_tokens(size, pixels) == tokens


def test_the_size_of_a_jpeg_is_read_from_its_header() -> None:
    assert jpeg_size(jpeg(321, 77)) == (321, 77)
    for junk in (b"", b"GIF89a", jpeg()[:20], b"\xff\xd8" + b"\xff" * 50):
        with pytest.raises(ValueError, match="JPEG"):
            jpeg_size(junk)


def test_a_prompt_that_goes_on_is_cached_up_to_its_last_whole_block(start: Start) -> None:
    server = start(lambda seen: "</silence>", block=16)
    talk = [{"role": "system", "content": "Watch. " * 20}]
    for second in range(8):
        talk.append(user(f"<{second}.0 seconds>", image(f"f{second}", jpeg(128, 128))))
        assert ask(server, *talk, skip_special_tokens=False).status_code == 200
        talk.append({"role": "assistant", "content": "</silence>"})
    counts = [(seen.prompt_tokens, seen.cached_tokens) for seen in server.seen]
    for (before, _), (_, cached) in itertools.pairwise(counts):
        assert before - 16 <= cached
        assert cached % 16 == 0
    changed = ask(server, {"role": "system", "content": "Other. " * 20}, *talk[1:])
    assert changed.json()["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}


def test_a_prompt_that_is_too_long_is_refused_as_vllm_does(start: Start) -> None:
    server = start(max_model_len=100)
    answer = ask(server, user("x" * 400), max_tokens=10)
    assert answer.status_code == 400
    assert "This model's maximum context length is 100 tokens" in answer.json()["error"]["message"]


def test_what_else_is_asked_of_vllm(start: Start) -> None:
    server = start(max_model_len=9_000)
    models = httpx.get(f"{server.url}/models").json()["data"]
    assert [(m["id"], m["owned_by"], m["max_model_len"]) for m in models] == [("scripted-vl", "vllm", 9_000)]
    assert httpx.get(f"{server.root}/version").json() == {"version": "0.33.0"}
    assert httpx.get(f"{server.root}/health").status_code == 200
    body = {"model": server.model, "prompt": "</silence>", "add_special_tokens": False}
    assert httpx.post(f"{server.root}/tokenize", json=body).json()["tokens"] == [SPECIALS["</silence>"]]
    assert httpx.get(f"{server.root}/nothing").status_code == 404


def test_a_plain_server_knows_nothing_of_vllms_own(start: Start) -> None:
    server = start(vllm=False, specials={})
    assert httpx.get(f"{server.root}/version").status_code == 404
    assert "max_model_len" not in httpx.get(f"{server.url}/models").json()["data"][0]
    assert ask(server, user("?"), priority=1).status_code == 400
    assert ask(server, user("?", image("f1"))).status_code == 400
    assert ask(server, user("?")).json()["choices"][0]["message"]["content"] == "</silence>"


@pytest.mark.parametrize(
    ("options", "body", "status"),
    [
        ({"key": "right"}, {}, 401),
        ({}, {"model": "wrong"}, 404),
        ({"priority": False}, {"priority": 5}, 400),
        ({"most_images": 0}, {"messages": [user(image("f", jpeg()))]}, 400),
        ({}, {"messages": []}, 400),
        ({}, {"messages": [user(image("f", b"no jpeg"))]}, 400),
        ({}, {"messages": [{"role": "king", "content": "?"}]}, 400),
        ({}, {"messages": [user({"type": "smell"})]}, 400),
    ],
)
def test_what_it_refuses(start: Start, options: dict[str, Any], body: dict[str, Any], status: int) -> None:
    server = start(**options)
    answer = httpx.post(f"{server.url}/chat/completions", json={"model": server.model, "messages": [user("?")], **body})
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("raw", [b"", b"[]", b"7", b"{", b"\xff", b'{"messages": 3}', b'{"messages": [7]}'])
def test_a_body_that_is_no_request_is_refused(start: Start, raw: bytes) -> None:
    answer = httpx.post(f"{start().url}/chat/completions", content=raw, timeout=5)
    assert answer.status_code == 400


def test_the_right_key_is_let_in_and_never_kept(start: Start) -> None:
    server = start(key="sesame")
    made = client(server, "sesame").chat.completions.create(
        model=server.model, messages=[{"role": "user", "content": "?"}]
    )
    assert made.choices
    assert "sesame" not in repr(server.requests)


def test_faults_of_the_script(start: Start) -> None:
    faults = iter([html_page(), failing(), busy(7)])
    server = start(lambda seen: next(faults))
    page, broken, full = (ask(server, user("?")) for _ in range(3))
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html")
    assert broken.status_code == 500
    assert (full.status_code, full.headers["retry-after"]) == (503, "7")
    server.fault = failing(502)
    assert httpx.get(f"{server.url}/models").status_code == 502


def test_half_a_stream_ends_without_an_end(start: Start) -> None:
    server = start(lambda seen: Reply("one two three four", cut_after=2))
    got: list[bytes] = []
    body = {"model": server.model, "messages": [user("?")], "stream": True}
    with (
        httpx.stream("POST", f"{server.url}/chat/completions", json=body) as response,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        got.extend(response.iter_bytes())
    assert b" two" in b"".join(got)
    assert b"three" not in b"".join(got)


def test_a_chunk_may_be_no_json(start: Start) -> None:
    server = start(lambda seen: Reply("one two three", junk_after=1))
    assert "no JSON" in ask(server, user("?"), stream=True).text


def test_a_client_that_hangs_up_ends_the_wait(start: Start) -> None:
    server = start(lambda seen: hang())
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{server.url}/chat/completions", json={"model": server.model, "messages": [user("?")]}, timeout=0.05
        )
    server.stop()
    assert server.seen[0].dropped


def test_stopped_it_refuses_connections_and_started_again_it_has_the_same_port_and_no_memory(start: Start) -> None:
    server = start()
    assert ask(server, user("a", image("f1", jpeg()))).status_code == 200
    with httpx.Client() as kept:
        assert kept.get(f"{server.url}/models").status_code == 200
        server.stop()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/models")
    server.start()
    assert httpx.get(f"{server.url}/models").status_code == 200
    assert ask(server, user("a", image("f1"))).status_code == 400
    server.stop()
    server.stop()


def test_many_at_once(start: Start) -> None:
    def script(seen: Seen) -> Reply:
        return Reply(f"</response> {seen.text}", pause=0.001)

    server = start(script)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        texts = list(
            pool.map(lambda n: ask(server, user(f"n{n}")).json()["choices"][0]["message"]["content"], range(64))
        )
    assert texts == [f" n{n}" for n in range(64)]
    assert sorted(seen.n for seen in server.seen) == list(range(64))
