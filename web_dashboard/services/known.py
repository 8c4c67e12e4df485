"""Who a token belonged to a moment ago, so that not every request asks the database."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from web_dashboard.permissions import Actor

_FOR = 2.0
"""Seconds; what another process changes is known here after that. What this one changes is known at once."""
_MOST = 1_000


class Known:
    """Actors by the hash of their token, for a moment.

    Attributes:
        changed: Set when somebody's rights have changed; who waits for it clears it.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._actors: OrderedDict[str, tuple[Actor, float]] = OrderedDict()
        self._age = 0
        self.changed = asyncio.Event()

    @property
    def age(self) -> int:
        """Counts the changes: what was read before one is not remembered after it."""
        return self._age

    def get(self, token: str) -> Actor | None:
        """The actor, where they are known."""
        actor, since = self._actors.get(token, (None, 0.0))
        return actor if 0 <= self._wall() - since < _FOR else None

    def put(self, token: str, actor: Actor, age: int) -> None:
        """Remembers an actor that was read when it was `age`."""
        if age != self._age:
            return
        self._actors[token] = (actor, self._wall())
        self._actors.move_to_end(token)
        if len(self._actors) > _MOST:
            self._actors.popitem(last=False)

    def forget(self) -> None:
        """Forgets everybody: somebody's rights have changed."""
        self._age += 1
        self._actors.clear()
        self.changed.set()
