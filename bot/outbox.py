"""What the participant tells a room beside its acts, in order: captions, states, statuses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Sending = Callable[[], Awaitable[None]]


class Outbox:
    """Sends one thing after another. Bounded: when the room can't keep up, the newest is lost.

    Args:
        failed: Told in words when something could not be sent.
    """

    def __init__(self, failed: Callable[[str], None], *, waiting: int = 64) -> None:
        self._failed = failed
        self._queue: asyncio.Queue[Sending] = asyncio.Queue(waiting)

    def put(self, sending: Sending) -> None:
        """Queues a sending; returns at once."""
        try:
            self._queue.put_nowait(sending)
        except asyncio.QueueFull:
            self._failed("the room is too slow: a caption or a status was not sent")

    async def run(self) -> None:
        """Sends until cancelled."""
        while True:
            sending = await self._queue.get()
            try:
                await sending()
            except Exception as error:  # a transport's own error types end at this edge
                self._failed(f"{type(error).__name__}: {error}"[:200])
            finally:
                self._queue.task_done()

    async def drained(self) -> None:
        """Waits until everything queued was sent."""
        await self._queue.join()
