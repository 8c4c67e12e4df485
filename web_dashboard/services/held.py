"""What stays open for somebody: pages and streams, ended as soon as they are not who they were."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from joyvl_core.errors import JoyVLError
from web_dashboard.permissions import Actor
from web_dashboard.services.known import Known

_LOOK_AGAIN = 20.0
"""Seconds between two looks at everybody: sign-ins end by themselves too, and other servers end them."""
_LOG = logging.getLogger(__name__)

Look = Callable[[], Awaitable[Actor | None]]
"""Finds who somebody is by now; None: nobody. Raises JoyVLError where that can't be told."""
End = Callable[[Actor | None], Awaitable[None]]
"""Ends what is open. Is given who they are by now."""


@dataclass(eq=False, slots=True)
class _Open:
    actor: Actor
    look: Look
    end: End
    looked: int = -1


class Held:
    """Pages and streams that are open, and whose.

    Args:
        known: Tells when somebody's rights have changed.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self._open: set[_Open] = set()

    def __len__(self) -> int:
        return len(self._open)

    def hold(self, actor: Actor, look: Look, end: End) -> Callable[[], None]:
        """Ends something once who it is open for is nobody, or has other rights. Returns what to call when it is over.

        Args:
            actor: Who it was opened for.
            look: Finds who they are by now.
            end: Ends it; called once at most.
        """
        opened = _Open(actor, look, end)
        self._open.add(opened)
        # They may have been signed out since they were let in.
        self._known.changed.set()
        return lambda: self._open.discard(opened)

    async def run(self) -> None:
        """Looks whenever somebody's rights have changed, and once in a while; until it is cancelled."""
        while True:
            everybody = False
            try:
                async with asyncio.timeout(_LOOK_AGAIN):
                    await self._known.changed.wait()
            except TimeoutError:
                everybody = True
            self._known.changed.clear()
            age = self._known.age
            for opened in [each for each in self._open if everybody or each.looked != age]:
                await self._look(opened, age)

    async def _look(self, opened: _Open, age: int) -> None:
        try:
            actor = await opened.look()
        except JoyVLError:
            return  # it can't be told now: the next look tells
        opened.looked = age
        if opened not in self._open or (actor is not None and _rights(actor) == _rights(opened.actor)):
            return
        self._open.discard(opened)
        try:
            await opened.end(actor)
        except Exception:
            _LOG.exception("What was open for somebody who signed out could not be ended")


def _rights(actor: Actor) -> tuple[object, ...]:
    return actor.user, actor.role, actor.scopes
