"""Runs the application on a socket, inside the caller's own event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import uvicorn

from bot.link.messages import MAX_MESSAGE
from bot.web_server import STOP_WITHIN, running

if TYPE_CHECKING:
    from fastapi import FastAPI

_CONNECTIONS = 1_000


@asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Serves inside the block; yields the task that does. It ends by itself only where it can't begin."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=2 * MAX_MESSAGE,
        ws_ping_interval=10.0,
        ws_ping_timeout=10.0,
        lifespan="on",
        timeout_graceful_shutdown=STOP_WITHIN,
        limit_concurrency=_CONNECTIONS,
    )
    async with running(config, listener) as task:
        yield task
