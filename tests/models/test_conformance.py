"""Every interaction model of ours keeps the port's promises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from joyvl_core.models.chat_completions import make_joyvl_model, make_prompted_model
from joyvl_core.models.embedded import make_embedded_model
from joyvl_core.models.serving import ServerOptions
from joyvl_core.ports import InteractionModel
from tests.conformance.model import ModelConformance
from tests.stand_ins.model_server import ModelServer, Reply, Seen


def script(seen: Seen) -> Reply:
    return Reply("</response> I see a car, and it is a red one. It goes on." if "[User" in seen.text else "</silence>")


class TestEmbedded(ModelConformance):
    @contextmanager
    def made(self) -> Iterator[InteractionModel]:
        yield make_embedded_model(inline=True)


class TestJoyvl(ModelConformance):
    @contextmanager
    def made(self) -> Iterator[InteractionModel]:
        with ModelServer(script) as server:
            yield make_joyvl_model(server=ServerOptions(server.url))


class TestPrompted(ModelConformance):
    @contextmanager
    def made(self) -> Iterator[InteractionModel]:
        with ModelServer(script, vllm=False, specials={}) as server:
            yield make_prompted_model(server=ServerOptions(server.url, summary_url="embedded"))
