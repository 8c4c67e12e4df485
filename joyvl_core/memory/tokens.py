"""What texts cost in a prompt, where nobody measured it."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from joyvl_core.memory.items import Summary

Count = Callable[[str], int]
"""An upper bound of the tokens of a text; a prefix of a text never counts more than the text."""

_LONGEST = 8
"""Bytes a token that are believed of running text; a measure that says more a token is not believed."""


def upper_bound(text: str) -> int:
    """The bytes of the text in UTF-8.

    A byte-level BPE (Qwen, GPT, Llama 3) begins with one token a byte and only merges: no text has more tokens than
    bytes. English has about a quarter of that, Chinese a third to a fifth.
    """
    return len(text.encode("utf-8", "replace"))


def cut(text: str, tokens: int, count: Count = upper_bound) -> str:
    """The longest beginning of the text that costs at most so many tokens, ended at a word where it was cut."""
    if count(text) <= tokens:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        fits, too_long = (middle, too_long) if count(text[:middle]) <= tokens else (fits, middle)
    kept = text[:fits]
    end = max(kept.rfind(sign) for sign in " \n。，；、")
    return (kept[: end + 1] if end > fits // 2 else kept).rstrip()


def bounded(summary: Summary, tokens: int, count: Count = upper_bound) -> Summary:
    """The summary with what it costs, cut where that is more than it may.

    What was measured is believed as far as it can be true, and never above the count.
    """
    most = count(summary.text)
    if summary.tokens is not None:
        most = min(most, max(summary.tokens, ceil(upper_bound(summary.text) / _LONGEST)))
    if most <= tokens:
        return Summary(summary.text, most)
    text = cut(summary.text, tokens, count)
    return Summary(text, count(text))
