"""Any OpenAI-compatible vision-language model as a model of the core, and as a summarizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joyvl_core.models.serving import ServerOptions

if TYPE_CHECKING:
    from joyvl_core.models.chat_completions.model import ChatCompletionsModel
    from joyvl_core.models.chat_completions.prompts import Profile

EMBEDDED = "embedded"
"""As a place for summaries: made without a model, by picking lines."""


def make_joyvl_model(
    language: str = "en", *, wall_time: bool = False, inline: bool = False, server: ServerOptions | None = None
) -> ChatCompletionsModel:
    """The released weights on a server, asked by their own protocol.

    Args:
        language: Of prompts and summaries, `en` or `zh`.
        wall_time: Not needed: the model sees session time.
        inline: Not needed: every turn is awaited.
        server: Where and how.
    """
    return _make("joyvl", language, server or ServerOptions())


def make_prompted_model(
    language: str = "en", *, wall_time: bool = False, inline: bool = False, server: ServerOptions | None = None
) -> ChatCompletionsModel:
    """Any other vision-language model on an OpenAI-compatible server, taught the protocol by its prompt.

    Args:
        language: Of prompts and summaries, `en` or `zh`.
        wall_time: Not needed: the model sees session time.
        inline: Not needed: every turn is awaited.
        server: Where and how.
    """
    return _make("prompted", language, server or ServerOptions())


def _make(profile: Profile, language: str, server: ServerOptions) -> ChatCompletionsModel:
    # Network and sentence model are loaded by whoever asks for a model, not by whoever reads this package.
    from joyvl_core.memory.tiers import TieredMemory
    from joyvl_core.models.chat_completions.client import ChatClient
    from joyvl_core.models.chat_completions.model import ChatCompletionsModel
    from joyvl_core.models.chat_completions.options import ChatOptions
    from joyvl_core.models.chat_completions.server import Server
    from joyvl_core.models.chat_completions.summarizer import ChatSummarizer
    from joyvl_core.models.embedded.summarizer import ExtractiveSummarizer
    from joyvl_core.models.embedded.understanding import Understanding

    options = ChatOptions(
        url=server.url,
        name=server.name,
        key=server.key,
        profile=profile,
        language=language,
        prompts=server.prompts,
        persona=server.persona,
        delegates=server.delegates,
        context=server.context,
        seed=server.seed,
        codec=server.codec,
    )
    connect = server.connect or _as_usual
    asked = Server(options, connect(server.url))
    fallback = ExtractiveSummarizer()
    summarizer: ChatSummarizer | ExtractiveSummarizer = fallback
    elsewhere: ChatClient | None = None
    if not server.summary_url:
        summarizer = ChatSummarizer(asked.client)
    elif server.summary_url != EMBEDDED:
        elsewhere = ChatClient(
            server.summary_url,
            model=server.summary_name or server.name,
            key=server.summary_key,
            transport=connect(server.summary_url),
        )
        summarizer = ChatSummarizer(elsewhere)
    memory = TieredMemory(summarizer, fallback=fallback, settings=options.memory, language=language)
    return ChatCompletionsModel(options, asked, memory, understanding=Understanding(), also_closes=elsewhere)


def _as_usual(url: str) -> None:
    """No way of its own: the environment's."""
