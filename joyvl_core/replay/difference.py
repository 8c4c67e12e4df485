"""What is different between a session as it was and as it is replayed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from joyvl_core.actions import ActionName, Delegate, Silence, Speak, name_of
from joyvl_core.observation import Decision
from joyvl_core.replay.stepping import Step

MOVED_WITHIN = 2.0
"""Seconds within which the same words count as said, only at another moment."""


class Verdict(StrEnum):
    """How one tick's decision compares with the recorded one."""

    SAME = "same"
    WORDS = "words"
    ACTION = "action"
    FAILED = "failed"
    NO_TURN = "no_turn"


def words_of(decision: Decision) -> str:
    """What a decision says, and what it asks."""
    match decision.action:
        case Silence():
            return ""
        case Speak(text):
            return text.strip()
        case Delegate(note, question):
            return f"{note} → {question}".strip()


def words_before(step: Step) -> str:
    """What the recorded decision said, and what it asked."""
    was = step.was
    return f"{was.text} → {was.question}".strip() if was.decided == "delegate" else was.text.strip()


def verdict_of(step: Step) -> Verdict:
    """The comparison of what the models decided; what gates did to it afterwards doesn't count."""
    if step.failed:
        return Verdict.FAILED
    if step.decision is None:
        return Verdict.NO_TURN
    if name_of(step.decision.action) != step.was.decided:
        return Verdict.ACTION
    return Verdict.SAME if words_of(step.decision) == words_before(step) else Verdict.WORDS


@dataclass(slots=True)
class Side:
    """One of the two: what it decided altogether.

    Attributes:
        actions: How often it decided what.
        tokens: What its pictures cost.
        p_silence: Mean probability of silence, where it told; None where it never did.
    """

    actions: dict[ActionName, int] = field(default_factory=lambda: {"silence": 0, "speak": 0, "delegate": 0})
    tokens: int = 0
    _p_sum: float = 0.0
    _p_count: int = 0

    @property
    def p_silence(self) -> float | None:
        return self._p_sum / self._p_count if self._p_count else None

    def add(self, action: ActionName, tokens: int, p_silence: float | None) -> None:
        """Counts one decision."""
        self.actions[action] += 1
        self.tokens += tokens
        if p_silence is not None:
            self._p_sum += p_silence
            self._p_count += 1


@dataclass(slots=True)
class Tally:
    """The sum of a replay.

    Attributes:
        verdicts: How often each came.
        acts: Ticks at which one of the two was not silent.
        acts_same: Those of them with the same decision.
        moved: Remarks with the same words within two seconds, that are no pair at one tick.
    """

    verdicts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    was: Side = field(default_factory=Side)
    now: Side = field(default_factory=Side)
    acts: int = 0
    acts_same: int = 0
    moved: int = 0
    _said: dict[bool, deque[tuple[float, str]]] = field(default_factory=lambda: {False: deque(), True: deque()})

    @property
    def asked(self) -> int:
        """Ticks at which the model decided."""
        return sum(self.verdicts.values()) - self.verdicts[Verdict.NO_TURN] - self.verdicts[Verdict.FAILED]

    @property
    def agreement(self) -> float | None:
        """Share of those with the same decision in the same words; None where there is none."""
        return self.verdicts[Verdict.SAME] / self.asked if self.asked else None

    def add(self, step: Step) -> Verdict:
        """Counts a step and returns its verdict."""
        verdict = verdict_of(step)
        self.verdicts[verdict] += 1
        self.was.add(step.was.decided, step.was.tokens, step.was.p_silence)
        if step.decision is not None and not step.failed:
            self.now.add(name_of(step.decision.action), step.tokens, step.decision.p_silence)
        words = words_of(step.decision) if step.decision else ""
        if words or words_before(step):
            self.acts += 1
            self.acts_same += verdict is Verdict.SAME
        if verdict is not Verdict.SAME:
            self._look_for(words_before(step), step.now, mine=False)
            self._look_for(words, step.now, mine=True)
        return verdict

    def _look_for(self, words: str, now: float, *, mine: bool) -> None:
        """Pairs a remark with the other side's same words a moment before, or keeps it to be found."""
        for said in self._said.values():
            while said and said[0][0] < now - MOVED_WITHIN:
                said.popleft()
        if not words:
            return
        others = self._said[not mine]
        for other in others:
            if other[1] == words:
                others.remove(other)
                self.moved += 1
                return
        self._said[mine].append((now, words))
