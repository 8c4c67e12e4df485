"""One utterance: what one tick says, from its first part to its last."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from joyvl_core.acts.clauses import clauses
from joyvl_core.ports import Act

LONGEST = 4_000
"""Characters of an utterance; what comes after them is not said."""


@dataclass(slots=True, eq=False)
class Utterance:
    """An act that waits for the voice or is being said, and the acts that go on with it.

    Attributes:
        act: The first part; its priority, replace key, language and expiry are the utterance's.
        text: All parts so far.
        whole: No part is to come any more.
        heard: How much of the text has begun to sound.
        begun: Some of it has sounded.
        ended: Why it was cut off.
        task: Says it.
    """

    act: Act
    text: str = field(init=False)
    whole: bool = field(init=False)
    heard: str = ""
    begun: bool = False
    ended: str = ""
    task: asyncio.Task[None] | None = None
    _taken: int = 0
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.text = self.act.text
        self.whole = not self.act.more

    def grow(self, act: Act) -> bool:
        """Takes the act in where it goes on with this utterance; returns whether it does."""
        if self.whole or act.tick != self.act.tick:
            return False
        self.text = (self.text + act.text)[:LONGEST]
        self.whole = not act.more
        self._grown.set()
        return True

    async def clauses(self, patience: float) -> list[str]:
        """What has come and was not handed out yet, cut into clauses, as soon as there is any.

        Args:
            patience: Seconds to wait for the next part. Without one the utterance ends with what it has.

        Returns:
            Nothing when there is no more.
        """
        try:
            async with asyncio.timeout(patience):
                while not self.text[self._taken :].strip() and not self.whole:
                    self._grown.clear()
                    await self._grown.wait()
        except TimeoutError:
            return []
        fresh, self._taken = self.text[self._taken :], len(self.text)
        return clauses(fresh) if fresh.strip() else []

    def cut(self, reason: str) -> None:
        """Ends it now; only the first reason counts."""
        self.ended = self.ended or reason
        if self.task:
            self.task.cancel()
