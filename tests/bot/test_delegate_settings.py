import asyncio

import pytest

from bot.assembly import engine_settings, make_delegate
from bot.settings import load_settings
from joyvl_core.delegation import DelegationSettings
from joyvl_core.errors import BadInputError, JoyVLError


@pytest.fixture(autouse=True)
def _nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("openai", {"JOYVL_DELEGATE_MODEL": "eye", "OPENAI_API_KEY": "sk-a"}),
        ("openai", {"JOYVL_DELEGATE_MODEL": "eye", "OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}),
        ("anthropic", {"JOYVL_DELEGATE_MODEL": "eye", "ANTHROPIC_API_KEY": "sk-a"}),
        ("webhook", {"JOYVL_DELEGATE_URL": "https://example.org/ask", "JOYVL_DELEGATE_SECRET": "s"}),
        (
            "webhook",
            {
                "JOYVL_DELEGATE_URL": "http://relay.lan/ask",
                "JOYVL_DELEGATE_SECRET": "s",
                "JOYVL_DELEGATE_ALLOW_HOSTS": "Relay.lan",
            },
        ),
        ("mcp", {"JOYVL_DELEGATE_URL": "https://example.org/mcp"}),
        ("mcp", {"JOYVL_DELEGATE_COMMAND": "uvx a-server --flag"}),
    ],
)
def test_each_delegate_is_made_from_the_environment(monkeypatch, name, variables):
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    delegate = make_delegate(load_settings(delegate=name))
    assert delegate is not None
    assert delegate.name == name
    asyncio.run(delegate.aclose())


@pytest.mark.parametrize("name", ["openai", "anthropic", "webhook", "mcp", "scripted"])
def test_one_without_its_settings_says_which(name):
    with pytest.raises(BadInputError) as caught:
        make_delegate(load_settings(delegate=name))
    assert "JOYVL_DELEGATE_" in caught.value.hint


def test_one_without_its_extra_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("integrations.delegates.extra.find_spec", lambda name: None)
    with pytest.raises(JoyVLError) as caught:
        make_delegate(load_settings(delegate="openai", delegate_model="eye"))
    assert caught.value.hint == "pip install 'joyvl[delegates]'"


def test_budgets_are_read_and_minus_one_is_none():
    assert engine_settings(load_settings()).delegation == DelegationSettings()
    settings = load_settings(delegate_tickets=-1, delegate_tokens=0, delegate_money=2.5, delegate_deadline=9.0)
    assert engine_settings(settings).delegation == DelegationSettings(tickets=None, tokens=0, money=2.5, deadline=9.0)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("JOYVL_DELEGATE_TICKETS", "-2"), ("JOYVL_DELEGATE_MONEY", "nan"), ("JOYVL_DELEGATE_AT_ONCE", "9")],
)
def test_bounds_that_are_none_are_refused(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInputError):
        load_settings()


def test_secrets_are_not_shown():
    settings = load_settings(delegate_secret="very-secret", openai_api_key="very-secret")  # noqa: S106 - what must not be seen
    assert "very-secret" not in repr(settings)
