"""What a person sets for whoever answers hard questions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

if TYPE_CHECKING:
    from integrations.egress import Egress


@dataclass(frozen=True, slots=True)
class DelegateOptions:
    """The settings of every delegate in one place; each reads those it needs.

    Attributes:
        script: The scripted delegate's answers, a JSON file.
        model: The model's name at its service.
        url: The webhook, or an MCP server's endpoint.
        command: The command that starts an MCP server on its standard input and output, instead of a URL.
        tool: The MCP server's tool that is asked; "" chooses.
        secret: Signs the webhook's requests; an MCP server's bearer token.
        allow_hosts: Hosts of `url` that may be reached although their addresses are not public.
        openai_key: The key of the OpenAI-compatible service.
        openai_url: Its base URL; "" is OpenAI's own.
        anthropic_key: The key of Anthropic's service.
        anthropic_url: Its base URL; "" is Anthropic's own.
        price_in: Price of a million tokens of the question, in the currency of the session's budget.
        price_out: Price of a million tokens of the answer.
        priority: vLLM's scheduling priority, lower is sooner; None sends none.
        max_tokens: Longest answer of a model, in tokens.
        egress: Where the services of `openai_url` and `anthropic_url` may be; None asks them wherever they are.
    """

    script: Path | None = None
    model: str = ""
    url: str = ""
    command: str = ""
    tool: str = ""
    secret: SecretStr = field(default_factory=lambda: SecretStr(""))
    allow_hosts: frozenset[str] = frozenset()
    openai_key: SecretStr = field(default_factory=lambda: SecretStr(""))
    openai_url: str = ""
    anthropic_key: SecretStr = field(default_factory=lambda: SecretStr(""))
    anthropic_url: str = ""
    price_in: float = 0.0
    price_out: float = 0.0
    priority: int | None = None
    max_tokens: int = 1_500
    egress: Egress | None = None

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1_000_000
