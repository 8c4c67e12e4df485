"""The API's own description: as OpenAPI, and as a plain page that loads nothing."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse

from joyvl_core.threads import in_thread
from web_dashboard.api.depends import Needs, needs
from web_dashboard.guard import COOKIE, PUBLIC
from web_dashboard.routes import api_routes

_EVERYBODY = [needs(None)]


def docs_router(app: FastAPI, prefix: str) -> APIRouter:
    """Routes that describe the others."""
    router = APIRouter(include_in_schema=False, dependencies=_EVERYBODY)
    made: list[dict[str, Any]] = []

    @router.get("/openapi.json")
    async def openapi() -> JSONResponse:
        """The OpenAPI document."""
        if not made:
            made.append(await in_thread(describe, app, prefix))
        return JSONResponse(made[0])

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        """The routes, with the right that each takes."""
        return HTMLResponse(_page(app, prefix))

    return router


def describe(app: FastAPI, prefix: str) -> dict[str, Any]:
    """The OpenAPI document, with who may use each route."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    document["paths"] = {path: item for path, item in document["paths"].items() if path.startswith(prefix)}
    document.setdefault("components", {})["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key: jvl_…"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    rules = {(route.path, method): route.rules for route in api_routes(app) for method in route.methods}
    for path, item in document["paths"].items():
        public = any(pattern.fullmatch(path) for pattern in PUBLIC)
        for method, operation in item.items():
            operation["security"] = [] if public else [{"key": []}, {"cookie": []}]
            if rights := _rights(rules.get((path, method.upper()), ())):
                operation["x-permissions"] = rights
    return document


def _page(app: FastAPI, prefix: str) -> str:
    rows = "".join(
        f"<tr><td><code>{method}</code></td><td><code>{escape(route.path)}</code></td>"
        f"<td>{escape(_told(route.rules))}</td><td>{escape(route.summary)}</td></tr>"
        for route in sorted(api_routes(app), key=lambda each: each.path)
        if route.path.startswith(prefix) and route.in_schema
        for method in sorted(route.methods - {"HEAD"})
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>JoyVL API</title>'
        '<link rel="stylesheet" href="/static/dashboard.css"><body><main><h1>JoyVL API</h1>'
        f'<p><a href="{prefix}/openapi.json">OpenAPI document</a></p>'
        f"<table><thead><tr><th>Method</th><th>Path</th><th>Right</th><th>What it does</th></tr></thead>{rows}</table>"
        "</main></body></html>"
    )


def _rights(rules: tuple[Needs, ...]) -> list[str]:
    return sorted({rule.permission.value for rule in rules if rule.permission is not None})


def _told(rules: tuple[Needs, ...]) -> str:
    return " ".join(_rights(rules)) or ("signed in" if rules else "public")
