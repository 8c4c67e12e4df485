"""One request as the guard passes it on: its body counted, its answer sealed and ended when it has to."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web_dashboard.headers import seal
from web_dashboard.permissions import Actor
from web_dashboard.services.held import Held, Look

_SMALL: Final = 65_536
"""Bytes of a body that nobody reads and that are thrown away; for more the connection is closed."""


class RefusalError(HTTPException):
    """The request is answered with this and goes no further."""

    def __init__(self, status: HTTPStatus, kind: str, message: str, hint: str = "", after: int = 0) -> None:
        super().__init__(status.value, message, {"retry-after": str(after)} if after else None)
        self.kind = kind
        self.hint = hint

    def response(self) -> Response:
        """The answer."""
        body = {"kind": self.kind, "message": self.detail, "hint": self.hint}
        return JSONResponse(body, self.status_code, self.headers)


class Body:
    """The body of a request.

    Args:
        receive: Where it comes from.
        headers: Of the request.
        most: Bytes that are taken.
    """

    def __init__(self, receive: Receive, headers: Headers, most: int) -> None:
        self._receive = receive
        self._most = most
        self._received = 0
        length = headers.get("content-length", "0")
        self._length = int(length) if length.isdecimal() and len(length) <= 15 else -1
        self._whole = self._length == 0 and "transfer-encoding" not in headers
        self._small = 0 <= self._length <= _SMALL and "transfer-encoding" not in headers

    @property
    def unread(self) -> bool:
        """Whether more of it may come than a server should take only to throw it away."""
        return not self._whole and not self._small

    def check_length(self) -> None:
        """Looks at what is announced.

        Raises:
            RefusalError: It is too much.
        """
        if not 0 <= self._length <= self._most:
            raise self._too_large()

    async def receive(self) -> Message:
        """The next piece.

        Raises:
            RefusalError: It has become too much.
        """
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self._most:
            raise self._too_large()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._whole = True
        return message

    def _too_large(self) -> RefusalError:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return RefusalError(status, "too_large", f"At most {self._most} bytes are taken.")


class Answer:
    """The answer to a request.

    Args:
        scope: Of the request.
        send: Where it goes.
        body: Of the request. An answer that comes before the whole of it closes the connection after it: else a
            server goes on reading what nobody takes.
    """

    def __init__(self, scope: Scope, send: Send, body: Body) -> None:
        self._scope = scope
        self._send = send
        self._body = body
        self.started = False

    async def send(self, message: Message) -> None:
        """Passes a part of it on."""
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            seal(headers, self._scope["path"], secure=self._scope["scheme"] == "https")
            if self._body.unread:
                headers["connection"] = "close"
        await self._send(message)

    async def of(self, app: ASGIApp, held: Held, actor: Actor | None, look: Look) -> None:
        """Lets the application answer. What it streams to somebody ends once they are not who they were.

        Args:
            app: Answers.
            held: Tells when.
            actor: Who asks; None where it does not matter.
            look: Finds who they are by now.
        """
        if actor is None or self._scope["method"] != "GET":
            await app(self._scope, self._body.receive, self.send)
            return
        ends = asyncio.timeout(None)

        async def end(_: Actor | None) -> None:
            ends.reschedule(asyncio.get_running_loop().time())

        let_go = None

        async def sent(message: Message) -> None:
            nonlocal let_go
            await self.send(message)
            if let_go is None and message.get("more_body", False):
                let_go = held.hold(actor, look, end)

        try:
            async with ends:
                await app(self._scope, self._body.receive, sent)
        except TimeoutError:
            if not ends.expired():
                raise
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if let_go is not None:
                let_go()
