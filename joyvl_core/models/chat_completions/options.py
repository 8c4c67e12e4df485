"""What may be chosen about a model behind a chat-completions server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from joyvl_core.codec import CodecSettings
from joyvl_core.memory.tiers import MemorySettings
from joyvl_core.models.chat_completions.prompts import Profile

SAMPLING: Mapping[Profile, Mapping[str, float]] = {
    # The released weights' own serving values.
    "joyvl": {
        "temperature": 0.8,
        "top_p": 0.9,
        "top_k": 40,
        "repetition_penalty": 1.05,
        "presence_penalty": 0.4,
    },
    "prompted": {"temperature": 0.3, "top_p": 0.9},
}


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """One session's model.

    Attributes:
        url: The API's root, with `/v1`.
        name: The model's name on the server; "" takes the only one that it serves.
        key: Its key.
        profile: `joyvl` for the released weights, `prompted` for any other.
        language: The persona's: `en` or `zh`.
        prompts: A person's own prompt files.
        persona: Who the bot is and how it speaks; only the profile `prompted` is told.
        delegates: Whether the system prompt offers delegation.
        context: Most tokens of a prompt with its answer; the server may allow less.
        memory_tokens: Most of them for what is no longer visible.
        max_tokens: Most tokens of an answer.
        seed: Makes a server that samples repeat itself; None leaves it free.
        deadline: Seconds in which an answer must be there.
        most_bytes: Most bytes of pictures in a chunk, for servers that want them anew with every request.
        unasked: Whether the model is asked at all while there is no instruction and nobody spoke to it.
    """

    url: str
    name: str = ""
    key: SecretStr | None = None
    profile: Profile = "joyvl"
    language: str = "en"
    prompts: Path | None = None
    persona: str = ""
    delegates: bool = True
    context: int = 32_768
    memory_tokens: int = 8_000
    max_tokens: int = 256
    seed: int | None = None
    deadline: float = 15.0
    most_bytes: int = 3_000_000
    unasked: bool = True
    memory: MemorySettings = field(default_factory=MemorySettings)
    codec: CodecSettings = field(default_factory=CodecSettings)
