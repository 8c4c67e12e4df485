"""The calls in progress: each a room and the session task that lives in it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bot.rooms.webrtc import CallConfig, Source, WebRtcRoom
from joyvl_core.errors import UnavailableError

StartSession = Callable[[WebRtcRoom], Awaitable[None]]
"""Lives one session in a room, from joining to leaving."""

_GRACE = 1.5
"""Seconds a session gets to leave by itself when the server stops."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Placed:
    """A call that was taken: its id, known to its browser alone, and the answer's SDP."""

    id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class _Call:
    room: WebRtcRoom
    task: asyncio.Task[None]


class Calls:
    """Owns every call's room and task. At most `limit` at once."""

    def __init__(self, start_session: StartSession, *, limit: int, config: CallConfig) -> None:
        self._start_session = start_session
        self._limit = limit
        self._config = config
        self._calls: dict[str, _Call] = {}
        self._placing = 0

    def __len__(self) -> int:
        return len(self._calls) + self._placing

    @property
    def limit(self) -> int:
        return self._limit

    async def place(self, offer: str, sources: Mapping[str, Source], *, address: str) -> Placed:
        """Answers an offer and starts its session.

        Raises:
            BadInputError: The offer cannot be used.
            UnavailableError: All lines are busy.
        """
        if len(self) >= self._limit:
            raise UnavailableError(
                f"All {self._limit} calls are taken.",
                source="call",
                kind="busy",
                hint="Close another call page and try again.",
                retryable=True,
            )
        self._placing += 1
        try:
            room = WebRtcRoom(self._config)
            sdp = await room.answer(offer, sources, address=address)
        finally:
            self._placing -= 1
        # The id is what lets a page hang up: nobody else can guess it.
        call = secrets.token_urlsafe(16)
        self._calls[call] = _Call(room, asyncio.create_task(self._live(call, room), name=f"call {call[:6]}"))
        return Placed(call, sdp)

    def is_up(self, call: str) -> bool:
        """Whether a call goes on."""
        return call in self._calls

    def hang_up(self, call: str) -> bool:
        """Ends a call; False where there is none by that id."""
        found = self._calls.get(call)
        if found is None:
            return False
        found.room.hang_up()
        return True

    async def close(self) -> None:
        """Ends all calls and waits until they have ended."""
        calls = tuple(self._calls.values())
        if not calls:
            return
        for call in calls:
            call.room.hang_up()
        tasks = [call.task for call in calls]
        _, late = await asyncio.wait(tasks, timeout=_GRACE)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _live(self, call: str, room: WebRtcRoom) -> None:
        try:
            await self._start_session(room)
        except Exception:
            _log.exception("a call's session failed")
        finally:
            try:
                await room.leave()
            finally:
                del self._calls[call]
