"""Where LiveKit servers tell of their rooms. Public: each message is checked by its own signature."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from joyvl_core.errors import JoyVLError
from web_dashboard.api.depends import CurrentServices
from web_dashboard.services.livekit_news import MAX_BODY, LiveKitNews, UnsignedError

PATH = "/hooks/livekit"
MAX_ROOM = 128
"""Characters of a room's name; a place takes no more."""
router = APIRouter(tags=["hooks"])


@router.post(PATH, include_in_schema=False)
async def livekit_told(request: Request, services: CurrentServices) -> JSONResponse:
    """Invites the bot into rooms that start with a name that a saved place waits for."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return JSONResponse({"kind": "too_large", "message": "It is too large.", "hint": ""}, 413)
    news = LiveKitNews(services.context, services.credentials)
    try:
        told = await news.read(bytes(body), request.headers.get("authorization", ""))
    except UnsignedError as error:
        return JSONResponse({"kind": error.kind, "message": str(error), "hint": error.hint}, 401)
    started = None
    if told.event == "room_started" and 0 < len(told.room) <= MAX_ROOM:
        try:
            started = await services.destinations.room_started(told.room, told.credential)
        except JoyVLError as error:
            # The server tries again only where it is told that this failed.
            status = 503 if error.retryable else 200
            return JSONResponse({"kind": error.kind, "message": str(error), "hint": error.hint}, status)
    elif told.event == "room_finished":
        await services.destinations.room_finished(told.room)
    return JSONResponse({"session": started})
