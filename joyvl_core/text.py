"""Words from outside, made fit for logs, terminals and models."""

from __future__ import annotations

from unicodedata import category

_KEPT_CONTROLS = "\n\t"


def whole(text: str) -> str:
    """The text with halves of characters replaced, which neither a file nor a network takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def tidy(text: str, longest: int) -> str:
    """The text without control characters and halves of characters, cut to a length with an ellipsis."""
    kept = "".join(sign for sign in whole(text) if sign in _KEPT_CONTROLS or category(sign) != "Cc")
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def language_of(text: str) -> str:
    """`zh` for text with Chinese characters in it, else `en`: what decides the voice."""
    return "zh" if any("\u4e00" <= sign <= "\u9fff" for sign in text) else "en"
