"""What the participant tells a room beside its acts, in order: captions, states, statuses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Sending = Callable[[], Awaitable[None]]


class Outbox:
    """Sends one thing after another. Bounded: when the room can't keep up, the newest is lost.

    Args:
        failed: Told in words when something could not be sent, and again only after something could.
    """

    def __init__(self, failed: Callable[[str], None], *, waiting: int = 64) -> None:
        self._failed = failed
        self._failing = False
        self._queue: asyncio.Queue[Sending] = asyncio.Queue(waiting)

    def put(self, sending: Sending) -> None:
        """Queues a sending; returns at once."""
        try:
            self._queue.put_nowait(sending)
        except asyncio.QueueFull:
            self._report("the room is too slow: a caption or a status was not sent")

    async def run(self) -> None:
        """Sends until cancelled."""
        while True:
            sending = await self._queue.get()
            try:
                await sending()
            except Exception as error:  # a transport's own error types end at this edge
                self._report(f"{type(error).__name__}: {error}"[:200])
            else:
                self._failing = False
            finally:
                self._queue.task_done()

    async def drained(self) -> None:
        """Waits until everything queued was sent."""
        await self._queue.join()

    def _report(self, words: str) -> None:
        """A room that is away for a while fails at everything: that is told once."""
        if not self._failing:
            self._failing = True
            self._failed(words)
