"""What every request and every answer of the call server goes through."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 131_072

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "permissions-policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


class Refusal(HTTPException):
    """The request is answered with this status and goes no further."""

    def __init__(self, status: HTTPStatus, kind: str, message: str) -> None:
        super().__init__(status.value, message)
        self.kind = kind

    def response(self) -> JSONResponse:
        return JSONResponse({"kind": self.kind, "message": self.detail}, status_code=self.status_code)


class Guard:
    """Admits requests made to this server by its own page, and bounds what they bring.

    A page of another site can reach a server on this machine by letting its own name resolve to 127.0.0.1.
    So the host asked for must be an address, which no name server can redirect, `localhost`, or a name of
    this machine; and where a browser says which page a request comes from, it must be ours.
    """

    def __init__(self, app: ASGIApp, *, names: Collection[str] = ()) -> None:
        self._app = app
        self._names = {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            _check_length(headers)
        except Refusal as refusal:
            await refusal.response()(scope, receive, sealed)
        else:
            await self._app(scope, _bounded(receive), sealed)

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "")
        if not self._is_ours(_name(f"//{host}")):
            raise Refusal(HTTPStatus.MISDIRECTED_REQUEST, "bad_host", "This server does not go by that name.")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise Refusal(HTTPStatus.FORBIDDEN, "bad_origin", "Calls are taken from this server's own page only.")

    def _is_ours(self, name: str) -> bool:
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _check_length(headers: Headers) -> None:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY:
        raise _TOO_LARGE


def _bounded(receive: Receive) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY:
            raise _TOO_LARGE
        return message

    return counted


_TOO_LARGE = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"At most {MAX_BODY} bytes are taken.")
