import contextlib
import hashlib
import hmac
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from integrations.delegates.options import DelegateOptions
from integrations.delegates.webhook import (
    SIGNATURE,
    TIMESTAMP,
    Accepted,
    Answered,
    WebhookDelegate,
    make_webhook_delegate,
    read_answer,
    signature,
)
from joyvl_core.errors import BadInputError
from tests.conformance.delegate import SECRET, ServedDelegateConformance, ask, with_pictures
from tests.stand_ins.delegate_servers import Behaviour, DelegateServer, served

LOCAL = frozenset({"127.0.0.1"})


def options(url: str, allow: frozenset[str] = LOCAL) -> DelegateOptions:
    return DelegateOptions(url=url, secret=SecretStr(SECRET), allow_hosts=allow)


class TestWebhookDelegate(ServedDelegateConformance):
    dialect = "webhook"

    def make(self, server: DelegateServer) -> WebhookDelegate:
        return make_webhook_delegate(options(server.url))


def test_the_request_is_signed_over_its_time_and_its_body():
    with served("webhook") as server:
        answer, _ = ask(WebhookDelegate(options(server.url), wall=lambda: 1_700_000_000.9), with_pictures(session="s7"))
    (seen,) = server.seen
    assert seen.headers[TIMESTAMP.lower()] == "1700000000"
    mac = hmac.new(SECRET.encode(), b"1700000000." + seen.raw, hashlib.sha256).hexdigest()
    assert seen.headers[SIGNATURE.lower()] == f"sha256={mac}"
    assert seen.headers["idempotency-key"].endswith("-d1")
    assert {key: seen.body[key] for key in ("id", "session", "language")} == {
        "id": "d1",
        "session": "s7",
        "language": "en",
    }
    assert (answer.tokens, answer.cost) == (1_240, 0.25)


def test_tries_of_one_ticket_have_one_key_and_two_stays_have_two():
    with served("webhook", Behaviour.BUSY, refusals=2) as server:
        for _ in range(2):
            ask(make_webhook_delegate(options(server.url)))
    keys = [seen.headers["idempotency-key"] for seen in server.seen]
    assert len(keys) == 4
    assert keys[0] == keys[1] == keys[2] != keys[3]


def test_the_status_is_asked_for_until_the_answer_is_there():
    with served("webhook", Behaviour.SLOW, seconds=1.8) as server:
        answer, progress = ask(make_webhook_delegate(options(server.url)))
    assert answer.text == server.text
    assert progress[0] == "step 1 of 3"
    assert len(progress) >= 2


@pytest.mark.parametrize(
    "status",
    ["http://localhost:1/x", "https://127.0.0.1/x", "http://169.254.169.254/", "ftp://x", "http://[::1", "\x00"],
)
def test_the_status_is_asked_for_on_the_same_host_only(status):
    delegate = WebhookDelegate(options("http://127.0.0.1:8080/ask", frozenset({"127.0.0.1", "localhost"})))
    with pytest.raises(Exception, match=r"status URL|no http|may not be reached"):
        delegate._status_url(delegate._url, Accepted(status=status))


def test_a_webhook_on_a_private_address_is_refused_unless_it_is_named():
    with served("webhook") as server:
        with pytest.raises(BadInputError) as caught:
            make_webhook_delegate(options(server.url, frozenset()))
        assert "JOYVL_DELEGATE_ALLOW_HOSTS" in caught.value.hint
        named = replace(options(server.url), url=f"http://localhost:{server.port}/ask")
        with pytest.raises(BadInputError):
            ask(make_webhook_delegate(named))
    assert not server.seen


def test_what_is_missing_is_named():
    with pytest.raises(BadInputError) as caught:
        make_webhook_delegate(DelegateOptions(url="https://example.org/ask"))
    assert "JOYVL_DELEGATE_SECRET" in caught.value.hint


@given(st.sampled_from([200, 201, 202]), st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_refused(status, body):
    with contextlib.suppress(ValueError):
        assert isinstance(read_answer(status, body), Accepted | Answered)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from([200, 202]),
    st.dictionaries(st.sampled_from(["text", "error", "tokens", "cost", "status", "progress", "after"]), _JSON),
)
def test_any_json_is_a_bounded_answer_or_refused(status, content):
    try:
        said = read_answer(status, json.dumps(content).encode())
    except (ValidationError, ValueError):
        return
    if isinstance(said, Answered):
        assert said.text or said.error
        assert 0 <= said.tokens <= 1e9
        assert 0 <= said.cost <= 1e6


@given(st.text(min_size=1), st.binary(), st.binary())
def test_another_body_has_another_signature(secret, body, other):
    with contextlib.suppress(UnicodeEncodeError):
        assert (signature(secret, "1", body) == signature(secret, "1", other)) == (body == other)
