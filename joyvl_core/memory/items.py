"""What is kept, and what is asked of a summarizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class MemoryItem:
    """Something a session is to remember beyond its process.

    Attributes:
        kind: summary, block, exchange (a question with its answers), seen (a percept), or a model's own word.
        t: Session second at which it begins.
        until: Session second at which it ends.
        text: In words: what is searched and shown.
        tokens: What it costs in a prompt, where that was measured.
        data: What the model needs beside the text to take it up again; JSON.
    """

    kind: str
    t: float
    until: float
    text: str
    tokens: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SummaryTask:
    """What a summary is to be made of.

    Attributes:
        kind: `chunk`: the turns of a chunk; `block`: several summaries, to be compressed into one.
        t: Session second at which it begins.
        until: Session second at which it ends.
        lines: What happened, oldest first, each line beginning with its time; for a block the summaries.
        pictures: JPEGs of key moments, oldest first.
        language: The persona's: `en` or `zh`.
        tokens: Upper bound of the summary's length.
    """

    kind: Literal["chunk", "block"]
    t: float
    until: float
    lines: tuple[str, ...]
    pictures: tuple[bytes, ...] = ()
    language: str = "en"
    tokens: int = 1_000


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary, and what it costs in a prompt where that was measured."""

    text: str
    tokens: int | None = None
