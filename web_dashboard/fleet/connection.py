"""One link as the control plane holds it: what goes down to a session's process, and the replies that come back."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import Any, Protocol

from bot.link.messages import Command, CommandName, Downward, Reply
from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError

QUEUE = 64
"""Messages that wait to be sent; a process that reads none of them is disconnected."""
SEND_WITHIN = 5.0
"""Real seconds for one message to go out."""
FLUSH_WITHIN = 1.0
"""Real seconds for the last messages of a link that ends."""
SLOW = 1013
"""WebSocket close code: try again later."""


class Socket(Protocol):
    """What a connection needs of a WebSocket."""

    async def send_text(self, data: str) -> None:
        """Sends a text frame."""
        ...

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Closes it."""
        ...


class Connection:
    """One link. Nothing here waits for the process, except who awaits a command."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._sending: asyncio.Queue[Downward] = asyncio.Queue(QUEUE)
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Reply]] = {}
        self.closed = asyncio.Event()
        self.code = SLOW

    async def run(self) -> None:
        """Sends what is to be sent, until it is closed or cancelled."""
        with contextlib.suppress(Exception):  # the socket broke: whoever reads it notices, too
            while True:
                message = await self._sending.get()
                async with asyncio.timeout(SEND_WITHIN):
                    await self._socket.send_text(message.model_dump_json())
        self.close()

    def send(self, message: Downward) -> bool:
        """Queues a message; False, and the end of the connection, where the process reads nothing."""
        try:
            self._sending.put_nowait(message)
        except asyncio.QueueFull:
            self.close()
            return False
        return True

    def close(self, code: int = SLOW) -> None:
        """Ends it: whoever waits for a reply is told."""
        if self.closed.is_set():
            return
        self.code = code
        self.closed.set()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(not_connected())
                asked.exception()  # read here, too: nobody may be waiting any more

    async def flush(self) -> None:
        """Sends what is still to be sent, where that is quick."""
        with contextlib.suppress(Exception):  # the socket broke
            async with asyncio.timeout(FLUSH_WITHIN):
                while not self._sending.empty():
                    await self._socket.send_text(self._sending.get_nowait().model_dump_json())

    async def command(self, name: CommandName, args: dict[str, Any], within: float) -> dict[str, Any]:
        """Sends a command and returns what it brought.

        Raises:
            UnavailableError: The process is not connected, or did not answer in time.
            BadInputError: It refused.
        """
        if self.closed.is_set():
            raise not_connected()
        number = next(self._numbers)
        asked = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            if not self.send(Command(id=number, name=name, args=args)):
                raise not_connected()
            async with asyncio.timeout(within):
                reply = await asked
        except TimeoutError:
            raise UnavailableError(
                f"The session did not answer within {within:g} s.",
                source="fleet",
                kind="timeout",
                hint="It may be busy: look at its page, and try again.",
                retryable=True,
            ) from None
        finally:
            self._asked.pop(number, None)
        if reply.error:
            raise refused(reply)
        return reply.data

    def replied(self, reply: Reply) -> None:
        """Takes a reply; one that nobody waits for any more is nothing."""
        asked = self._asked.get(reply.to)
        if asked is not None and not asked.done():
            asked.set_result(reply)


def not_connected() -> UnavailableError:
    """The error for a command to a session whose process is not there."""
    return UnavailableError(
        "The session is not connected right now.",
        source="fleet",
        kind="not_connected",
        hint="Wait until it runs, then try again.",
        retryable=True,
    )


def refused(reply: Reply) -> JoyVLError:
    """The error that a process replied with."""
    return BadInputError(reply.error, source="session", kind=reply.error_kind or "refused", hint=reply.hint)
