"""The application: the guard, the JSON API, the pages, the public pages, and where processes connect."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import SecretStr
from sqlalchemy import select, text
from starlette.middleware import Middleware

from joyvl_core.errors import JoyVLError
from web_dashboard.api.depends import current_actor, needs
from web_dashboard.api.docs import docs_router
from web_dashboard.api.errors import RESPONSES, add_error_handlers
from web_dashboard.api.livekit_hook import router as livekit_hook
from web_dashboard.assembly import ControlPlane, Loop
from web_dashboard.fleet.links import link_routes
from web_dashboard.fleet.pool import Pool
from web_dashboard.fleet.pool_links import pool_routes
from web_dashboard.guard import Bounds, Guard
from web_dashboard.metrics import CONTENT_TYPE, MeasuredRequests
from web_dashboard.permissions import Permission, UnknownError
from web_dashboard.public import mount_public
from web_dashboard.settings import ServeSettings, listed
from web_dashboard.tracing import TracedRequests, Tracing

API = "/api/v1"
ROUTERS = (
    "sign_in",
    "users",
    "api_keys",
    "sessions",
    "history",
    "marks",
    "profiles",
    "credentials",
    "destinations",
    "uploads",
    "shares",
    "alerts",
    "webhooks",
    "workers",
    "system",
    "audit",
)
"""Modules of `web_dashboard.api`, each with a `router`."""
_AGAIN = 1.0
_LOG = logging.getLogger(__name__)


def create_app(plane: ControlPlane, settings: ServeSettings, tracing: Tracing | None = None) -> FastAPI:
    """The whole control plane as one ASGI application, for one process.

    Args:
        plane: What it serves.
        settings: How.
        tracing: Traces requests.
    """
    services = plane.services
    app = FastAPI(
        title="JoyVL",
        version="1",
        description="The control plane of JoyVL. Sign in for a cookie, or send an API key as a bearer token.",
        lifespan=_life(plane),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=_middleware(plane, settings, tracing or Tracing()),
    )
    app.state.services = services
    app.state.public_url = settings.public_url.rstrip("/")
    add_error_handlers(app)
    app.include_router(_api(), prefix=API)
    app.include_router(docs_router(app, API), prefix=API)
    app.include_router(_health(plane, settings.metrics_token))
    app.include_router(livekit_hook)
    app.include_router(link_routes(services.fleet))
    if isinstance(services.fleet.launcher, Pool):
        app.include_router(pool_routes(services.fleet.launcher))
    mount_public(app, services)
    app.include_router(_nothing())
    # Loads NiceGUI, whose routes take every path that is left: the pages come last.
    from web_dashboard.ui import mount_ui

    mount_ui(app, services)
    return app


def _nothing() -> APIRouter:
    """What the API has no route for is told in its own form, not as a page."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], dependencies=[needs(None)])
    async def nothing(rest: str) -> None:
        raise UnknownError("There is no such route.", source="api", kind="unknown", hint=f"See {API}/docs.")

    return router


def _life(plane: ControlPlane) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await plane.services.uploads.clean()
        tasks = [asyncio.create_task(_kept_up(loop), name=loop.name) for loop in plane.loops]
        try:
            yield
        finally:
            await plane.services.fleet.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return lifespan


def _api() -> APIRouter:
    api = APIRouter(responses=RESPONSES)
    for name in ROUTERS:
        api.include_router(import_module(f"web_dashboard.api.{name}").router)
    return api


def _middleware(plane: ControlPlane, settings: ServeSettings, tracing: Tracing) -> list[Middleware]:
    public = urlsplit(settings.public_url)
    hosts = set(listed(settings.hosts))
    if hosts and public.hostname:
        hosts.add(public.hostname)
    bounds = Bounds(
        hosts=hosts,
        origins=(public.netloc.lower(),) if public.netloc else (),
        body=settings.max_body,
        upload=settings.max_upload,
        requests=settings.requests_per_minute,
    )
    chain = [
        Middleware(MeasuredRequests, metrics=plane.metrics),
        Middleware(TracedRequests, tracing=tracing),
        Middleware(Guard, services=plane.services, bounds=bounds),
    ]
    if settings.behind_proxy:
        from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

        chain.insert(0, Middleware(ProxyHeadersMiddleware, trusted_hosts=list(listed(settings.trusted_proxies))))
    return chain


def _health(plane: ControlPlane, token: SecretStr) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    services = plane.services

    @router.get("/healthz")
    async def alive() -> JSONResponse:
        """Whether the process lives."""
        return JSONResponse({"status": "ok"})

    @router.get("/readyz")
    async def ready() -> JSONResponse:
        """Whether it can do its work: the database answers, and the fleet is looked after."""
        try:
            async with services.context.database.reading() as connection:
                await connection.execute(select(text("1")))
        except JoyVLError:
            return JSONResponse({"status": "no database"}, 503)
        trouble = bool(services.fleet.trouble)
        return JSONResponse({"status": "trouble" if trouble else "ok"}, 503 if trouble else 200)

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        """What is counted, for Prometheus: by its own token, or for who may see the system."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        expected = token.get_secret_value()
        if not (expected and hmac.compare_digest(given.encode(), expected.encode())):
            current_actor(request).require(Permission.SYSTEM_READ)
        return Response(await plane.metrics.text(), media_type=CONTENT_TYPE)

    return router


async def _kept_up(loop: Loop) -> None:
    """Runs a loop; one that fails is a mistake of ours, told and begun again."""
    while True:
        try:
            await loop.run()
        except Exception:
            _LOG.exception("%s failed; it begins again", loop.name)
        else:
            return
        await asyncio.sleep(_AGAIN)
