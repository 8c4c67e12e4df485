"""How often something may be tried: a moving window for each name, in bounded memory."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable

from joyvl_core.errors import JoyVLError

_NAMES = 10_000


class LimitedError(JoyVLError):
    """Too many tries. `after`: whole seconds until the next may be made."""

    def __init__(self, after: int) -> None:
        super().__init__(
            "Too many tries.", source="limits", kind="limited", hint=f"Try again in {after} s.", retryable=True
        )
        self.after = after


class Limit:
    """At most `most` tries in `seconds`, for each name.

    Args:
        most: Tries in a window.
        seconds: Length of the window.
        wall: Unix seconds of this moment.
    """

    def __init__(self, most: int, seconds: float, wall: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._wall = wall
        # The least recently tried give way: who tries under ever new names is bounded by the address.
        self._tried: OrderedDict[str, deque[float]] = OrderedDict()

    def hit(self, name: str) -> None:
        """Counts a try.

        Raises:
            LimitedError: There were too many; this one is not counted.
        """
        now = self._wall()
        tried = self._tried.setdefault(name, deque(maxlen=self._most))
        self._tried.move_to_end(name)
        while len(self._tried) > _NAMES:
            self._tried.popitem(last=False)
        while tried and not now - self._seconds < tried[0] <= now:
            tried.popleft()
        if len(tried) >= self._most:
            raise LimitedError(max(1, math.ceil(tried[0] + self._seconds - now)))
        tried.append(now)

    def take_back(self, name: str) -> None:
        """Takes back the newest try: it was none to be counted."""
        if tried := self._tried.get(name):
            tried.pop()

    def forget(self, name: str) -> None:
        """Takes back what was counted for a name."""
        self._tried.pop(name, None)
