"""A control plane that follows a script, over a real WebSocket: the other end of a session's link."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bot.link.frames import LivePicture, LiveSound, unpack
from bot.link.messages import (
    PATH,
    Begun,
    Command,
    Dismissed,
    Downward,
    Happened,
    Heartbeat,
    Hello,
    Order,
    Over,
    Reply,
    Upward,
    Welcome,
    read_upward,
)

TOKEN = "the-session-token"  # noqa: S105 - a test's


class ControlPlane:
    """Takes links of one session, and keeps what they say.

    Attributes:
        order: What it tells a process at its first hello.
        refuse: While set, a process with its token is turned away.
        dismiss: While set, every hello is answered with it.
        hellos, heard: What came, oldest first.
    """

    def __init__(self, order: Order, *, token: str = TOKEN) -> None:
        self.order = order
        self.token = token
        self.refuse = False
        self.dismiss: Dismissed | None = None
        self.hellos: list[Hello] = []
        self.heard: list[Upward] = []
        self.pictures: list[LivePicture] = []
        self.sounds: list[LiveSound] = []
        self.connections: list[ServerConnection] = []
        self.port = 0
        self._numbers = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._changed = asyncio.Condition()
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listens; after a `kill` on the same port as before."""
        self._server = await serve(
            self._link, "127.0.0.1", self.port, process_request=self._admit, compression=None, close_timeout=0.2
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def kill(self) -> None:
        """Is gone at once, without a goodbye."""
        for connection in self.connections:
            connection.transport.abort()
        self.connections.clear()
        await self.stop()

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.heard if isinstance(message, kind)]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The log as it was told: what came event by event."""
        return [message.event for message in self.of(Happened)]

    @property
    def heartbeat(self) -> Heartbeat:
        """The newest; one that tells nothing before the first came."""
        return next(reversed(self.of(Heartbeat)), Heartbeat(t=0.0))

    @property
    def begun(self) -> Begun:
        return self.of(Begun)[-1]

    @property
    def over(self) -> Over | None:
        return next(iter(self.of(Over)), None)

    def statuses(self, prefix: str = "") -> list[str]:
        told = (event["state"] for event in self.events if event["kind"] == "status")
        return [state for state in told if state.startswith(prefix)]

    def said(self) -> list[str]:
        return [e["text"] for e in self.events if e["kind"] == "tick" and e["action"] == "speak"]

    async def until(self, holds: Callable[[], Any], within: float = 20.0, what: str = "") -> None:
        """Returns once the condition holds; it is looked at whenever something came."""
        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"not within {within} s: {what}; heard {self.heard[-5:]}") from None

    async def tell(self, message: Downward | str) -> None:
        line = message if isinstance(message, str) else message.model_dump_json()
        await self.connections[-1].send(line)

    async def command(self, name: str, within: float = 10.0, **args: Any) -> Reply:
        """Has something done, and returns the reply."""
        number = next(self._numbers)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        await self.tell(Command.model_validate({"id": number, "name": name, "args": args}))
        async with asyncio.timeout(within):
            return await reply

    def _admit(self, connection: ServerConnection, request: Any) -> Any:
        authorized = request.headers.get("Authorization") == f"Bearer {self.token}" and request.path == PATH
        if self.refuse or not authorized:
            return connection.respond(401, "who are you?\n")
        return None

    async def _link(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        with contextlib.suppress(ConnectionClosed):
            async for data in connection:
                await self._take(connection, data)
        if connection in self.connections:
            self.connections.remove(connection)

    async def _take(self, connection: ServerConnection, data: str | bytes) -> None:
        if isinstance(data, bytes):
            frame = unpack(data)
            (self.pictures if isinstance(frame, LivePicture) else self.sounds).append(frame)  # type: ignore[arg-type]
        else:
            message = read_upward(data)
            self.heard.append(message)
            if isinstance(message, Hello):
                self.hellos.append(message)
                answer = self.dismiss or (self.order if message.epoch is None else Welcome())
                await connection.send(answer.model_dump_json())
            elif isinstance(message, Reply) and message.to in self._replies:
                self._replies.pop(message.to).set_result(message)
        async with self._changed:
            self._changed.notify_all()


@contextlib.asynccontextmanager
async def control_plane(order: Order) -> AsyncIterator[ControlPlane]:
    """A control plane that listens, for the block."""
    plane = ControlPlane(order)
    await plane.start()
    try:
        yield plane
    finally:
        await plane.stop()
