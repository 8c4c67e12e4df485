"""The session's end of a link: it connects, connects again, and never makes the session wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import ValidationError

from bot.link.frames import LivePicture, LiveSound, pack
from bot.link.messages import (
    MAX_MESSAGE,
    PATH,
    Begun,
    Dismissed,
    Downward,
    Heartbeat,
    Hello,
    Over,
    Reply,
    read_downward,
)
from joyvl_core.errors import BadInputError, UnavailableError

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

SOURCE = "link"
WAITING = 1_000
"""Messages that may wait; a control plane that is further behind is connected to anew, and told the newest."""
_SOUNDS = 50
"""Stretches of sound that may wait: a second of it."""
_ANSWER_WITHIN = 10.0
_OPEN_WITHIN = 10.0
_CLOSE_WITHIN = 0.3
_REFUSALS = (5, 20)
"""Times in a row that a token is refused until that is believed: at first, and of a session that was known before."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """Where a session's process reports to, and as which.

    Attributes:
        url: The control plane, `ws://`, `wss://`, `http://` or `https://`, without the path of links.
        token: The session's own.
        session: Id of the session.
        start: Which start of the session this is.
        worker: The worker that the process runs under, or "".

    Raises:
        BadInputError: It is no such address.
    """

    url: str
    token: str = field(repr=False)
    session: str
    start: int
    worker: str = ""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("ws", "wss", "http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise BadInputError(
                "The address of the control plane is none.",
                source=SOURCE,
                kind="bad_url",
                hint="Give it as ws://host:port or wss://host.",
            )

    @property
    def endpoint(self) -> str:
        """The address of the WebSocket."""
        scheme, rest = self.url.split("://", 1)
        return f"{scheme.replace('http', 'ws')}://{rest.rstrip('/')}{PATH}"

    @property
    def here(self) -> bool:
        """Whether the control plane is on this machine."""
        host = urlsplit(self.url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a link is tried.

    Attributes:
        first: Seconds in which the first hello must be answered.
        orphaned: Seconds without a control plane after which the session is left.
        soonest: Seconds until the first attempt to connect again; they double.
        latest: Most seconds between two attempts.
    """

    first: float = 30.0
    orphaned: float = 600.0
    soonest: float = 0.2
    latest: float = 3.0


class Link:
    """One link. `run` keeps it up until the session is not wanted any more; everything else returns at once.

    Args:
        address: Where to.
        hello: Makes the first message of a connection; what is sent from then on follows it.
        hear: Takes every message of the control plane, the answer to a hello too.
        patience: How long it is tried; may be replaced while it runs.
    """

    def __init__(
        self,
        address: LinkAddress,
        hello: Callable[[], Hello],
        hear: Callable[[Downward], None],
        patience: Patience | None = None,
    ) -> None:
        self._address = address
        self._hello = hello
        self._hear = hear
        self.patience = patience or Patience()
        self._open = False
        self._answered = False
        self._ready = asyncio.Event()
        self._messages: deque[str] = deque()
        self._sounds: deque[bytes] = deque(maxlen=_SOUNDS)
        self._pictures: dict[str, bytes] = {}
        self._there = asyncio.Event()
        self._drained = asyncio.Event()
        self._broken = asyncio.Event()
        self._dismissed: Dismissed | None = None

    @property
    def connected(self) -> bool:
        """Whether the control plane has answered on the connection that there is."""
        return self._ready.is_set()

    # --- what goes up ---------------------------------------------------------------------------

    def send(self, message: Begun | Heartbeat | Reply | Over) -> None:
        """Sends a message, where there is a connection; else it is dropped."""
        self.send_text(message.model_dump_json())

    def send_text(self, line: str) -> None:
        """Sends a message that is JSON already."""
        if not self._open:
            return
        if len(self._messages) >= WAITING:
            self._broken.set()
            return
        self._messages.append(line)
        self._drained.clear()
        self._there.set()

    def show(self, picture: LivePicture) -> None:
        """Sends a picture; of each track only the newest waits."""
        if self._open:
            self._pictures.pop(picture.track, None)
            self._pictures[picture.track] = pack(picture)
            self._there.set()

    def play(self, sound: LiveSound) -> None:
        """Sends sound; the oldest gives way. Without samples it takes back what still waits."""
        if self._open:
            if not sound.samples:
                self._sounds.clear()
            self._sounds.append(pack(sound))
            self._there.set()

    async def farewell(self, over: Over, within: float) -> bool:
        """Tells how the session ended, on this connection or the next; whether it was told."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while True:
                    await self._ready.wait()
                    self.send(over)
                    broken = asyncio.ensure_future(self._broken.wait())
                    drained = asyncio.ensure_future(self._drained.wait())
                    try:
                        await asyncio.wait({broken, drained}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        broken.cancel()
                        drained.cancel()
                    if self._drained.is_set():
                        return True
                    await asyncio.sleep(self.patience.soonest)
        return False

    # --- the connection -------------------------------------------------------------------------

    async def run(self) -> str:
        """Keeps the link up. Returns why the session is not wanted any more: `dismissed`, or `orphaned`.

        Raises:
            UnavailableError: The control plane never answered, or takes nobody with this token.
        """
        loop = asyncio.get_running_loop()
        away, attempt, refused = loop.time(), 0, 0
        while True:
            limit = self.patience.orphaned if self._answered else self.patience.first
            try:
                async with asyncio.timeout(max(0.0, away + limit - loop.time())) as scope:
                    spoke = await self._connect(scope)
                refused = 0
            except TimeoutError:
                return self._give_up()
            except PermissionError:
                spoke, refused = False, refused + 1
                if refused >= _REFUSALS[self._answered]:
                    return self._give_up("refused")
            if self._dismissed is not None:
                return self._dismissed.reason or "dismissed"
            if spoke:
                away, attempt = loop.time(), 0
            await asyncio.sleep(self._pause(attempt))
            attempt += 1

    def _pause(self, attempt: int) -> float:
        """Seconds until the next attempt; sessions that lost the same control plane don't come back all at once."""
        spread = zlib.crc32(self._address.session.encode()) % 100 / 500
        return min(self.patience.latest, self.patience.soonest * 2.0 ** min(attempt, 10)) + spread

    def _give_up(self, kind: str = "unreachable") -> str:
        if self._answered:
            return "orphaned" if kind == "unreachable" else kind
        raise UnavailableError(
            "The control plane does not answer." if kind == "unreachable" else "The control plane refuses the session.",
            source=SOURCE,
            kind=kind,
            hint="Start the session from the control plane, whose address this machine must reach.",
            retryable=True,
        )

    async def _connect(self, scope: asyncio.Timeout) -> bool:
        """One connection, from hello to its end; whether the control plane answered.

        Raises:
            PermissionError: It takes nobody with this token.
        """
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus, WebSocketException

        answered = False
        try:
            socket = await connect(
                self._address.endpoint,
                additional_headers={"Authorization": f"Bearer {self._address.token}"},
                open_timeout=_OPEN_WITHIN,
                max_size=MAX_MESSAGE,
                compression=None,
                proxy=None if self._address.here else True,
            )
            self._begin()
            try:
                await self._talk(socket, scope)
            finally:
                answered = self._ready.is_set()
                stalled = self._broken.is_set()
                self._end()
                await _close(socket, 0.0 if stalled else _CLOSE_WITHIN)
        except InvalidStatus as error:
            if error.response.status_code in (401, 403):
                raise PermissionError from None
            _log.info("the control plane answers %d", error.response.status_code)
        except (OSError, WebSocketException) as error:
            _log.info("no link: %s", type(error).__name__)
        return answered

    def _begin(self) -> None:
        """From here on nothing is missed: what happens after the hello was made follows it."""
        self._messages.append(self._hello().model_dump_json())
        self._open = True
        self._broken.clear()
        self._drained.clear()
        self._there.set()

    def _end(self) -> None:
        self._open = False
        self._ready.clear()
        self._messages.clear()
        self._sounds.clear()
        self._pictures.clear()
        self._broken.set()

    async def _talk(self, socket: ClientConnection, scope: asyncio.Timeout) -> None:
        parts = (self._read(socket, scope), self._write(socket), self._answer_comes(), self._broken.wait())
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer_comes(self) -> None:
        """Ends where a hello is not answered; else never."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_WITHIN):
                await self._ready.wait()
            await asyncio.Event().wait()

    async def _read(self, socket: ClientConnection, scope: asyncio.Timeout) -> None:
        async for data in socket:
            try:
                message = read_downward(data)
            except ValidationError as error:
                # What was said may hold secrets: only what was wrong with it is told.
                _log.warning("a message of the control plane was not understood (%d faults)", error.error_count())
                continue
            if isinstance(message, Dismissed):
                self._dismissed = message
                return
            if message.kind != "command" and not self._ready.is_set():
                scope.reschedule(None)  # it is there: only its absence is timed
                self._answered = True
                self._ready.set()
            self._hear(message)

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            await self._there.wait()
            self._there.clear()
            while self._messages or self._sounds or self._pictures:
                if self._messages:
                    await socket.send(self._messages[0])
                    if self._messages:  # the connection may have ended meanwhile
                        self._messages.popleft()
                elif self._sounds:
                    await socket.send(self._sounds.popleft())
                else:
                    await socket.send(self._pictures.pop(next(iter(self._pictures))))
            self._drained.set()


async def _close(socket: ClientConnection, within: float) -> None:
    """Closes a connection; one whose other end does not read is cut off."""
    try:
        if within > 0:
            async with asyncio.timeout(within):
                await socket.close()
    except TimeoutError:
        pass
    finally:
        socket.transport.abort()
