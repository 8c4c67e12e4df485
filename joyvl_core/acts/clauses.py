"""Text cut where a speaker would draw breath, so that the first words can be heard before the last are made."""

from __future__ import annotations

import re

_BREAK = re.compile(r"[,;:.!?…]+[\"')\]]*\s+|[，。；：！？、…]+[”’）」』]*\s*|\s*\n\s*")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")

_SHORTEST = 12
"""A clause below this weight is spoken with the next: a voice needs a few words for its melody."""
_LONGEST = 120
"""Above this weight a clause is cut between words."""


def clauses(text: str) -> list[str]:
    """Cuts a text into clauses.

    Args:
        text: Any text.

    Returns:
        Pieces that together are the text, none of them empty or without a visible character
        (unless the whole text is).
    """
    pieces: list[str] = []
    start = 0
    for found in _BREAK.finditer(text):
        if weight(text[start : found.end()].strip()) >= _SHORTEST:
            pieces += _shortened(text[start : found.end()])
            start = found.end()
    rest = text[start:]
    if rest.strip() or not pieces:
        return pieces + (_shortened(rest) if rest else [])
    return [*pieces[:-1], pieces[-1] + rest]


def weight(text: str) -> int:
    """How long it takes to say a text, in Latin letters: an ideograph is a syllable, worth about three."""
    return len(text) + 2 * len(_WIDE.findall(text))


def _shortened(piece: str) -> list[str]:
    """The piece in parts of at most the longest weight, cut after white space where there is any."""
    parts = []
    while weight(piece) > _LONGEST:
        end = _LONGEST
        while weight(piece[:end]) > _LONGEST:
            end -= 1
        space = piece.rfind(" ", _LONGEST // 4, end)
        end = space + 1 if space > 0 else end
        if not piece[:end].strip() or not piece[end:].strip():
            break
        parts.append(piece[:end])
        piece = piece[end:]
    return [*parts, piece]
