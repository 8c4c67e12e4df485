import pytest
from pydantic import SecretStr

from integrations.delegates.openai import OpenAIDelegate, make_openai_delegate
from integrations.delegates.options import DelegateOptions
from joyvl_core.errors import BadInputError
from tests.conformance.delegate import SECRET, ServedDelegateConformance, ask, with_pictures
from tests.stand_ins.delegate_servers import Behaviour, DelegateServer, served


def make(server: DelegateServer, **options) -> OpenAIDelegate:
    return make_openai_delegate(
        DelegateOptions(model="eye", openai_url=server.url, openai_key=SecretStr(SECRET), **options)
    )


class TestOpenAIDelegate(ServedDelegateConformance):
    dialect = "openai"

    def make(self, server: DelegateServer) -> OpenAIDelegate:
        return make(server)


def test_tokens_and_their_price_are_told():
    with served("openai", usage=(2_000, 500)) as server:
        answer, progress = ask(make(server, price_in=2.0, price_out=10.0))
    assert (answer.tokens, answer.cost) == (2_500, pytest.approx(0.009))
    assert progress


def test_tokens_are_guessed_where_the_server_does_not_count():
    with served("openai", usage=None, text="a few words") as server:
        answer, _ = ask(make(server, price_in=1.0), with_pictures(3))
    assert 3_000 < answer.tokens < 4_000
    assert answer.cost > 0.003


@pytest.mark.parametrize("priority", [None, 5])
def test_the_request_is_what_the_settings_say(priority):
    with served("openai") as server:
        ask(make(server, priority=priority, max_tokens=99))
    body = server.seen[0].body
    assert (body["model"], body["max_completion_tokens"], body["stream"]) == ("eye", 99, True)
    assert body.get("priority") == priority
    assert server.seen[0].headers["authorization"] == f"Bearer {SECRET}"


def test_the_language_is_asked_for():
    with served("openai") as server:
        ask(make(server), with_pictures(language="zh"))
    assert "中文" in server.seen[0].body["messages"][0]["content"]


def test_an_answer_that_broke_off_is_not_paid_for_twice():
    with served("openai", Behaviour.BROKEN_OFF) as server, pytest.raises(Exception, match="broke off"):
        ask(make(server))
    assert len(server.seen) == 1


def test_what_is_missing_is_named():
    with pytest.raises(BadInputError) as caught:
        make_openai_delegate(DelegateOptions())
    assert "JOYVL_DELEGATE_MODEL" in caught.value.hint
    with pytest.raises(BadInputError) as caught:
        make_openai_delegate(DelegateOptions(model="eye"))
    assert "OPENAI_API_KEY" in caught.value.hint


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"openai_url": "nonsense"}, "http://127.0.0.1:8000/v1"),
        ({"openai_url": "file:///x"}, "http://127.0.0.1:8000/v1"),
        ({"openai_url": "http://[::1"}, "http://127.0.0.1:8000/v1"),
        ({"openai_key": SecretStr("sk-a\nb")}, "OPENAI_API_KEY"),
        ({"openai_key": SecretStr("sk-ü")}, "OPENAI_API_KEY"),
        ({"openai_key": SecretStr(" sk-a")}, "OPENAI_API_KEY"),
    ],
)
def test_settings_that_cannot_be_used_are_named(fields, hint):
    with pytest.raises(BadInputError) as caught:
        make_openai_delegate(DelegateOptions(model="eye", **{"openai_key": SecretStr("sk-a"), **fields}))
    assert hint in caught.value.hint
    assert "sk-" not in str(caught.value)
