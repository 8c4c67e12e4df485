"""The pages: NiceGUI on the application itself, and the sign-in as plain pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

if TYPE_CHECKING:
    from web_dashboard.services.context import Services

STATIC = Path(__file__).parent / "static"
_RECONNECT_WITHIN = 30.0
"""Seconds that a page may be offline before it is built anew; it keeps what was typed until then."""


def mount_ui(app: FastAPI, services: Services) -> None:
    """Adds the pages to the application. It takes every path that is free, so it comes last."""
    import nicegui
    from nicegui import ui

    from web_dashboard.ui import entry, pages
    from web_dashboard.ui.shell import unknown_page

    pages.load()
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(entry.router)
    nicegui.app.state.services = services
    # An application of this process that was here before (in tests) has built its middleware: it is built again.
    nicegui.app.middleware_stack = None
    version = max(int(file.stat().st_mtime) for file in STATIC.iterdir())
    head = (
        f'<link rel="stylesheet" href="/static/dashboard.css?{version}">'
        f'<script src="/static/dashboard.js?{version}"></script>'
    )
    _shared_head(head)
    ui.run_with(
        app,
        root=unknown_page,
        title="JoyVL",
        favicon=STATIC / "mark.svg",
        reconnect_timeout=_RECONNECT_WITHIN,
        message_history_length=200,
        tailwind=False,
        show_welcome_message=False,
    )


def _shared_head(head: str) -> None:
    from nicegui.client import Client

    if head not in Client.shared_head_html:
        Client.shared_head_html += head
