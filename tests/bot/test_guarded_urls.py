"""URLs that people entered elsewhere: a session's process connects to public hosts alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from bot.assembly import make_delegate, ready_model
from bot.settings import Settings
from joyvl_core.errors import BadInputError, JoyVLError
from tests.conformance.delegate import ask
from tests.stand_ins.delegate_servers import served
from tests.stand_ins.model_server import ModelServer


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as started:
        yield started


def settings(server: ModelServer, **more: Any) -> Settings:
    """A name stands for this machine, as after DNS was changed."""
    url = server.url.replace("127.0.0.1", "localhost")
    given = {"model": "prompted", "model_url": url, "summary_url": url, **more}
    return Settings(_env_file=None, **given)  # type: ignore[call-arg]  # of pydantic-settings


async def ready(given: Settings) -> None:
    async with ready_model(given):
        pass


def test_a_guarded_model_is_not_asked_where_it_is_not_public(server):
    with pytest.raises(BadInputError, match="localhost may not be reached"):
        asyncio.run(ready(settings(server, url_guard="model_url, summary_url")))
    assert not server.seen


@pytest.mark.parametrize(
    "more",
    [{}, {"url_guard": "openai_base_url"}, {"url_guard": "model_url", "url_allow_hosts": "localhost"}],
    ids=["not guarded", "another is", "allowed"],
)
def test_who_runs_the_bot_may_have_their_model_anywhere(server, more):
    asyncio.run(ready(settings(server, **more)))


def test_a_guarded_delegate_is_not_asked_where_it_is_not_public():
    with served("openai") as asked:
        url = asked.url.replace("127.0.0.1", "localhost")
        given = {"delegate": "openai", "delegate_model": "eye", "openai_base_url": url, "openai_api_key": "k"}
        guarded = make_delegate(Settings(_env_file=None, url_guard="openai_base_url", **given))
        with pytest.raises(JoyVLError):
            ask(guarded)
        assert not asked.seen
        ask(make_delegate(Settings(_env_file=None, **given)))
        assert len(asked.seen) == 1
