"""Puts typed English right where a word is known by nobody and one letter away from a word that wishes are made of."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

from joyvl_core.models.embedded.understanding.lexicon import category_of, colour_of
from joyvl_core.models.embedded.understanding.wording import quotations
from joyvl_core.models.embedded.understanding.wordlists import texts, words

_WORD = re.compile(r"(?<![\w@#'-])[a-zA-Z]+(?![\w'-])")
_SHORTEST = 4
"""Shorter words are too close to one another to be put right by a letter."""
_ENDINGS = ("s", "es", "ed", "d", "ing", "er", "ers", "r", "ly", "y")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def corrected(text: str) -> str:
    """The text with chat's short forms spelled out and with slips of one letter put right; quotations stay."""
    short = texts("spelling", "short")

    def right(match: re.Match[str]) -> str:
        word = match[0].lower()
        name = match.start() > 0 and match[0].istitle() and len(word) > 1
        return match[0] if name else short.get(word) or _nearest(word) or match[0]

    quoted = [*quotations(text), (len(text), len(text))]
    pieces, start = [], 0
    for opens, closes in quoted:
        pieces += [_WORD.sub(right, text[start:opens]), text[opens:closes]]
        start = closes
    return "".join(pieces)


@lru_cache(maxsize=1024)
def _nearest(word: str) -> str:
    """The one word of wishes that is a letter away from an unknown word; "" where there is none, or several."""
    if len(word) < _SHORTEST or _known(word):
        return ""
    near = {slip for slip in _slips(word) if slip in _targets() and slip[0] == word[0]}
    return near.pop() if len(near) == 1 else ""


def _known(word: str) -> bool:
    if category_of(word) is not None or colour_of(word, "en"):
        return True
    stems = (word, *(word.removesuffix(end) for end in _ENDINGS), *(f"{word.removesuffix(end)}e" for end in _ENDINGS))
    return any(stem in _vocabulary() for stem in stems)


@lru_cache(maxsize=1)
def _targets() -> frozenset[str]:
    """The words that decide what a wish means, long enough for a slip to be told from another word."""
    return frozenset(word for word in words("spelling", "targets") if len(word) >= _SHORTEST)


@lru_cache(maxsize=1)
def _vocabulary() -> frozenset[str]:
    """Every word that the exemplars and the word lists know: none of them is a slip."""
    exemplars = files(__package__).joinpath("exemplars.en.txt").read_text("utf-8").lower()
    lists = (
        words("things", "stops"),
        words("things", "places"),
        words("wording", "english"),
        words("spelling", "real"),
    )
    return frozenset(re.findall(r"[a-z]+", exemplars)).union(_targets(), *lists)


def _slips(word: str) -> set[str]:
    """What the word is with a letter dropped, doubled, changed, or with two changed round."""
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    dropped = {a + b[1:] for a, b in cuts if b}
    turned = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    changed = {a + c + b[1:] for a, b in cuts if b for c in _LETTERS}
    added = {a + c + b for a, b in cuts for c in _LETTERS}
    return dropped | turned | changed | added
