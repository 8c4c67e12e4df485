"""The words as they came in, made fit to be read: cleaned, capped, their language told."""

from __future__ import annotations

import re
import unicodedata

from joyvl_core.models.embedded.understanding.wordlists import pattern, words

MAX_CHARS = 300
"""Only so many characters of a line are read; the time it takes is bounded by that."""

_MENTION = re.compile(r"^\s*@[\w.-]{1,40}[,:]?\s+")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'"})
_HAN = re.compile(r"[㐀-鿿]")
_KANA_OR_HANGUL = re.compile(r"[぀-ヿ가-힣]")
_LATIN_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_QUOTED = pattern("wording", "quoted")

# Small words that nearly every sentence of these languages has some of, and English has not.
_FOREIGN = words("wording", "foreign")
_ENGLISH = words("wording", "english")


def clean(text: str) -> str:
    """The text in one line: NFKC, no control characters or lone surrogates, at most `MAX_CHARS` long."""
    text = unicodedata.normalize("NFKC", text[: 4 * MAX_CHARS])
    kept = (
        "" if unicodedata.category(c) in ("Cs", "Cf", "Co", "Cn") else " " if c < " " or c == "\x7f" else c
        for c in text
    )
    text = " ".join("".join(kept).translate(_APOSTROPHES).split())
    return _MENTION.sub("", text)[:MAX_CHARS].strip()


def language_of(text: str, default: str = "en") -> str:
    """`en`, `zh`, or "" where the text is in neither."""
    if _KANA_OR_HANGUL.search(text):
        return ""
    if _HAN.search(text):
        return "zh"
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return default if any(c.isdigit() for c in text) else ""
    if sum(c.isascii() for c in letters) < 0.9 * len(letters):
        return ""
    words = _LATIN_WORD.findall(unquoted(text).lower()) or _LATIN_WORD.findall(text.lower())
    english = sum(word in _ENGLISH for word in words)
    foreign = sum(word in _FOREIGN and word not in _ENGLISH for word in words)
    if foreign > english:
        return ""
    # A line of several words with none of the small ones is no English sentence; one of a few may be terse.
    return "en" if english or (len(words) <= 3 and max(map(len, words), default=99) <= 14) else ""


def quotes(text: str) -> list[str]:
    """What stands in quotation marks, in order."""
    found = ((match.lastgroup and match[match.lastgroup]) or "" for match in _QUOTED.finditer(text))
    return [quote.strip() for quote in found if quote.strip()]


def quotations(text: str) -> list[tuple[int, int]]:
    """Where quotations stand in the text, marks included."""
    return [match.span() for match in _QUOTED.finditer(text)]


def unquoted(text: str) -> str:
    """The text with an ellipsis for each quotation, so that quoted words are not taken for the wish."""
    return _QUOTED.sub(" … ", text)
