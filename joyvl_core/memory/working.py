"""Working memory: the last turns of the conversation, verbatim and bounded."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that was said. `by`: `person` or `bot`; `about`: id of the archive's event it was about, if any."""

    t: float
    by: Literal["person", "bot"]
    text: str
    about: int | None = None


class WorkingMemory:
    """The newest turns, oldest first."""

    def __init__(self, limit: int = 100) -> None:
        self._turns: deque[Turn] = deque(maxlen=limit)

    def add(self, turn: Turn) -> None:
        """Takes a turn; the oldest goes when there are too many."""
        self._turns.append(turn)

    def turns(self, *, since: float = float("-inf")) -> tuple[Turn, ...]:
        """The turns from session second `since` on."""
        return tuple(turn for turn in self._turns if turn.t >= since)

    def forget(self, since: float, until: float) -> None:
        """Forgets the turns between two session seconds."""
        left = [turn for turn in self._turns if not since <= turn.t <= until]
        self._turns.clear()
        self._turns.extend(left)

    def subject(self) -> int | None:
        """What the newest turn that was about an event was about: what "that" means."""
        return next((turn.about for turn in reversed(self._turns) if turn.about is not None), None)
