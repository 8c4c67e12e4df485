"""The call page's web application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bot.call_server.calls import Calls, StartSession
from bot.call_server.guard import Guard, Refusal
from bot.rooms.webrtc import CallConfig, Source
from joyvl_core.errors import BadInputError, JoyVLError

MAX_SDP = 65_536

_PAGES = Path(str(files("bot") / "pages" / "call"))


class Offer(BaseModel):
    """A browser's offer. `sources`: what it sends on which video section, by mid."""

    model_config = ConfigDict(extra="forbid")

    sdp: Annotated[str, StringConstraints(min_length=1, max_length=MAX_SDP)]
    sources: Annotated[dict[Annotated[str, StringConstraints(max_length=16)], Source], Field(max_length=4)] = {}


class Answer(BaseModel):
    """The bot's answer. `call` is the id to hang up with."""

    call: str
    sdp: str


class PageConfig(BaseModel):
    """What the page needs to know before it calls. ICE servers are in the browser's own form."""

    ice_servers: list[dict[str, str]]


class Health(BaseModel):
    """Whether the server lives, and how busy it is."""

    status: str
    calls: int
    limit: int


def create_call_app(
    start_session: StartSession,
    *,
    limit: int = 4,
    config: CallConfig | None = None,
    names: Collection[str] = (),
) -> FastAPI:
    """The application that serves the call page and takes calls.

    Args:
        start_session: Lives one session in a room. The app owns the task and ends it when it shuts down.
        limit: Most calls at once.
        config: How calls are connected.
        names: Names of this machine beside `localhost` under which browsers may reach it.
    """
    config = config or CallConfig()
    calls = Calls(start_session, limit=limit, config=config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await calls.close()

    app = FastAPI(title="JoyVL call", lifespan=lifespan, openapi_url=None)
    app.add_middleware(Guard, names=names)
    app.add_exception_handler(JoyVLError, _error)
    app.add_exception_handler(Refusal, _refusal)
    _add_routes(app, calls, config)
    app.mount("/static", StaticFiles(directory=_PAGES), name="static")
    return app


def _add_routes(app: FastAPI, calls: Calls, config: CallConfig) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_PAGES / "index.html")

    @app.get("/healthz")
    async def health() -> Health:
        return Health(status="ok", calls=len(calls), limit=calls.limit)

    @app.get("/api/call/config")
    async def page_config() -> PageConfig:
        servers = [
            {"urls": server.url, "username": server.username, "credential": server.credential}
            for server in config.ice_servers
        ]
        return PageConfig(ice_servers=servers)

    @app.post("/api/call/offer")
    async def offer(request: Request, offer: Offer) -> Answer:
        address = request.client.host if request.client else "127.0.0.1"
        placed = await calls.place(offer.sdp, offer.sources, address=address)
        return Answer(call=placed.id, sdp=placed.sdp)

    @app.get("/api/call/{call}", status_code=HTTPStatus.NO_CONTENT)
    async def is_up(call: str) -> Response:
        return Response(status_code=HTTPStatus.NO_CONTENT if calls.is_up(call) else HTTPStatus.NOT_FOUND)

    @app.post("/api/call/{call}/hangup", status_code=HTTPStatus.NO_CONTENT)
    async def hang_up(call: str) -> Response:
        found = calls.hang_up(call)
        return Response(status_code=HTTPStatus.NO_CONTENT if found else HTTPStatus.NOT_FOUND)


async def _error(_: Request, error: Exception) -> JSONResponse:
    """A typed error as the page reads it."""
    if not isinstance(error, JoyVLError):
        raise error
    status = HTTPStatus.BAD_REQUEST if isinstance(error, BadInputError) else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse({"kind": error.kind, "message": str(error), "hint": error.hint}, status_code=status)


async def _refusal(_: Request, refusal: Exception) -> Response:
    """A body that turned out too large while it was read."""
    if not isinstance(refusal, Refusal):
        raise refusal
    return refusal.response()
