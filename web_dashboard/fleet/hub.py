"""What is known of the sessions right now, in memory: fed by their links, read by pages and services."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bot.link.frames import LivePicture, LiveSound
from bot.link.messages import Begun, Dismissed, Heartbeat, Over
from joyvl_core.errors import JoyVLError
from web_dashboard.fleet.connection import Connection
from web_dashboard.fleet.subscribing import Channel, Subscription

EVENTS = 4_000
"""Log lines of a session that are kept in memory."""
UNREAD = 500
"""Log lines that wait for one listener."""
_SOUNDS = 100
_TRACKS = 32
WATCHED_FOR = 5.0
"""Seconds that pictures keep coming after somebody asked for them."""
_RENEW_AFTER = 2.0
_PICTURE_EVERY = 0.5

Line = dict[str, Any]
"""One event of a session's log, as in `--jsonl`."""


@dataclass(eq=False)
class Live:
    """One session, as its process tells of it.

    Attributes:
        session: Its id.
        start: Which start of the session this is about.
        epoch: Of the process that runs; 0 before it has begun.
        began: Unix seconds of session second 0.
        heard: Unix seconds of its last word; None before the first.
        heartbeat: The newest.
        events: The newest log lines of this epoch, oldest first.
        pictures: The newest picture of each track that somebody watches.
        last_words: What it said last.
        over: How it ended, where it said so.
    """

    session: str
    start: int
    wall: Callable[[], float]
    epoch: int = 0
    began: float = 0.0
    room: str = ""
    heard: float | None = None
    heartbeat: Heartbeat | None = None
    events: deque[Line] = field(default_factory=lambda: deque(maxlen=EVENTS))
    pictures: dict[str, LivePicture] = field(default_factory=dict)
    last_words: str = ""
    over: Over | None = None
    connection: Connection | None = None
    begun: bool = False
    given_up: bool = False
    links: int = 0
    _lines: Channel[Line] = field(default_factory=lambda: Channel(UNREAD))
    _sound: Channel[LiveSound] = field(default_factory=lambda: Channel(_SOUNDS))
    _watched: tuple[float, int] = (0.0, 0)
    _listened: float = 0.0

    @property
    def connected(self) -> bool:
        """Whether its process is on the line."""
        return self.connection is not None

    def subscribe(self) -> Subscription[Line]:
        """Its log lines from now on; a listener that is slow misses the oldest."""
        return self._lines.subscribe()

    def subscribe_sound(self) -> Subscription[LiveSound]:
        """What it says as sound, from now on; `listen` makes it come."""
        return self._sound.subscribe()

    async def watch(self, width: int = 320) -> None:
        """Keeps pictures coming for the next seconds; asked for again and again by whoever shows them."""
        asked, widest = self._watched
        now = self.wall()
        if self.connection is None or (now - asked < _RENEW_AFTER and width <= widest):
            return
        # Whoever wants the widest is served until nobody renewed it.
        wanted = max(width, widest) if now - asked < WATCHED_FOR else width
        self._watched = (now, wanted)
        await self._ask("view", {"width": wanted, "every": _PICTURE_EVERY, "seconds": WATCHED_FOR})

    async def listen(self) -> None:
        """Keeps its voice coming for the next seconds, as `watch` does pictures."""
        now = self.wall()
        if self.connection is None or now - self._listened < _RENEW_AFTER:
            return
        self._listened = now
        await self._ask("listen", {"seconds": WATCHED_FOR})

    async def _ask(self, name: Any, args: dict[str, Any]) -> None:
        if self.connection is None:
            return
        try:
            await self.connection.command(name, args, 2.0)
        except JoyVLError:
            return  # it is asked again by the next who looks

    # --- what its link tells ----------------------------------------------------------------------

    def begin(self, begun: Begun) -> None:
        """A new epoch: what is known is of this one alone."""
        if begun.epoch != self.epoch:
            self.events.clear()
            self.heartbeat = None
        self.epoch, self.began, self.room, self.begun = begun.epoch, begun.began, begun.room, True

    def happened(self, line: Line) -> None:
        """One more line of its log."""
        self.events.append(line)
        if line.get("kind") == "tick" and line.get("action") in ("speak", "delegate") and line.get("text"):
            self.last_words = str(line["text"])[:1_000]
        self._lines.put(line)

    def catch_up(self, epoch: int, recent: Iterable[Line]) -> list[Line]:
        """Takes over what its process remembers, after a while without a link; returns what is new."""
        lines = list(recent)
        self.begun = True
        if epoch != self.epoch:
            self.events.clear()
            self.epoch = epoch
        elif self.events:
            newest = self.events[-1]
            known = next((n for n in range(len(lines) - 1, -1, -1) if lines[n] == newest), -1)
            lines = lines[known + 1 :]
        for line in lines:
            self.happened(line)
        return lines

    def forget(self, since: float | None, until: float | None) -> None:
        """Drops what happened between two session seconds: it was erased."""
        first, last = since if since is not None else float("-inf"), until if until is not None else float("inf")
        kept = [line for line in self.events if not first <= float(line.get("t", 0.0)) <= last]
        self.events.clear()
        self.events.extend(kept)
        self.pictures.clear()
        self.last_words = ""

    def saw(self, picture: LivePicture) -> None:
        """A picture came."""
        self.pictures.pop(picture.track, None)
        self.pictures[picture.track] = picture
        while len(self.pictures) > _TRACKS:
            self.pictures.pop(next(iter(self.pictures)))

    def heard_sound(self, sound: LiveSound) -> None:
        """A stretch of its voice came."""
        self._sound.put(sound)

    def link(self, connection: Connection) -> None:
        """Its process is on the line; a line from before is given up."""
        if self.connection is not None:
            self.connection.close()
        self.connection = connection
        self.links += 1
        self._watched, self._listened = (0.0, 0), 0.0

    def unlink(self, connection: Connection) -> None:
        """A line is gone."""
        if self.connection is connection:
            self.connection = None

    def end(self) -> None:
        """Nothing comes any more."""
        if self.connection is not None:
            self.connection.close(1000)
            self.connection = None
        self._lines.end()
        self._sound.end()


class Hub:
    """All sessions that are under way."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._lives: dict[str, Live] = {}
        self.changed = asyncio.Event()

    def get(self, session: str) -> Live | None:
        """What is known of a session."""
        return self._lives.get(session)

    def all(self) -> tuple[Live, ...]:
        """Everything that is known."""
        return tuple(self._lives.values())

    def of(self, session: str, start: int) -> Live | None:
        """What is known of one start of a session; None where it was given up. Who listens goes on listening."""
        live = self._lives.get(session)
        if live is None:
            live = self._lives[session] = Live(session, start, self._wall)
        elif live.start < start:
            self._disconnect(live)
            live.start, live.over, live.heard, live.begun, live.given_up = start, None, None, False, False
        return live if live.start == start and not live.given_up else None

    def give_up(self, session: str, start: int) -> None:
        """A start is heard no more, whatever still comes of it."""
        live = self._lives.get(session)
        if live is not None and live.start == start:
            live.given_up = True
            self._disconnect(live)

    @staticmethod
    def _disconnect(live: Live) -> None:
        if live.connection is not None:
            # Its process goes at once, in case that nobody can kill it.
            live.connection.send(Dismissed(reason="not_wanted"))
            live.connection.close(1000)
            live.connection = None

    def forget(self, session: str) -> None:
        """A session is at rest: its listeners' iterations end."""
        live = self._lives.pop(session, None)
        if live is not None:
            live.end()
