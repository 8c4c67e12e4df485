"""Runs a web application on a socket, inside the caller's own event loop and with the caller's own signals."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from joyvl_core.errors import BadInputError

STOP_WITHIN = 1
"""Seconds that requests get when a server ends."""


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
async def running(config: uvicorn.Config, listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Serves inside the block; yields the task that does. It ends by itself only where it can't begin."""
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        yield task
    finally:
        ready.cancel()
        server.should_exit = True
        await asyncio.shield(asyncio.gather(task, return_exceptions=True))
        listener.close()


def listen(host: str, port: int, *, source: str) -> socket.socket:
    """A socket that is bound.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        source: Who wants it, for the error.

    Raises:
        BadInputError: The address can't be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named asyncio sends at once; else an answer waits 40 ms for the receipt of its first packet.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Here already, so that of two servers the second is told at once.
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise BadInputError(
            f"Cannot listen on {host}:{port}: {error}",
            source=source,
            kind="port_taken" if taken else "bad_address",
            hint="Choose another port with --port." if taken else "Choose an address of this machine with --host.",
        ) from error
    return listener
