"""Something done once for each key, however often it is asked for."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from joyvl_core.errors import BadInputError
from web_dashboard.permissions import ConflictError

REMEMBERED_FOR = 600.0
"""Seconds in which a key is remembered."""
MAX_KEYS = 2_000
MAX_KEY = 200


class Once:
    """Remembers what came of each key. `wall`: unix seconds of this moment."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._done: OrderedDict[tuple[str, str], tuple[float, str, asyncio.Task[str]]] = OrderedDict()

    async def do(self, key: tuple[str, str], asked: str, work: Callable[[], Awaitable[str]]) -> str:
        """What the work returned, now or the first time. What failed is tried again.

        Args:
            key: Who asks, and their key.
            asked: What is asked for: it must be the same each time.
            work: Does it.

        Raises:
            BadInputError: The key is too long.
            ConflictError: It was used for something else.
        """
        if len(key[1]) > MAX_KEY:
            raise BadInputError(
                "The idempotency key is too long.", source="api", kind="key", hint=f"At most {MAX_KEY}."
            )
        self._forget()
        digest = hashlib.sha256(asked.encode()).hexdigest()
        known = self._done.get(key)
        if known is None:

            async def working() -> str:
                return await work()

            # A task of its own: who asked first may go away, and the next still gets what came of it.
            known = self._done[key] = (self._wall(), digest, asyncio.create_task(working(), name="once"))
        if known[1] != digest:
            raise ConflictError(
                "This idempotency key was used for something else.", source="api", kind="key", hint="Take a new one."
            )
        try:
            return await asyncio.shield(known[2])
        except Exception:
            if self._done.get(key) is known:
                del self._done[key]
            raise

    def _forget(self) -> None:
        now = self._wall()
        while self._done and (len(self._done) > MAX_KEYS or now - next(iter(self._done.values()))[0] > REMEMBERED_FOR):
            _, (_, _, task) = self._done.popitem(last=False)
            if not task.done():
                task.cancel()
