"""What a model that is served elsewhere needs to know: one shape for every backend's factory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from joyvl_core.codec import CodecSettings

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where a model is served, and how it is to be asked.

    Attributes:
        url: The API's root, with `/v1`.
        name: The model's name there; "" takes the only one that is served.
        key: Its key.
        prompts: A person's own prompt files.
        persona: Who the bot is and how it speaks, for a model that is taught by its prompt.
        context: Most tokens of a prompt with its answer.
        seed: Makes a server that samples repeat itself.
        delegates: Whether delegation is offered to the model.
        summary_url: Where summaries are made; "" at the model's own server, `embedded` without a model.
        summary_name: The summarizing model's name there; "" takes the model's own, or the only one.
        summary_key: Its key; the model's own goes to the model's own server alone.
        codec: How pictures are sent.
        connect: Makes the way to a server, by its URL; where it is None, or makes none, the environment says.
    """

    url: str = "http://127.0.0.1:8000/v1"
    name: str = ""
    key: SecretStr | None = None
    prompts: Path | None = None
    persona: str = ""
    context: int = 32_768
    seed: int | None = None
    delegates: bool = True
    summary_url: str = ""
    summary_name: str = ""
    summary_key: SecretStr | None = None
    codec: CodecSettings = field(default_factory=CodecSettings)
    connect: Callable[[str], httpx.AsyncBaseTransport | None] | None = None
