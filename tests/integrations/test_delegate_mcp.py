import sys
from dataclasses import replace

import pytest
from pydantic import SecretStr

from integrations.delegates.mcp import McpDelegate, make_mcp_delegate
from integrations.delegates.options import DelegateOptions
from joyvl_core.errors import BadInputError, UnavailableError
from tests.conformance.delegate import SECRET, TASK, ServedDelegateConformance, ask
from tests.stand_ins.delegate_servers import Behaviour, DelegateServer, served

STDIO = f"{sys.executable} -m tests.stand_ins.mcp_server"


def options(server: DelegateServer, **fields) -> DelegateOptions:
    return replace(
        DelegateOptions(url=server.url, secret=SecretStr(SECRET), allow_hosts=frozenset({"127.0.0.1"})), **fields
    )


class TestMcpDelegate(ServedDelegateConformance):
    dialect = "mcp"

    def make(self, server: DelegateServer) -> McpDelegate:
        return make_mcp_delegate(options(server))


def test_the_tool_that_takes_a_question_is_asked_or_the_one_that_is_named():
    with served("mcp") as server:
        assert ask(make_mcp_delegate(options(server, tool="ask")))[0].text == server.text
        with pytest.raises(UnavailableError, match="there are: clock, ask") as caught:
            ask(make_mcp_delegate(options(server, tool="look")))
        assert "JOYVL_DELEGATE_TOOL" in caught.value.hint
        with pytest.raises(UnavailableError, match=r"takes no question|wants"):
            ask(make_mcp_delegate(options(server, tool="clock")))


def test_a_tool_that_fails_is_not_asked_again():
    with served("mcp", Behaviour.GARBLED) as server, pytest.raises(UnavailableError) as caught:
        ask(make_mcp_delegate(options(server)))
    assert caught.value.kind == "tool_failed"
    assert len(server.seen) == 1


def test_a_program_beside_the_bot_is_asked():
    answer, _ = ask(make_mcp_delegate(DelegateOptions(command=STDIO)))
    assert answer.text == f"You asked: {TASK.question}"


@pytest.mark.parametrize("command", ["/no/such/program", f"{sys.executable} -c pass", "echo hello"])
def test_a_program_that_is_no_server_is_an_error(command):
    with pytest.raises(UnavailableError) as caught:
        ask(make_mcp_delegate(DelegateOptions(command=command)), replace(TASK, within=6))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({}, "JOYVL_DELEGATE_URL or JOYVL_DELEGATE_COMMAND"),
        ({"url": "https://example.org/mcp", "command": "x"}, "not both"),
        ({"command": "'x"}, "quotes"),
        ({"url": "http://10.0.0.1/mcp"}, "JOYVL_DELEGATE_ALLOW_HOSTS"),
    ],
)
def test_settings_that_cannot_be_used_are_named(fields, hint):
    with pytest.raises(BadInputError) as caught:
        make_mcp_delegate(DelegateOptions(**fields))
    assert hint in caught.value.hint
