"""A page ends with the sign-in that it was opened by: deleting the cookie alone would leave it working."""

from __future__ import annotations

import asyncio
import contextlib

from nicegui import Client, core

from web_dashboard.permissions import Actor
from web_dashboard.ui.viewer import Viewer

_WITHIN = 2.0
"""Seconds that a browser gets for taking what is sent last."""


def hold(viewer: Viewer) -> None:
    """Ends the viewer's page once they are signed out, or have another role; their browser goes to the sign-in."""
    services, client = viewer.services, viewer.client

    async def end(actor: Actor | None) -> None:
        await _leave(client, "/sign-in" if actor is None else "/")

    let_go = services.held.hold(viewer.actor, lambda: services.sign_in.actor_of(viewer.token), end)
    client.on_delete(let_go)


async def _leave(client: Client, path: str) -> None:
    with contextlib.suppress(KeyError):  # it went by itself
        client.delete()
    # What the page had to send is gone with it, so this is sent past it, to the sockets that are still in its room.
    sockets = list(core.sio.manager.get_participants("/", client.id))
    await core.sio.emit("open", {"path": path, "new_tab": False}, room=client.id)
    for socket, connection in sockets:
        with contextlib.suppress(TimeoutError):  # a reader that stalls is dropped by its pings
            async with asyncio.timeout(_WITHIN):
                await core.sio.disconnect(socket)
                await core.sio.eio.disconnect(connection)
