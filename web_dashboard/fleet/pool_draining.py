"""Moves the sessions of workers that drain elsewhere: one at a time, each after a word in its room."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import select

from joyvl_core.errors import JoyVLError
from web_dashboard.db.tables import jobs
from web_dashboard.fleet.pool import Pool

if TYPE_CHECKING:
    from web_dashboard.fleet.hub import Live
    from web_dashboard.services.context import Context

LOOK_EVERY = 0.5
MOVED_WITHIN = 30.0
"""Seconds after which the next session is moved, though this one does not run again yet."""
WORDS = {"en": "I'll be right back.", "zh": "我马上回来。"}

_log = logging.getLogger("joyvl.fleet")


class Moves(Protocol):
    """What draining needs of the fleet."""

    def move(self, session: str, words: str = "") -> None:
        """Stops a session where it is, after a word in its room, and starts it elsewhere."""
        ...

    def live(self, session: str) -> Live | None:
        """What is known of a session right now."""
        ...


@dataclass(frozen=True, slots=True)
class _Move:
    session: str
    start: int
    since: float


class Draining:
    """Empties workers that drain.

    Args:
        context: What the services share.
        pool: Knows the workers.
        fleet: Moves the sessions.
    """

    def __init__(self, context: Context, pool: Pool, fleet: Moves) -> None:
        self._context = context
        self._pool = pool
        self._fleet = fleet
        self._moving: _Move | None = None

    async def run(self) -> None:
        """Looks for sessions to move, until it is cancelled."""
        while True:
            try:
                await self.look()
            except JoyVLError as error:  # the database, for now
                _log.warning("draining waits: %s", error)
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Begins the next move where one is due: the one before is done, and another worker has a place."""
        now = self._context.wall()
        if self._moving is not None:
            if now - self._moving.since < MOVED_WITHIN and not self._runs_again(self._moving):
                return
            self._moving = None
        session = self._next()
        if session is None or self._pool.free() < 1:
            return
        live = self._fleet.live(session)
        self._moving = _Move(session, live.start if live else 0, now)
        words = WORDS[await self._language(session)]
        _log.info("%s moves to another worker", session)
        self._fleet.move(session, words)

    def _next(self) -> str | None:
        """A session that runs on a worker which drains."""
        for session, start in self._held():
            live = self._fleet.live(session)
            if live is not None and live.start == start and live.connected and live.begun:
                return session
        return None

    def _held(self) -> Iterable[tuple[str, int]]:
        for known in self._pool.workers.living():
            if known.draining:
                yield from sorted(known.holds())

    def _runs_again(self, move: _Move) -> bool:
        live = self._fleet.live(move.session)
        if live is None:  # it was stopped meanwhile
            return True
        return live.start > move.start and live.connected and bool(live.begun)

    async def _language(self, session: str) -> str:
        """The language of a session's room."""
        async with self._context.database.reading() as connection:
            body = (await connection.execute(select(jobs.c.body).where(jobs.c.id == session))).scalar_one_or_none()
        settings = json.loads(body or "{}").get("settings", {})
        language = str(settings.get("language", self._context.defaults.language))
        return language if language in WORDS else "en"


def hears(live: Callable[[str], Live | None]) -> Callable[[str, int], bool]:
    """Whether a start of a session is on the line itself, by what the fleet knows."""

    def heard(session: str, start: int) -> bool:
        found = live(session)
        return found is not None and found.start == start and found.connected

    return heard
