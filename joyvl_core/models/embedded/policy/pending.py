"""What is worth saying and not yet said: bounded, the most urgent first, stale ones dropped."""

from __future__ import annotations

from collections.abc import Iterable

from joyvl_core.models.embedded.policy.proposing import Utterance


class Pending:
    """Utterances that wait for their tick."""

    def __init__(self, limit: int = 32) -> None:
        self._waiting: list[Utterance] = []
        self._limit = limit

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, utterances: Iterable[Utterance]) -> None:
        """Takes more; beyond the limit the least urgent, oldest one goes."""
        for utterance in utterances:
            if utterance.replace:
                self._waiting = [u for u in self._waiting if u.replace != utterance.replace]
            self._waiting.append(utterance)
            if len(self._waiting) > self._limit:
                self._waiting.remove(min(self._waiting, key=lambda u: (u.priority, u.born)))

    def next(self, now: float) -> Utterance | None:
        """Takes the most urgent one that is not stale, the oldest of equals; None when there is none."""
        self._waiting = [u for i, u in enumerate(self._waiting) if self._fresh(i, u, now)]
        if not self._waiting:
            return None
        chosen = max(self._waiting, key=lambda u: (u.priority, -u.born))
        self._waiting.remove(chosen)
        return chosen

    def drop(self, instruction: str) -> None:
        """Forgets what was to be said for an instruction."""
        self._waiting = [u for u in self._waiting if u.instruction != instruction]

    def _fresh(self, index: int, utterance: Utterance, now: float) -> bool:
        if now - utterance.born <= utterance.lifetime:
            return True
        later = self._waiting[index + 1 :]
        return utterance.total and not any(u.total and u.instruction == utterance.instruction for u in later)
