"""Wishes that need judgement the bot has not: somebody else is asked when something happens."""

from __future__ import annotations

from collections.abc import Sequence

from joyvl_core.models.embedded.percepts import Percept, PerceptKind
from joyvl_core.models.embedded.policy.proposing import Moment, Priority, Served, Utterance, WishPolicy

_PACE = 30.0
"""Seconds between two questions for the same wish."""
_NEWS = 5.0
"""Seconds for which a change is worth asking about, where it fell between two questions."""


class Judged(WishPolicy):
    """Asks whether the wish applies, on a change, at a bounded rate. The delegate's answer is what is said."""

    kinds = frozenset(PerceptKind) - {PerceptKind.TEXT_GONE, PerceptKind.LEAVE, PerceptKind.PASS}

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._asked = float("-inf")
        self._changed = float("-inf")

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        if self.wanted(percepts):
            self._changed = moment.now
        changed = moment.now - self._changed <= max(_NEWS, _PACE if moment.present else 0.0)
        if not (changed and moment.can_delegate and moment.now - self._asked >= _PACE):
            return []
        self._asked, self._changed = moment.now, float("-inf")
        return [
            self.utter("", Priority.ALERT, moment.now, "needs judgement", question=standing_question(self.wish.text))
        ]

    def wake_at(self) -> float | None:
        return None


def standing_question(text: str) -> str:
    """The question for a standing wish, in one line: does it apply now, and if so, what is to be said."""
    return (
        f"{text} (Look at the pictures, the newest last: does this apply now? If it does not, answer only NO. "
        "If it does, answer with one short sentence to say to the person, in the language of the wish.)"
    )


def applies(answer: str) -> bool:
    """Whether a delegate's answer to `standing_question` says that the wish applies."""
    words = answer.strip().lower()
    return bool(words) and not words.startswith(("no.", "no,", "no ", "no\n", "否", "不", "没有")) and words != "no"
