import pytest
from pydantic import SecretStr

from integrations.delegates.anthropic import AnthropicDelegate, make_anthropic_delegate
from integrations.delegates.options import DelegateOptions
from joyvl_core.errors import BadInputError
from tests.conformance.delegate import SECRET, ServedDelegateConformance, ask
from tests.stand_ins.delegate_servers import DelegateServer, served


def make(server: DelegateServer, **options) -> AnthropicDelegate:
    return make_anthropic_delegate(
        DelegateOptions(model="eye", anthropic_url=server.url, anthropic_key=SecretStr(SECRET), **options)
    )


class TestAnthropicDelegate(ServedDelegateConformance):
    dialect = "anthropic"

    def make(self, server: DelegateServer) -> AnthropicDelegate:
        return make(server)


def test_tokens_and_their_price_are_told():
    with served("anthropic", usage=(2_000, 500)) as server:
        answer, progress = ask(make(server, price_in=3.0, price_out=15.0))
    assert (answer.tokens, answer.cost) == (2_500, pytest.approx(0.0135))
    assert progress


def test_the_key_goes_to_the_service():
    with served("anthropic") as server:
        ask(make(server, max_tokens=99))
    assert server.seen[0].headers["authorization"] == f"Bearer {SECRET}"
    assert server.seen[0].body["max_tokens"] == 99


def test_what_is_missing_is_named():
    with pytest.raises(BadInputError) as caught:
        make_anthropic_delegate(DelegateOptions(model="eye"))
    assert "ANTHROPIC_API_KEY" in caught.value.hint
