"""The health of a session's parts: each trouble is told, none is told again and again."""

from __future__ import annotations

from joyvl_core.clock import Clock
from joyvl_core.errors import JoyVLError
from joyvl_core.events import EventLog
from joyvl_core.text import whole

AGAIN_AFTER = 60.0
"""Least seconds between two reports of a failing part."""
_LONGEST = 300


class Health:
    """Reports to the log that a part fails, and that it works again."""

    def __init__(self, clock: Clock, log: EventLog) -> None:
        self._clock = clock
        self._log = log
        self._ill: set[str] = set()
        self._told: dict[str, tuple[str, float]] = {}

    def failing(self, part: str, error: Exception) -> None:
        """A part failed. Told once until it recovers; a new reason, or a relapse, after a minute at the soonest."""
        reason = whole(str(error) or type(error).__name__)[:_LONGEST]
        told, at = self._told.get(part, ("", float("-inf")))
        recent = self._clock.now() - at < AGAIN_AFTER
        if recent or (part in self._ill and reason == told):
            return
        self._ill.add(part)
        self._told[part] = (reason, self._clock.now())
        hint = error.hint if isinstance(error, JoyVLError) else "The bot goes on meanwhile."
        self._log.status(f"{part}.failing", reason, hint)

    def works(self, part: str) -> None:
        """A part worked. Told where its failing was told."""
        if part in self._ill:
            self._ill.discard(part)
            self._log.status(f"{part}.recovered", f"the {part} works again")

    async def committed(self) -> None:
        """What was written survives this process; a store that fails is told, and doesn't silence the bot."""
        try:
            await self._log.committed()
        except JoyVLError as error:
            self.failing("store", error)
        else:
            self.works("store")
