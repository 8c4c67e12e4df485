"""Calls of foreign SDKs, each on an event loop of its own in a thread.

The session's loop is never held up by an SDK: the first import of one takes a second, a TLS context tens of
milliseconds, and one of them cancels the task it runs in when a connection breaks. Time-outs are real seconds here,
while on a virtual loop the session's time stands still.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from joyvl_core.asked import Answer
from joyvl_core.errors import UnavailableError

_AT_ONCE = 4
TELL_EVERY = 0.5
"""Least seconds between two reports of progress; those between are left out."""

Tell = Callable[[str], None]


class _Call:
    """One call: what runs in the thread, and how it is cancelled from outside."""

    def __init__(self, source: str, ask: Callable[[Tell], Coroutine[Any, Any, Answer]], tell: Tell) -> None:
        self._source = source
        self._ask = ask
        self._tell = tell
        self._lock = threading.Lock()
        self._task: asyncio.Task[Answer] | None = None
        self._stopped = False

    def run(self, within: float) -> Answer:
        """Runs the call to its end. Blocks.

        Raises:
            JoyVLError: It has no answer, in time or at all.
        """
        try:
            return asyncio.run(self._bounded(within))
        except TimeoutError:
            raise UnavailableError(
                "no answer in time",
                source=self._source,
                kind="timeout",
                hint="Raise JOYVL_DELEGATE_DEADLINE, or look whether the service hangs.",
                retryable=True,
            ) from None
        except asyncio.CancelledError:  # ours, where nobody waits any more; else the SDK's own
            raise UnavailableError(
                "the connection broke", source=self._source, kind="unreachable", hint="Ask again.", retryable=True
            ) from None

    def stop(self) -> None:
        """Cancels the call, running or not. From any thread."""
        with self._lock:
            self._stopped = True
            if self._task is not None:
                with contextlib.suppress(RuntimeError):  # it has just ended, and its loop with it
                    self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    async def _bounded(self, within: float) -> Answer:
        task = asyncio.ensure_future(self._ask(self._rarely()))
        with self._lock:
            self._task = task
            if self._stopped:
                task.cancel()
        try:
            async with asyncio.timeout(within):
                return await task
        finally:
            with self._lock:
                self._task = None

    def _rarely(self) -> Tell:
        """Reports progress, at a bounded rate."""
        loop, told = asyncio.get_running_loop(), float("-inf")

        def tell(words: str) -> None:
            nonlocal told
            if loop.time() - told >= TELL_EVERY:
                told = loop.time()
                self._tell(words)

        return tell


class Apart:
    """Makes calls apart from the session's loop, a few at once.

    Args:
        source: Who calls, for errors.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=source)

    async def run(self, ask: Callable[[Tell], Coroutine[Any, Any, Answer]], progress: Tell, *, within: float) -> Answer:
        """Awaits `ask(tell)` on a loop of its own. Cancelled, it returns when the call has ended.

        Args:
            ask: Asks; what it holds is released when it is cancelled.
            progress: Told of the progress, on the session's loop.
            within: Seconds until it is given up.

        Raises:
            JoyVLError: It has no answer, in time or at all.
        """
        loop = asyncio.get_running_loop()

        def tell(words: str) -> None:
            with contextlib.suppress(RuntimeError):  # the session's loop is closed
                loop.call_soon_threadsafe(progress, words)

        call = _Call(self._source, ask, tell)
        future = loop.run_in_executor(self._pool, call.run, within)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            call.stop()
            await asyncio.wait({future})
            if not future.cancelled():
                future.exception()  # nobody is left to hear of it
            raise

    async def aclose(self) -> None:
        """Takes no more calls. Idempotent."""
        self._pool.shutdown(wait=False, cancel_futures=True)
