"""Wishes about words in the picture: read them out, have them translated."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Sequence
from difflib import SequenceMatcher

from joyvl_core.models.embedded.percepts import Percept, PerceptKind
from joyvl_core.models.embedded.policy import phrases
from joyvl_core.models.embedded.policy.proposing import Moment, Priority, Served, Utterance, WishPolicy

_AGAIN = 60.0
"""Seconds after which words that come back are new again."""
_ALIKE = 0.85
"""Recognised twice, the same words may differ by a letter."""


class _Read:
    """The words that were read lately."""

    def __init__(self) -> None:
        self._lately: deque[tuple[float, str]] = deque(maxlen=64)

    def is_new(self, text: str, now: float) -> bool:
        """Whether these words are new; remembers them."""
        bare = "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())
        known = any(now - t < _AGAIN and _alike(bare, old) for t, old in self._lately)
        self._lately.append((now, bare))
        return bool(bare) and not known


def _alike(a: str, b: str) -> bool:
    # Short words and numbers differ by a letter when they differ: "Page 1", "Page 2".
    if min(len(a), len(b)) < 12 or re.sub(r"\D", "", a) != re.sub(r"\D", "", b):
        return a == b
    return SequenceMatcher(None, a, b, autojunk=False).ratio() >= _ALIKE


class ReadText(WishPolicy):
    """Reads out each new text once, verbatim."""

    kinds = frozenset({PerceptKind.TEXT})

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._read = _Read()

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        return [
            self.utter(" ".join(p.text.split()), Priority.READ, moment.now, "new text", lifetime=10.0)
            for p in self.wanted(percepts)
            if self._read.is_new(p.text, moment.now)
        ]


class TranslateText(WishPolicy):
    """Has each new text translated by somebody who can; without one it stays silent."""

    kinds = frozenset({PerceptKind.TEXT})

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._read = _Read()

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        said = []
        for percept in self.wanted(percepts):
            if self._read.is_new(percept.text, moment.now) and moment.can_delegate:
                text = " ".join(percept.text.split())
                question = f"{self.wish.text} (The text is: “{text}”. Answer with the translation only.)"
                note = phrases.line("asking", self.wish.language)
                said.append(
                    self.utter(note, Priority.READ, moment.now, "text to translate", lifetime=10.0, question=question)
                )
        return said
