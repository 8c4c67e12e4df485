"""Runs the call page's application on a socket, inside the caller's own event loop."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from bot.tls import Certificate
from joyvl_core.errors import BadInputError

_STOP = 1
_HERE = {"127.0.0.1", "::1", "0.0.0.0", "::"}  # noqa: S104 - addresses that this machine's own browser calls localhost


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals stay with the command that runs the server."""
        yield


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
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=_STOP,
        limit_concurrency=64,
        ssl_certfile=certificate.chain if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        shown = "localhost" if host in _HERE else host
        scheme = "https" if certificate else "http"
        yield f"{scheme}://{f'[{shown}]' if ':' in shown else shown}:{listener.getsockname()[1]}"
    finally:
        ready.cancel()
        server.should_exit = True
        await asyncio.shield(asyncio.gather(task, return_exceptions=True))
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named asyncio sends at once; else an answer waits 40 ms for the receipt of its first packet.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise BadInputError(
            f"Cannot listen on {host}:{port}: {error}",
            source="call",
            kind="port_taken" if taken else "bad_address",
            hint="Choose another port with --port." if taken else "Choose an address of this machine with --host.",
        ) from error
    return listener
