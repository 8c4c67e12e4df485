"""A blocking iterator, consumed on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from joyvl_core.clock import held

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """Runs an iterator in a thread, a few items ahead of who consumes it.

    The thread is a daemon and ours alone: a call into a codec or a dead connection cannot be
    interrupted, and must not keep the program, or the loop's own executor, from ending. It ends by
    itself at the iterator's next item or timeout.

    Args:
        start: Makes the iterator; runs in the thread too.
        ahead: How many items may wait.
    """

    def __init__(self, start: Callable[[], Iterator[T]], *, ahead: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._start = start
        self._waiting: deque[T] = deque(maxlen=ahead)
        self._space = threading.Semaphore(ahead)
        self._closed = threading.Event()
        self._news = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None
        threading.Thread(target=self._work, name="readahead", daemon=True).start()

    def __aiter__(self) -> ReadAhead[T]:
        return self

    async def __anext__(self) -> T:
        """The next item, or what the iterator raised. Virtual time stands still meanwhile."""
        while not self._waiting:
            if self._error:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            with held():
                await self._news.wait()
        item = self._waiting.popleft()
        self._space.release()
        return item

    def close(self) -> None:
        """Lets the thread end and forgets what waits. Idempotent."""
        self._closed.set()
        self._waiting.clear()
        self._space.release()

    # --- in the thread ----------------------------------------------------------------------

    def _work(self) -> None:
        error: Exception | None = None
        items: Iterator[T] = iter(())
        try:
            items = self._start()
            for item in items:
                self._space.acquire()
                if self._closed.is_set():
                    break
                self._tell(self._arrive, item)
                del item  # a picture's memory belongs to who shows it
        except Exception as raised:
            error = raised
        finally:
            with contextlib.suppress(AttributeError):
                items.close()  # type: ignore[attr-defined]  # only generators have something to close
            self._tell(self._end, error)

    def _tell(self, callback: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(callback, *args)

    # --- on the loop ------------------------------------------------------------------------

    def _arrive(self, item: T) -> None:
        if not self._closed.is_set():
            self._waiting.append(item)
            self._news.set()

    def _end(self, error: Exception | None) -> None:
        self._ended, self._error = True, error
        self._news.set()
