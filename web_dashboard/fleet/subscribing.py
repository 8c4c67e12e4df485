"""Who listens to something that goes on: each with a bounded store of its own, in which the oldest gives way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Subscription(Generic[T]):
    """An endless iteration over what comes; used in a `with` or an `async with`, which ends it.

    A listener that is slow misses the oldest; `missed` counts them. It ends by itself when what it listens to ends.
    """

    def __init__(self, keep: int, leave: Callable[[Subscription[T]], None]) -> None:
        self._waiting: deque[T] = deque(maxlen=keep)
        self._leave = leave
        self._came = asyncio.Event()
        self._over = False
        self.missed = 0

    def put(self, item: T) -> None:
        """Hands it on."""
        self.missed += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(item)
        self._came.set()

    def end(self) -> None:
        """Nothing comes any more; what waits is still handed out."""
        self._over = True
        self._came.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._waiting:
            if self._over:
                raise StopAsyncIteration
            self._came.clear()
            await self._came.wait()
        return self._waiting.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._leave(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)


class Channel(Generic[T]):
    """What goes on, and who listens to it."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._listening: set[Subscription[T]] = set()

    def __bool__(self) -> bool:
        return bool(self._listening)

    def subscribe(self) -> Subscription[T]:
        """One more listener."""
        made: Subscription[T] = Subscription(self._keep, self._listening.discard)
        self._listening.add(made)
        return made

    def put(self, item: T) -> None:
        """Tells all listeners."""
        for subscription in self._listening:
            subscription.put(item)

    def end(self) -> None:
        """Ends all listeners."""
        for subscription in tuple(self._listening):
            subscription.end()
        self._listening.clear()
