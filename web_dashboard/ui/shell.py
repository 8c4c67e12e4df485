"""The frame around every page, and the decorator that makes a page.

A page is a function that builds NiceGUI elements inside the frame:

    @page("/alerts", Permission.ALERTS_READ, title="nav.alerts")
    async def alerts_page(viewer: Viewer) -> None: ...

Styles are the dashboard's own (`static/dashboard.css`); there is no Tailwind.
"""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import nicegui
from fastapi import Request
from fastapi.responses import JSONResponse, Response
from nicegui import ui

from joyvl_core.errors import JoyVLError
from web_dashboard.permissions import Actor, ForbiddenError, Permission, UnknownError
from web_dashboard.services.context import Services
from web_dashboard.ui.leaving import hold
from web_dashboard.ui.navigation import navigation
from web_dashboard.ui.viewer import Viewer
from web_dashboard.ui.words import LANGUAGES

__all__ = ["PAGES", "PageRule", "Viewer", "page", "unknown_page"]

_LOG = logging.getLogger(__name__)
COOKIE = "joyvl"
LOOK_COOKIE = "joyvl_look"
LANGUAGE_COOKIE = "joyvl_language"
QUASAR_LANGUAGE = {"en": "en-US", "zh": "zh-CN"}
_BUILD_WITHIN = 15.0

Builder = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PageRule:
    """A page and the right that it takes; the test of all pages reads these."""

    path: str
    permission: Permission | None


PAGES: list[PageRule] = []


def page(path: str, permission: Permission | None, *, title: str, wide: bool = False) -> Callable[[Builder], Builder]:
    """Makes a page of the dashboard. Its parameters after `viewer` come from the path, as FastAPI's do.

    Args:
        path: Its address.
        permission: The right it takes; None is for everybody who is signed in.
        title: Key of its name.
        wide: It uses the whole width of the window, and makes its own heading.
    """

    def decorate(build: Builder) -> Builder:
        PAGES.append(PageRule(path, permission))
        own = [each for name, each in inspect.signature(build, eval_str=True).parameters.items() if name != "viewer"]

        async def show(request: Request, **arguments: Any) -> None:
            viewer = _viewer(request)
            _look(request, viewer)
            await _build(viewer, request, PageRule(path, permission), title, wide, lambda: build(viewer, **arguments))

        first = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
        show.__signature__ = inspect.Signature([first, *own])  # type: ignore[attr-defined]  # FastAPI reads it
        ui.page(path, response_timeout=_BUILD_WITHIN)(show)
        return build

    return decorate


async def unknown_page(request: Request) -> Response | None:
    """What stands at an address where nothing is."""
    if request.url.path.startswith("/api/") or "actor" not in request.scope.get("state", {}):
        told = {"kind": "unknown", "message": "There is nothing at this address.", "hint": ""}
        return JSONResponse(told, 404)
    viewer = _viewer(request)
    _look(request, viewer)

    async def nothing() -> None:
        raise UnknownError("There is nothing at this address.", source="pages", kind="unknown")

    await _build(viewer, request, PageRule("", None), "shell.unknown.title", True, nothing)
    return None


def _viewer(request: Request) -> Viewer:
    actor = cast(Actor, request.scope["state"]["actor"])
    services = cast(Services, nicegui.app.state.services)
    language = request.cookies.get(LANGUAGE_COOKIE, "")
    if language not in LANGUAGES:
        language = "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"
    dark = {"dark": True, "light": False}.get(request.cookies.get(LOOK_COOKIE, ""))
    return Viewer(actor, services, language, dark, request.cookies.get(COOKIE, ""))


def _look(request: Request, viewer: Viewer) -> None:
    # NiceGUI keeps language and darkness with the page, for all who see it: this client gets a page of its own.
    client = ui.context.client
    client.page = copy.copy(client.page)
    client.page.language = cast(Any, QUASAR_LANGUAGE[viewer.language])
    client.page.dark = viewer.dark


async def _build(
    viewer: Viewer, request: Request, rule: PageRule, title: str, wide: bool, content: Callable[[], Awaitable[None]]
) -> None:
    client = ui.context.client
    ui.page_title(f"{viewer.t(title)} · JoyVL")
    with ui.element("div").classes("jv-frame"):
        ui.link(viewer.t("shell.skip"), "#content").classes("jv-skip")
        navigation(viewer, request.url.path)
        with (
            ui.element("div")
            .classes("jv-content jv-wide" if wide else "jv-content")
            .props("id=content tabindex=-1 role=region aria-labelledby=jv-title") as region
        ):
            try:
                if rule.permission is not None:
                    viewer.actor.require(rule.permission)
                if not wide:
                    heading(viewer.t(title))
                await content()
            except ForbiddenError:
                client.status_code = 403
                region.clear()
                right = rule.permission.value if rule.permission else "admin"
                _instead(viewer, "lock", "shell.forbidden", right=right)
            except UnknownError:
                client.status_code = 404
                region.clear()
                _instead(viewer, "travel_explore", "shell.unknown")
            except JoyVLError as error:
                client.status_code = 503
                region.clear()
                _failed(viewer, error)
    if viewer.token:
        hold(viewer)


def heading(text: str) -> ui.element:
    """The page's heading, and a place beside it for its actions, which is returned."""
    with ui.element("div").classes("jv-head"):
        with ui.element("h1").props("id=jv-title"):
            ui.label(text)
        return ui.element("div").classes("jv-actions")


def _instead(viewer: Viewer, icon: str, key: str, **values: object) -> None:
    heading(viewer.t(f"{key}.title"))
    with ui.element("div").classes("jv-empty"):
        ui.icon(icon).props("aria-hidden=true")
        ui.label(viewer.t(key, **values))
        ui.link(viewer.t("shell.back"), "/").classes("jv-link")


def _failed(viewer: Viewer, error: JoyVLError) -> None:
    heading(viewer.t("shell.failed.title"))
    with ui.element("div").classes("jv-empty").props("role=alert"):
        ui.icon("error").props("aria-hidden=true")
        ui.label(str(error))
        if error.hint:
            ui.label(error.hint).classes("jv-soft")
        ui.link(viewer.t("shell.back"), "/").classes("jv-link")
