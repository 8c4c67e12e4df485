"""One completion by a chat model: the seam between what is asked and how a server is spoken to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol


class Rank(IntEnum):
    """Whose request a server takes first: the lower number."""

    TICK = 0
    REPLY = 10
    SUMMARY = 20


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote, and how many tokens that was, where the server tells."""

    text: str
    tokens: int | None = None


class Completes(Protocol):
    """Asks a chat model for one completion."""

    async def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int,
        sampling: Mapping[str, Any],
        priority: int,
        deadline: float,
    ) -> Completion:
        """The whole answer.

        Args:
            messages: As OpenAI's chat completions take them.
            max_tokens: Most tokens of the answer.
            sampling: `temperature`, `top_p`, `presence_penalty`; `top_k` and `repetition_penalty` where the server
                takes them.
            priority: Lower goes first, see `Rank`.
            deadline: Seconds that it may take altogether.

        Raises:
            JoyVLError: There is no answer; `hint` says what to do.
        """
        ...
