"""In front of everything: who is asking, from where, and how much they may send.

It guards HTTP and WebSockets alike, NiceGUI's socket.io included, and finds out who is asking before any route runs.
What they may do is asked by the routes, pages and services.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from joyvl_core.errors import JoyVLError
from web_dashboard.answers import Answer, Body, RefusalError
from web_dashboard.limiting import Limit, LimitedError
from web_dashboard.permissions import Actor
from web_dashboard.services.api_keys import PREFIX
from web_dashboard.services.context import Services

COOKIE: Final = "joyvl"
PUBLIC: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"/healthz|/readyz|/favicon\.ico|/robots\.txt",
        r"/static/.*",
        r"/setup|/sign-in",
        r"/api/v1/(sign-in|set-up|sign-in/oidc|sign-in/oidc/callback)",
        r"/call/.*|/overlay/.*",  # a share's own token
        r"/link/.*",  # a process's, or a worker's, own token
        r"/hooks/livekit",  # signed by the LiveKit server
        r"/metrics",  # its own token, or somebody with the right
    )
)
"""Paths that are answered without a sign-in. What stands there asks for a token of its own, or tells nothing."""
_TOKENS: Final = ("/link/",)
"""Where no browser asks."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_WRONG_KEYS: Final = 30
_CLOSE_NOBODY, _CLOSE_FORBIDDEN, _CLOSE_LIMITED = 4401, 4403, 4429


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the guard lets through.

    Attributes:
        hosts: Names under which this server may be asked for, in lower case; empty: any.
        origins: Further `host:port`s whose pages are this server's own: the public one, behind a proxy.
        body: Bytes of a request.
        upload: Bytes of an upload.
        requests: Requests a minute from an address that is nobody.
    """

    hosts: Collection[str] = ()
    origins: Collection[str] = ()
    body: int = 1_000_000
    upload: int = 512_000_000
    requests: int = 600


class Guard:
    """The ASGI middleware.

    Args:
        app: What is guarded.
        services: Know people and keys by their tokens.
        bounds: What is let through.
    """

    def __init__(self, app: ASGIApp, services: Services, bounds: Bounds) -> None:
        self._app = app
        self._services = services
        self._bounds = bounds
        wall = services.context.wall
        self._strangers = Limit(bounds.requests, 60.0, wall)
        self._wrong_keys = Limit(_WRONG_KEYS, 60.0, wall)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        body = Body(receive, headers, self._most(scope))
        answer = Answer(scope, send, body)
        try:
            body.check_length()
            elsewhere = await self._admit(scope, headers)
            if elsewhere is not None:
                await elsewhere(scope, receive, answer.send)
                return
            actor: Actor = scope.get("state", {})["actor"]
            # What is public is not theirs alone: it stays open when they leave.
            somebody = None if actor.user is None or _is_public(scope["path"]) else actor
            await answer.of(self._app, self._services.held, somebody, lambda: self._again(headers))
        except RefusalError as refusal:
            if answer.started:
                raise
            await refusal.response()(scope, receive, answer.send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if await self._admit(scope, Headers(scope=scope)) is None:
                await self._app(scope, receive, send)
                return
            code = _CLOSE_NOBODY
        except RefusalError as refusal:
            code = _CLOSE_LIMITED if refusal.status_code == HTTPStatus.TOO_MANY_REQUESTS else _CLOSE_FORBIDDEN
            if refusal.status_code == HTTPStatus.UNAUTHORIZED:
                code = _CLOSE_NOBODY
        await receive()
        await send({"type": "websocket.close", "code": code})

    def _most(self, scope: Scope) -> int:
        uploading = scope["path"].startswith("/api/v1/uploads") and scope["method"] == "POST"
        return self._bounds.upload if uploading else self._bounds.body

    async def _admit(self, scope: Scope, headers: Headers) -> Response | None:
        """Notes who is asking; or returns the answer for somebody who has to sign in first.

        Raises:
            RefusalError: They go no further.
        """
        path: str = scope["path"]
        address = scope["client"][0] if scope.get("client") else ""
        changing = scope["type"] == "websocket" or scope["method"] not in _SAFE
        token = path.startswith(_TOKENS)
        if not token:
            self._check_host(headers)
            self._check_origin(headers, changing)
        public = _is_public(path)
        actor = None if token else await self._actor(headers, address, public)
        if actor is None:
            if not token:
                self._limited(self._strangers, address)
            if not public:
                return _nobody(scope, headers)
            actor = Actor("", scopes=frozenset(), address=address)
        elif actor.scopes is None and changing and "origin" not in headers:
            # A cookie comes along by itself, so what it may change must say which page it is from.
            raise _bad_origin()
        scope.setdefault("state", {})["actor"] = replace(actor, address=address)
        return None

    async def _actor(self, headers: Headers, address: str, public: bool) -> Actor | None:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        try:
            # What is public may have bearers of its own.
            if scheme and (not public or key.strip().startswith(PREFIX)):
                actor = await self._services.api_keys.actor_of(key.strip()) if scheme.lower() == "bearer" else None
                if actor is None and not public:
                    self._limited(self._wrong_keys, address)
                    raise RefusalError(
                        HTTPStatus.UNAUTHORIZED, "bad_key", "This key is not valid.", "It may be revoked or expired."
                    )
                return actor
            token = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
            return await self._services.sign_in.actor_of(token) if token else None
        except JoyVLError as error:  # the database, for now
            raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, error.kind, str(error), error.hint) from None

    async def _again(self, headers: Headers) -> Actor | None:
        """Who somebody is by now, who was let in with these headers."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme:
            return await self._services.api_keys.actor_of(key.strip())
        return await self._services.sign_in.actor_of(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""))

    def _check_host(self, headers: Headers) -> None:
        name = _name(f"//{headers.get('host', '')}")
        if self._bounds.hosts and name not in self._bounds.hosts and not _is_loopback(name):
            raise RefusalError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "bad_host",
                "This server does not go by that name.",
                "JOYVL_DASHBOARD_HOSTS lists its names.",
            )

    def _check_origin(self, headers: Headers, changing: bool) -> None:
        origin = headers.get("origin")
        if origin is None or not changing:
            return
        if _netloc(origin) not in {headers.get("host", "").lower(), *self._bounds.origins}:
            raise _bad_origin()

    def _limited(self, limit: Limit, address: str) -> None:
        try:
            limit.hit(address)
        except LimitedError as error:
            raise RefusalError(HTTPStatus.TOO_MANY_REQUESTS, error.kind, str(error), error.hint, error.after) from None


def _is_public(path: str) -> bool:
    return any(pattern.fullmatch(path) for pattern in PUBLIC)


def _bad_origin() -> RefusalError:
    return RefusalError(
        HTTPStatus.FORBIDDEN,
        "bad_origin",
        "Changes are taken from this server's own pages only.",
        "Programs use an API key.",
    )


def _nobody(scope: Scope, headers: Headers) -> Response:
    page = scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and "text/html" in headers.get("accept", "")
    if page and not scope["path"].startswith("/api/"):
        asked = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
        return RedirectResponse("/sign-in" if asked == "/" else f"/sign-in?next={quote(asked, safe='/')}", 303)
    refusal = RefusalError(HTTPStatus.UNAUTHORIZED, "nobody", "Sign in first.", "Or send an API key as a bearer token.")
    return refusal.response()


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
