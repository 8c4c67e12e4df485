"""What memory gives back to a prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from joyvl_core.text import tidy

HEADING = 40
"""Tokens allowed for what a prompt writes around each passage, question and answer: number, times, role, break."""

_MARKUP = re.compile(r"</?\s*(?:silence|response|delegation|delegate)\s*/?>|<\|[^|<>]{0,40}\|>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Passage:
    """A summary or a block: what happened between two session seconds, and what the text costs in tokens."""

    t: float
    until: float
    text: str
    tokens: int

    def overlaps(self, since: float, until: float) -> bool:
        """Whether any of it lies between two session seconds."""
        return self.t <= until and self.until >= since


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, the session second at which it was given, and what its text costs in tokens."""

    t: float
    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answers, oldest first.

    Attributes:
        id: Of the question; "" where it was said of its own accord, or the question has been asked anew.
        t: Session second of the question; of the first answer where there is none.
        author: Who asked.
        question: In words, or "".
        tokens: What author and question cost.
    """

    id: str
    t: float
    author: str
    question: str
    tokens: int
    answers: tuple[Said, ...] = ()

    @property
    def cost(self) -> int:
        """Tokens of all of it in a prompt."""
        return self.tokens + (HEADING if self.question else 0) + sum(said.tokens + HEADING for said in self.answers)

    @property
    def last(self) -> float:
        """Session second at which something was last said in it."""
        return self.answers[-1].t if self.answers else self.t


@dataclass(frozen=True, slots=True)
class Recall:
    """What fits a budget, each tier oldest first.

    Attributes:
        blocks: Long-term memory.
        summaries: Mid-term memory: what the blocks don't cover yet.
        exchanges: What was asked and answered.
        tokens: What all of it costs, `HEADING` for each passage, question and answer included.
    """

    blocks: tuple[Passage, ...] = ()
    summaries: tuple[Passage, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    tokens: int = 0


def cost(passages: Iterable[Passage]) -> int:
    """Tokens of passages in a prompt."""
    return sum(passage.tokens + HEADING for passage in passages)


def plain(text: str, longest: int) -> str:
    """The text as a prompt may quote it: no control characters, no markers of the protocol, at most so long."""
    kept = tidy(text, longest)
    while (stripped := _MARKUP.sub(" ", kept)) != kept:  # what is left may have closed up to a new one
        kept = stripped
    return kept.strip()
