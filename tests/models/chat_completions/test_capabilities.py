"""What a server tells of itself, and what it is when it tells nothing sensible."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joyvl_core.clock import run_virtual
from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from joyvl_core.models.chat_completions.capabilities import Capabilities, probe
from tests.stand_ins.model_server import Fault, ModelServer, failing, hang, html_page
from tests.stand_ins.served_prompt import SPECIALS


def asked(url: str, model: str = "") -> Capabilities:
    async def ask() -> Capabilities:
        async with httpx.AsyncClient(timeout=30) as http:
            return await probe(http, url, model)

    return run_virtual(ask())


def answering(answer: Any, model: str = "") -> Capabilities:
    """A server whose every endpoint answers what `answer` says of the request."""

    async def ask() -> Capabilities:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            return await probe(http, "http://server/v1", model)

    return run_virtual(ask())


def test_vllm_tells_what_it_can_do():
    with ModelServer(max_model_len=9_000) as server:
        found = asked(server.url)
    assert found == Capabilities(
        server.model,
        "0.33.0",
        9_000,
        silence=SPECIALS["</silence>"],
        response=SPECIALS["</response>"],
        delegation=SPECIALS["</delegation>"],
        picture_tokens=16,
        least_pixels=16_384,
    )
    assert (found.vllm, found.small_pictures) == (True, True)
    assert not server.seen, "the model had nothing to do"


def test_a_server_that_enlarges_small_pictures_is_found_out():
    with ModelServer(pixels=(65_536, 262_144)) as server:
        found = asked(server.url)
    assert (found.picture_tokens, found.least_pixels, found.small_pictures) == (64, 65_536, False)


def test_markers_that_are_no_single_tokens_have_no_id():
    with ModelServer(specials={"</silence>": 7}) as server:
        found = asked(server.url)
    assert (found.silence, found.response, found.delegation) == (7, None, None)


def test_a_plain_server_tells_its_name():
    with ModelServer(vllm=False) as server:
        found = asked(server.url)
    assert found == Capabilities(server.model)
    assert (found.vllm, found.small_pictures) == (False, False)


def test_a_key_is_asked_for_by_its_name():
    with ModelServer(key="sesame") as server, pytest.raises(UnavailableError) as error:
        asked(server.url)
    assert "OPENAI_API_KEY" in error.value.hint


def test_a_wrong_name_lists_what_is_served():
    with ModelServer() as server, pytest.raises(BadInputError) as error:
        asked(server.url, "another")
    assert "another" in str(error.value)
    assert server.model in error.value.hint


@pytest.mark.parametrize(("names", "kind"), [([], "serves 0"), (["a", "b"], "serves 2")])
def test_without_a_name_there_must_be_one(names: list[str], kind: str):
    with pytest.raises(BadInputError, match=kind):
        answering(lambda request: httpx.Response(200, json={"data": [{"id": name} for name in names]}))


def test_a_list_of_thousands_stays_a_line():
    cards = [{"id": f"model-{number}" * 20} for number in range(5_000)]
    with pytest.raises(BadInputError) as error:
        answering(lambda request: httpx.Response(200, json={"data": cards}), "x" * 10_000)
    assert len(str(error.value) + error.value.hint) < 2_000


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (html_page(), "/v1"),
        (failing(500), "EngineCore"),
        (failing(503), "503"),
        (Fault(404, '{"detail":"Not Found"}'), "/v1"),
        (Fault(200, '{"data": 3}'), "/v1"),
        (Fault(200, '{"data": [{"id": "x"'), "/v1"),
        (Fault(200, ""), "/v1"),
        (Fault(302, "", headers={"location": "http://127.0.0.1:1/"}), "302"),
    ],
)
def test_what_is_no_such_server_is_told_in_a_line(fault: Fault, words: str):
    with ModelServer() as server:
        server.fault = fault
        with pytest.raises(UnavailableError) as error:
            asked(server.url)
    assert words in str(error.value)
    assert error.value.hint
    assert "\n" not in str(error.value)


def test_a_server_that_hangs_is_given_up():
    with ModelServer() as server:
        server.fault = hang()

        async def ask() -> None:
            async with httpx.AsyncClient(timeout=30) as http:
                await asyncio.wait_for(probe(http, server.url), 0.2)

        with pytest.raises(TimeoutError):
            asyncio.run(ask())


def test_nobody_there():
    with ModelServer() as server:
        url = server.url
    with pytest.raises(UnavailableError) as error:
        asked(url)
    assert error.value.retryable
    assert "joyvl model serve" in error.value.hint


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x/v1", "http://[::1", "http://"])
def test_what_is_no_address(url: str):
    with pytest.raises(JoyVLError) as error:
        asked(url)
    assert error.value.hint


def test_an_address_with_a_password_does_not_leak_it():
    with pytest.raises(UnavailableError) as error:
        asked("http://me:secret@127.0.0.1:1/v1")
    assert "secret" not in repr(error.value) + error.value.hint


def test_an_answer_without_end_is_not_read_to_its_end():
    async def endless():
        while True:
            yield b" " * 65_536

    with pytest.raises(UnavailableError, match="no end"):
        answering(lambda request: httpx.Response(200, content=endless()))


NAMES = st.sampled_from(["data", "id", "version", "count", "tokens", "max_model_len"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
junk = st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode())
endpoints = st.fixed_dictionaries(dict.fromkeys(("/v1/models", "/version", "/tokenize"), junk))


@settings(max_examples=60)
@given(
    st.fixed_dictionaries(dict.fromkeys(("/v1/models", "/version", "/tokenize"), junk)),
    st.sampled_from([200, 401, 500]),
)
def test_whatever_it_answers_is_taken_or_told(bodies: dict[str, bytes], status: int):
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=bodies[request.url.path])

    def but_the_list(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"data": [{"id": "m"}]})
        return answer(request)

    with contextlib.suppress(JoyVLError):
        answering(answer)
    assert answering(but_the_list).model == "m"


@given(st.integers(1, 4_000), st.integers(1, 4_000), st.sampled_from([None, 0, 16_384, 65_536]))
def test_a_pictures_cost_is_never_under_the_servers_own_count(width: int, height: int, least: int | None):
    from tests.stand_ins.served_prompt import picture_tokens

    size = (-(-width // 32) * 32, -(-height // 32) * 32)
    if max(size) / min(size) > 200 or size[0] * size[1] > 262_144:
        return
    counted = picture_tokens(size, (65_536 if least is None else least, 262_144))
    assert Capabilities("m", least_pixels=least).tokens_of(size) >= counted + 2
