"""What runs, and how to send the bot somewhere."""

from __future__ import annotations

from web_dashboard.permissions import Permission
from web_dashboard.ui.shell import Viewer, page


@page("/", Permission.SESSIONS_READ, title="nav.overview", wide=True)
async def overview_page(viewer: Viewer) -> None:
    """The first page."""
