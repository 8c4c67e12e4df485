"""What of a text can be said aloud, and in which language."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 600
"""Characters of one utterance; the rest is left unsaid."""

_IDEOGRAPHIC = {"zh", "yue", "ja", "ko"}
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": ", ", "—": ", ", "€": " euros ", "£": " pounds "})
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_LINK = re.compile(r"https?://\S+", re.IGNORECASE)
_UNSPOKEN = {"Cc", "Cf", "Cs", "Co", "Cn", "So", "Sk"}
"""Unicode categories that no voice says: control and format characters, surrogates, symbols like emoji."""


def sayable(text: str) -> str:
    """The text in one line, without links, emoji, control characters or markup; "" when nothing is left to say."""
    text = _LINK.sub(" ", text[: 4 * LONGEST])
    kept = "".join(" " if unicodedata.category(char) in _UNSPOKEN else char for char in text)
    # Both programs give square brackets, and speech markup, a meaning of their own.
    kept = " ".join(re.sub(r"[\[\]<>{}|\\`*_~^#]", " ", kept).split())[:LONGEST].strip()
    return kept if any(char.isalnum() for char in kept) else ""


def spoken_language(text: str, language: str) -> str:
    """The language to say a text in: the caller's, unless that is written in letters and the text has ideographs."""
    if language.split("-")[0].lower() in _IDEOGRAPHIC:
        return language
    return "zh" if _CJK.search(text) else language


def in_ascii(text: str) -> str:
    """The text in the only letters that flite knows: accents dropped, typographic signs made plain."""
    return unicodedata.normalize("NFKD", text.translate(_PLAIN)).encode("ascii", "ignore").decode()
