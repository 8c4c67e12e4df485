"""Time: one clock for the session, on the wall or on a virtual event loop.

Logic never reads the system's time. It asks a `Clock` and sleeps through asyncio; run on a
`VirtualTimeLoop`, hours pass in seconds and the outcome is exact.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """What the session reads time from."""

    def now(self) -> float:
        """Session seconds, 0 at the session's start, never going back."""
        ...

    def wall(self) -> float:
        """Unix seconds that belong to `now()`."""
        ...

    async def sleep_until(self, t: float) -> None:
        """Returns once `now()` has reached `t`."""
        ...


class LoopClock:
    """A clock on the running event loop: real on an ordinary loop, virtual on a `VirtualTimeLoop`.

    Args:
        started: Whether session time runs at once; otherwise it stands at the beginning until `start()`.
        wall: Unix seconds at this moment.
        began: Unix seconds at which a session that is resumed began: its seconds go on from there.
    """

    def __init__(
        self, *, started: bool = True, wall: Callable[[], float] = time.time, began: float | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._born = self._loop.time()
        self._wall_at_birth = wall()
        self._began = began
        self._origin: float | None = None
        if started:
            self.start()

    def start(self) -> None:
        """Session time runs from now on. Only the first call counts."""
        if self._origin is None:
            self._origin = self._loop.time() - self._first()

    def now(self) -> float:
        return self._first() if self._origin is None else self._loop.time() - self._origin

    def _first(self) -> float:
        """The session second of this moment for a session that does not run yet."""
        return 0.0 if self._began is None else max(0.0, self.wall() - self._began)

    def wall(self) -> float:
        return self._wall_at_birth + self._loop.time() - self._born

    async def sleep_until(self, t: float) -> None:
        # Always yields at least once, so that a late caller cannot starve the loop.
        await asyncio.sleep(max(0.0, t - self.now()))


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer when nothing is left to do.

    Time stands still while work is under way that the loop can't see end: calls in threads
    (`run_in_executor`, `asyncio.to_thread`) and whatever a caller wraps in `hold()`.
    """

    def __init__(self) -> None:
        self._virtual = 0.0
        self._holds = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._virtual

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Time stands still inside: for work that waits on sockets or processes."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]  # typeshed wants its private TypeVarTuple signature
        future = super().run_in_executor(executor, func, *args)
        self._holds += 1
        future.add_done_callback(self._release)
        return future

    def _release(self, _: asyncio.Future[Any]) -> None:
        self._holds -= 1

    def _jump(self, seconds: float) -> bool:
        if self._holds:
            return False
        self._virtual += seconds
        return True


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout is None or timeout <= 0:
            return ready if ready or timeout is not None else super().select(None)
        if self._loop._jump(timeout):
            return []
        return super().select(None)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` on a fresh `VirtualTimeLoop` to its end, as `asyncio.run` does on the wall."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


@contextmanager
def held(at_most: float | None = None) -> Iterator[None]:
    """Holds virtual time for the block; on an ordinary loop nothing happens.

    Args:
        at_most: Real seconds after which time goes on all the same, so that deadlines end a wait for something
            that never comes.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualTimeLoop):
        yield
        return
    with ExitStack() as hold:
        hold.enter_context(loop.hold())
        timer = threading.Timer(at_most, lambda: loop.call_soon_threadsafe(hold.close)) if at_most else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            yield
        finally:
            if timer:
                timer.cancel()
