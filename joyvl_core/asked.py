"""What is asked of a delegate, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from joyvl_core.media import Rgb


@dataclass(frozen=True, slots=True)
class DelegateTask:
    """A question for somebody else.

    Attributes:
        id: The ticket's id, unique in the session.
        question: In words.
        digest: What is known: the standing instructions, and what was said, heard and written lately.
        pictures: The recent frames, oldest first.
        language: The language to answer in, `en` or `zh`.
        session: The session's id; "" where it has none.
        within: Seconds in which the answer is wanted; after them nobody waits for it.
    """

    id: str
    question: str
    digest: str
    pictures: tuple[Rgb, ...] = ()
    language: str = "en"
    session: str = ""
    within: float = 60.0


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
