"""What goes to an overlay that is open: events as JSON, or the bot's voice as sound. It outlives sessions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.link.frames import pack
from joyvl_core.errors import JoyVLError
from joyvl_core.store.database import Database
from web_dashboard.db import tables
from web_dashboard.overlay_feed import Feed, alert

if TYPE_CHECKING:
    from web_dashboard.fleet.hub import Live
    from web_dashboard.services.context import Services
    from web_dashboard.services.shares import Share

GONE = 4404
"""The code with which a socket is closed whose link does not work."""
FULL = 4429
LATER = 1013
LOOK_EVERY = 2.0
"""Seconds between two looks at whether the link still works, and which session it shows."""
ALERTS_EVERY = 1.0
BEAT_EVERY = 10.0
SENT_WITHIN = 10.0
_LISTEN_EVERY = 1.0
_ALERTS = ("instruction", "spoken")
_MOST_ALERTS = 5

_log = logging.getLogger(__name__)


class Line:
    """The socket of one overlay. Sends take their turns; one that takes too long ends it."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._turn = asyncio.Lock()

    async def send(self, message: dict[str, Any] | bytes) -> None:
        """Sends JSON, or bytes.

        Raises:
            TimeoutError: The other side does not take it.
            WebSocketDisconnect: It is gone.
        """
        async with self._turn, asyncio.timeout(SENT_WITHIN):
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_json(message)

    async def until_gone(self) -> None:
        """Returns when the other side has gone; what it says is not listened to."""
        while (await self._socket.receive())["type"] != "websocket.disconnect":
            continue

    async def beat(self) -> None:
        """Lets the other side know that the line stands."""
        while True:
            await asyncio.sleep(BEAT_EVERY)
            await self.send({"type": "beat"})

    async def close(self, code: int) -> None:
        """Ends it."""
        try:
            await self._socket.close(code)
        except (RuntimeError, WebSocketDisconnect):
            return  # the other side was first


class OverlayStream:
    """Streams to one overlay for as long as its link works and it is there.

    Args:
        follow: Tells the line of a session, until cancelled or nothing comes any more.
    """

    def __init__(
        self, services: Services, share: Share, line: Line, follow: Callable[[Services, Live, Line], Awaitable[None]]
    ) -> None:
        self._services = services
        self._share = share
        self._line = line
        self._follow = follow

    async def run(self) -> None:
        """Returns when the overlay is gone, or its link works no more."""
        try:
            await first(self._line.until_gone(), self._line.beat(), self._tell())
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            await self._line.close(LATER)
        except JoyVLError as error:
            _log.warning("an overlay was let go: %s", error)
            await self._line.close(LATER)

    async def _tell(self) -> None:
        waiting = False
        while await self._services.shares.works(self._share):
            live = await self._find()
            if live is not None:
                waiting = False
                await first(self._follow(self._services, live, self._line), self._until_changed(live))
            elif not waiting:
                waiting = True
                await self._line.send({"type": "state", "running": False, "counters": None})
            if live is None or self._services.fleet.live(live.session) is not live:
                await asyncio.sleep(LOOK_EVERY / 2)
        await self._line.close(GONE)

    async def _until_changed(self, live: Live) -> None:
        """Returns when another session is to be shown, or none."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if not await self._services.shares.works(self._share) or await self._find() is not live:
                return

    async def _find(self) -> Live | None:
        session = await self._services.shares.session_of(self._share)
        return self._services.fleet.live(session) if session is not None else None


async def tell_events(services: Services, live: Live, line: Line) -> None:
    """What the bot says, its counts and its alerts."""
    standing = {each.id: each.text for each in live.heartbeat.instructions} if live.heartbeat else {}
    with live.subscribe() as lines:
        feed = Feed(tuple(live.events), standing)
        await line.send(feed.state(running=live.connected))
        await first(
            _tell_lines(services, lines, feed, line),
            _tell_alerts(services.context.database, live.session, line),
            _tell_state(live, feed, line),
        )


async def tell_sound(services: Services, live: Live, line: Line) -> None:
    """The bot's voice. It is sent by the session's process only while somebody listens."""
    with live.subscribe_sound() as sounds:
        await line.send({"type": "state", "running": live.connected, "counters": None})
        await first(_keep_listening(live), _tell_sounds(sounds, line))


async def _tell_lines(services: Services, lines: Any, feed: Feed, line: Line) -> None:
    async for each in lines:
        for message in feed.read(each, services.context.wall()):
            await line.send(message)


async def _tell_state(live: Live, feed: Feed, line: Line) -> None:
    """The link to the process may go and come back within a session."""
    was = live.connected
    while True:
        await asyncio.sleep(ALERTS_EVERY)
        if live.connected is not was:
            was = live.connected
            await line.send(feed.state(running=was))


async def _tell_alerts(database: Database, session: str, line: Line) -> None:
    columns = tables.alerts.c
    mine = (columns.session == session, columns.kind.in_(_ALERTS))
    async with database.reading() as connection:
        newest = await connection.scalar(select(func.max(columns.id)).where(*mine)) or 0
    while True:
        await asyncio.sleep(ALERTS_EVERY)
        wanted = select(columns.id, columns.text).where(*mine, columns.id > newest).order_by(columns.id.desc())
        async with database.reading() as connection:
            found = (await connection.execute(wanted.limit(_MOST_ALERTS))).all()
        for row in reversed(found):
            newest = row.id
            await line.send(alert(row.text))


async def _keep_listening(live: Live) -> None:
    while True:
        await live.listen()
        await asyncio.sleep(_LISTEN_EVERY)


async def _tell_sounds(sounds: Any, line: Line) -> None:
    async for each in sounds:
        await line.send(pack(each))


async def first(*works: Coroutine[Any, Any, None] | Awaitable[None]) -> None:
    """Does several things until the first of them ends, and ends the others.

    Raises:
        Exception: What the first that ended raised.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
