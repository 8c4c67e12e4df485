"""Short work that a participant begins by the way: owned, and ended with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Errands:
    """Owns tasks that nobody waits for. `failed` is told in words of one that fails."""

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, errand: Coroutine[Any, Any, None]) -> None:
        """Begins an errand and returns at once."""
        task = asyncio.create_task(errand)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    async def aclose(self) -> None:
        """Ends them all."""
        await end(list(self._tasks))

    def _finished(self, errand: asyncio.Task[None]) -> None:
        self._tasks.discard(errand)
        if not errand.cancelled() and (error := errand.exception()):
            self._failed(f"{type(error).__name__}: {error}"[:200])


async def end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancels tasks and waits until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
