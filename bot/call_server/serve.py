"""Runs the call page's application on a socket, inside the caller's own event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from bot.tls import Certificate
from bot.web_server import STOP_WITHIN, listen, running

_HERE = {"127.0.0.1", "::1", "0.0.0.0", "::"}  # noqa: S104 - addresses that this machine's own browser calls localhost


@asynccontextmanager
async def serving(
    app: FastAPI, *, host: str = "127.0.0.1", port: int = 0, certificate: Certificate | None = None
) -> AsyncIterator[str]:
    """Serves `app` inside the block and yields its address, e.g. `http://127.0.0.1:8765`.

    Args:
        app: What to serve.
        host: Address to listen on; 0.0.0.0 lets other machines in.
        port: Port to listen on; 0 takes a free one.
        certificate: Serves HTTPS with it.

    Raises:
        BadInputError: The address cannot be listened on.
    """
    listener = listen(host, port, source="call")
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=STOP_WITHIN,
        limit_concurrency=64,
        ssl_certfile=certificate.chain if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )
    async with running(config, listener) as task:
        if task.done():
            task.result()
        shown = "localhost" if host in _HERE else host
        scheme = "https" if certificate else "http"
        yield f"{scheme}://{f'[{shown}]' if ':' in shown else shown}:{listener.getsockname()[1]}"
