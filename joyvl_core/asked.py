"""What is asked of a delegate, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from joyvl_core.media import Rgb


@dataclass(frozen=True, slots=True)
class DelegateTask:
    """A question for somebody else. `pictures` are the recent frames, oldest first; `digest` what is known."""

    id: str
    question: str
    digest: str
    pictures: tuple[Rgb, ...] = ()
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a delegate answers.

    Attributes:
        text: In words.
        tokens: Tokens it took, in and out, where the delegate tells.
        cost: What it cost, in the currency of the session's budget, where that is known.
    """

    text: str
    tokens: int = 0
    cost: float = 0.0
