"""The overlay's addresses: pages for OBS, what they are told, the bot's voice, and a preview."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, WebSocket
from starlette.responses import Response

from joyvl_core.errors import JoyVLError
from web_dashboard.limiting import Limit
from web_dashboard.overlay_stream import FULL, GONE, LATER, Line, OverlayStream, tell_events, tell_sound
from web_dashboard.permissions import UnknownError
from web_dashboard.public_pages import address_of, asset, gone_page, page, refusal
from web_dashboard.schemas.overlay import PARTS, Part, read_style, style_fields

if TYPE_CHECKING:
    from web_dashboard.services.context import Services
    from web_dashboard.services.shares import Share

OPEN_EACH = 32
"""Overlays that may be open at once by one link."""
OPEN_ALL = 400


class Overlays:
    """Opens overlays for whoever holds a link."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._misses = Limit(60, 60.0, services.context.wall)
        self._open: Counter[int] = Counter()

    async def share(self, token: str, address: str) -> Share:
        """The link of a token.

        Raises:
            UnknownError: It does not work.
            LimitedError: Too many that don't work were tried from there.
        """
        try:
            return await self._services.shares.open(token, "overlay")
        except UnknownError:
            self._misses.hit(address)
            raise

    async def page(self, request: Request, token: str, part: Part) -> Response:
        """A page."""
        try:
            await self.share(token, address_of(request))
        except UnknownError:
            return gone_page()
        except JoyVLError as error:
            return refusal(error)
        base = "" if part != "all" else f"{token}/"
        values = {
            "part": part,
            "style": read_style(request.query_params).model_dump(),
            "static": f"{'../' if part != 'all' else ''}static",
            "stream": f"{base}{'sound' if part == 'voice' else 'events'}",
        }
        return page("overlay", "voice.html" if part == "voice" else "overlay.html", values, framed=True)

    async def preview(self, request: Request, token: str) -> Response:
        """The page on which an overlay is styled."""
        try:
            await self.share(token, address_of(request))
        except UnknownError:
            return gone_page()
        except JoyVLError as error:
            return refusal(error)
        values = {"fields": style_fields(), "parts": PARTS, "style": read_style(request.query_params).model_dump()}
        return page("overlay", "preview.html", values, frames=True)

    async def stream(self, socket: WebSocket, token: str, *, sound: bool) -> None:
        """Streams to an overlay until it is gone."""
        await socket.accept()
        line = Line(socket)
        try:
            share = await self.share(token, address_of(socket))
        except JoyVLError as error:
            await line.close(GONE if isinstance(error, UnknownError) else LATER)
            return
        if self._open[share.id] >= OPEN_EACH or self._open.total() >= OPEN_ALL:
            await line.close(FULL)
            return
        self._open[share.id] += 1
        try:
            await OverlayStream(self._services, share, line, tell_sound if sound else tell_events).run()
        finally:
            self._open[share.id] -= 1
            self._open += Counter()  # forgets links of which none is open


def overlay_router(services: Services) -> APIRouter:
    """The routes of the overlays."""
    router = APIRouter(prefix="/overlay", include_in_schema=False)
    overlays = Overlays(services)

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        return asset("overlay", name)

    @router.get("/{token}")
    async def everything(request: Request, token: str) -> Response:
        return await overlays.page(request, token, "all")

    @router.get("/{token}/preview")
    async def preview(request: Request, token: str) -> Response:
        return await overlays.preview(request, token)

    @router.get("/{token}/{part}")
    async def one(request: Request, token: str, part: str) -> Response:
        known: dict[str, Part] = {each: each for each in PARTS if each != "all"}
        return await overlays.page(request, token, known[part]) if part in known else gone_page()

    @router.websocket("/{token}/events")
    async def events(socket: WebSocket, token: str) -> None:
        await overlays.stream(socket, token, sound=False)

    @router.websocket("/{token}/sound")
    async def sound(socket: WebSocket, token: str) -> None:
        await overlays.stream(socket, token, sound=True)

    return router
