"""The addresses of calls by share link: the call page, its password, offers and hanging up."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import JSONResponse, RedirectResponse, Response

from joyvl_core.errors import BadInputError, JoyVLError
from web_dashboard.limiting import Limit
from web_dashboard.permissions import ForbiddenError, UnknownError
from web_dashboard.public_pages import address_of, asset, gone_page, headers, page, refusal
from web_dashboard.shared_calls import SharedCalls

if TYPE_CHECKING:
    from web_dashboard.services.context import Services
    from web_dashboard.services.shares import Share

MAX_BODY = 131_072
T = TypeVar("T", bound=BaseModel)

_COOKIE = "joyvl_call"
_LET_IN_FOR = 12 * 3_600.0
_LET_IN = 10_000
_MARK = 'data-phase="idle"'


class Password(BaseModel):
    """What a person types to be let in."""

    model_config = ConfigDict(extra="forbid")

    password: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(repr=False)


class Offer(BaseModel):
    """A browser's offer. `sources`: what it sends on which video section, by mid."""

    model_config = ConfigDict(extra="forbid")

    sdp: Annotated[str, StringConstraints(min_length=1, max_length=65_536)]
    sources: Annotated[
        dict[
            Annotated[str, StringConstraints(max_length=16)], Annotated[str, StringConstraints(pattern="^[a-z]{1,16}$")]
        ],
        Field(max_length=4),
    ] = {}


class Door:
    """Who has a link, and its password where it has one, is let in for some hours."""

    def __init__(self, services: Services) -> None:
        self._services = services
        wall = services.context.wall
        self._wall = wall
        self._misses = Limit(60, 60.0, wall)
        self._passwords = Limit(10, 60.0, wall)
        self._all_passwords = Limit(60, 60.0, wall)
        # Hashes of what cookies hold, with the link that each is for and until when.
        self._let_in: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def share(self, request: Request, token: str) -> Share:
        """The link of a token.

        Raises:
            UnknownError: It does not work.
            ForbiddenError: It has a password, and this browser has not told it.
            LimitedError: Too many that don't work were tried from there.
        """
        try:
            found = await self._services.shares.open(token, "call")
        except UnknownError:
            self._misses.hit(address_of(request))
            raise
        if found.locked and not self._is_in(request, found):
            raise ForbiddenError("This link has a password.", source="call", kind="locked", hint="Open the page again.")
        return found

    async def enter(self, request: Request, token: str, password: str) -> Response:
        """Lets a browser in that tells the password."""
        known = _hash(token)
        self._passwords.hit(f"{address_of(request)} {known}")
        self._all_passwords.hit(known)
        found = await self._services.shares.open(token, "call", password)
        shown = secrets.token_urlsafe(32)
        self._let_in[_hash(shown)] = (found.id, self._wall() + _LET_IN_FOR)
        while len(self._let_in) > _LET_IN:
            self._let_in.popitem(last=False)
        answer = Response(status_code=204, headers=headers())
        secure = request.url.scheme == "https"
        answer.set_cookie(
            _COOKIE,
            shown,
            max_age=int(_LET_IN_FOR),
            path=f"/call/{token}/",
            secure=secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    def _is_in(self, request: Request, share: Share) -> bool:
        shown = request.cookies.get(_COOKIE, "")
        kept, until = self._let_in.get(_hash(shown), (None, 0.0))
        return kept == share.id and self._wall() < until


class CallPages:
    """What the addresses answer."""

    def __init__(self, services: Services) -> None:
        self._door = Door(services)
        self._calls = SharedCalls(services)
        self._placed = Limit(10, 60.0, services.context.wall)

    async def page(self, request: Request, token: str) -> Response:
        """The call page, or the door to it."""
        try:
            await self._door.share(request, token)
        except ForbiddenError:
            return page("shared_call", "door.html")
        except UnknownError:
            return gone_page()
        shown = page("call", "index.html", devices=True)
        # The page itself is the one of `joyvl call`; here it also says who else sees the call.
        shown.body = bytes(shown.body).replace(_MARK.encode(), f"{_MARK} data-shared".encode(), 1)
        shown.headers["content-length"] = str(len(shown.body))
        return shown

    async def config(self, request: Request, token: str) -> Response:
        """What the page needs to know before it calls."""
        await self._door.share(request, token)
        return _json({"ice_servers": []})

    async def enter(self, request: Request, token: str) -> Response:
        """Takes the password."""
        _check_origin(request)
        given = _read(Password, await _body(request))
        return await self._door.enter(request, token, given.password)

    async def offer(self, request: Request, token: str) -> Response:
        """Takes an offer."""
        _check_origin(request)
        share = await self._door.share(request, token)
        given = _read(Offer, await _body(request))
        address = address_of(request)
        self._placed.hit(f"{address} {share.id}")
        placed = await self._calls.place(share, given.sdp, given.sources, address=address)
        return _json({"call": placed.id, "sdp": placed.sdp})

    async def is_up(self, call: str) -> Response:
        """Whether a call goes on. Its id alone is enough: nobody else knows it, and the link may be used up."""
        return Response(status_code=204 if await self._calls.is_up(call) else 404, headers=headers())

    async def hang_up(self, request: Request, call: str) -> Response:
        """Ends a call."""
        _check_origin(request)
        return Response(status_code=204 if await self._calls.hang_up(call) else 404, headers=headers())


def call_router(services: Services) -> APIRouter:
    """The routes of calls by share link."""
    router = APIRouter(prefix="/call", include_in_schema=False)
    pages = CallPages(services)

    @router.get("/static/shared/{name}")
    async def door_static(name: str) -> Response:
        return asset("shared_call", name)

    @router.get("/{token}/static/{name}")
    async def static(token: str, name: str) -> Response:
        del token  # the files are the same for everybody
        return asset("call", name)

    @router.get("/{token}")
    async def moved(token: str) -> Response:
        # The page's files are found below its address. Relative, so that it holds behind a proxy's prefix too.
        return RedirectResponse(f"./{quote(token, safe='')}/", status_code=308, headers=headers())

    @router.get("/{token}/")
    async def call_page(request: Request, token: str) -> Response:
        return await _answered(pages.page(request, token))

    @router.post("/{token}/enter")
    async def enter(request: Request, token: str) -> Response:
        return await _answered(pages.enter(request, token))

    @router.get("/{token}/api/call/config")
    async def config(request: Request, token: str) -> Response:
        return await _answered(pages.config(request, token))

    @router.post("/{token}/api/call/offer")
    async def offer(request: Request, token: str) -> Response:
        return await _answered(pages.offer(request, token))

    @router.get("/{token}/api/call/{call}")
    async def is_up(token: str, call: str) -> Response:
        del token
        return await _answered(pages.is_up(call))

    @router.post("/{token}/api/call/{call}/hangup")
    async def hang_up(request: Request, token: str, call: str) -> Response:
        del token
        return await _answered(pages.hang_up(request, call))

    return router


async def _answered(answer: Any) -> Response:
    try:
        made: Response = await answer
    except JoyVLError as error:
        return refusal(error)
    return made


def _json(body: dict[str, Any]) -> JSONResponse:
    return JSONResponse(body, headers=headers())


def _check_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise ForbiddenError("Calls are taken from this server's own page only.", source="call", kind="bad_origin")


async def _body(request: Request) -> bytes:
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > MAX_BODY:
            raise BadInputError(f"At most {MAX_BODY} bytes are taken.", source="call", kind="too_large")
    return bytes(read)


def _read(schema: type[T], body: bytes) -> T:
    try:
        return schema.model_validate_json(body)
    except ValueError:
        raise BadInputError(
            "That could not be read.", source="call", kind="bad_offer", hint="Reload the page."
        ) from None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
