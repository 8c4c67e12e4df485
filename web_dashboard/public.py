"""What people and programs without an account may open: calls and overlays, by links that carry a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from web_dashboard.public_call import call_router
from web_dashboard.public_overlay import overlay_router
from web_dashboard.schemas.overlay import overlay_url

if TYPE_CHECKING:
    from web_dashboard.services.context import Services

__all__ = ["mount_public", "overlay_url"]


def mount_public(app: FastAPI, services: Services) -> None:
    """Adds the public addresses to the application: everything below /call and /overlay."""
    app.include_router(overlay_router(services))
    app.include_router(call_router(services))
