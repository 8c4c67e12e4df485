"""Acts into a room's chat: bounded, paced, dropped rather than late."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from joyvl_core.clock import Clock
from joyvl_core.ports import Act
from joyvl_core.text import tidy

Deliver = Callable[[int, str, str | None], None]
"""Reports a delivery: the tick, the sink's name, and None or why the act was dropped."""


@dataclass(frozen=True, slots=True)
class ChatPolicy:
    """What a chat bears: seconds between lines, longest line, and how many lines may wait."""

    gap: float = 0.1
    longest: int = 500
    waiting: int = 8


class ChatSink:
    """Posts acts as lines of chat, oldest first; a stale or surplus line is dropped with its reason."""

    name = "chat"

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        clock: Clock,
        deliver: Deliver,
        policy: ChatPolicy | None = None,
    ) -> None:
        self._post = send
        self._clock = clock
        self._deliver = deliver
        self._policy = policy or ChatPolicy()
        self._waiting: deque[Act] = deque()
        self._there = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def offer(self, act: Act) -> None:
        """Takes an act; where too many wait, the oldest gives way."""
        if len(self._waiting) >= self._policy.waiting:
            self._deliver(self._waiting.popleft().tick, self.name, "surplus")
        self._waiting.append(act)
        self._idle.clear()
        self._there.set()

    async def run(self) -> None:
        """Posts until cancelled; then everything unsaid is dropped as `closed`."""
        try:
            while True:
                while self._waiting:
                    await self._post_one(self._waiting.popleft())
                    await asyncio.sleep(self._policy.gap)
                self._idle.set()
                self._there.clear()
                await self._there.wait()
        finally:
            while self._waiting:
                self._deliver(self._waiting.popleft().tick, self.name, "closed")
            self._idle.set()

    async def drained(self) -> None:
        """Waits until nothing waits any more."""
        await self._idle.wait()

    async def _post_one(self, act: Act) -> None:
        if self._clock.now() > act.expires:
            self._deliver(act.tick, self.name, "stale")
            return
        try:
            await self._post(tidy(act.text, self._policy.longest))
        except asyncio.CancelledError:
            self._deliver(act.tick, self.name, "closed")
            raise
        except Exception as error:  # a transport's own error types end at this edge, as a dropped line
            self._deliver(act.tick, self.name, f"failed: {type(error).__name__}: {error}"[:200])
        else:
            self._deliver(act.tick, self.name, None)
