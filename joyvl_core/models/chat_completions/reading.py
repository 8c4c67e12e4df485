"""Reading an answer while it comes: what the model decides, how sure it is, and which words are complete."""

from __future__ import annotations

import math
from collections.abc import Mapping

from joyvl_core.actions import RESPONSE, SILENCE, Action, Speak, parse
from joyvl_core.acts.clauses import clauses
from joyvl_core.models.chat_completions.client import Part

_AFTER_SILENCE = 40
"""Characters that may follow silence before it is broken off."""
_MARKER_BEGINS = "<"


class Reader:
    """Reads one answer.

    Attributes:
        raw: What came so far.
        p_silence: Probability of silence by the first token, where the server told.
    """

    def __init__(self) -> None:
        self.raw = ""
        self.p_silence: float | None = None
        self._said = 0
        self._first = True

    @property
    def said(self) -> str:
        """The beginning of the answer that was handed out in clauses."""
        return self._words()[: self._said]

    def read(self, part: Part) -> list[str]:
        """Takes the next part; returns the clauses that are complete with it.

        A clause is handed out only of an answer that begins as a response, and only once more has come after it:
        together with what is left at the end they are the very text of the decision.
        """
        if self._first and part.logprobs is not None:
            self.p_silence = p_silence(part.logprobs)
        self._first = self._first and not part.text
        self.raw += part.text
        words = self._words()
        pieces = clauses(words[self._said :])[:-1] if words else []
        self._said += sum(len(piece) for piece in pieces)
        return pieces

    @property
    def over(self) -> bool:
        """Nothing that may still come matters: it goes on after silence, or its first line is complete.

        An answer that ends by itself is read to its end, where the server tells what it counted.
        """
        head = self.raw.lstrip()
        if head.startswith(SILENCE):
            return len(head) > len(SILENCE) + _AFTER_SILENCE
        if not head.startswith(RESPONSE):
            return False
        _, line_ended, more = head.removeprefix(RESPONSE).lstrip().partition("\n")
        # On a line of its own a delegation may still follow.
        return bool(line_ended) and bool(more.strip()) and not more.lstrip().startswith(_MARKER_BEGINS)

    def cut(self) -> None:
        """Nothing more comes: of a response only what was handed out stands."""
        self.raw = f"{RESPONSE} {self.said}"

    def action(self) -> Action:
        """What the whole answer decides."""
        return parse(self.raw)

    def _words(self) -> str:
        """The words of a response so far that are sure to be in the decision's text."""
        head = self.raw.lstrip()
        if not head.startswith(RESPONSE):
            return ""
        body = head.removeprefix(RESPONSE).lstrip().partition("\n")[0]
        # From the first angle bracket on it may be a marker that has only half come.
        body = body.partition("<")[0]
        action = parse(f"{RESPONSE} {body}")
        return action.text if isinstance(action, Speak) else ""


def p_silence(logprobs: Mapping[str, float]) -> float | None:
    """Probability of silence, by the log-probabilities of the first token; None where it is not among them."""
    told = logprobs.get(SILENCE)
    if told is None or math.isnan(told):
        return None
    return math.exp(min(told, 0.0))


def bias(talkativeness: float) -> float:
    """What is added to the log-odds of silence so that the dial becomes the probability at which the bot speaks.

    At 0.5 nothing; at 0.9 the model is silent only where it would be with a probability above 0.9.
    """
    dial = min(max(talkativeness, 0.01), 0.99)
    return math.log((1.0 - dial) / dial)
