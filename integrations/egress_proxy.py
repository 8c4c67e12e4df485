"""A proxy of this process's own for programs that open URLs by themselves, such as a video decoder.

Whatever they ask for, by a redirect or from a playlist too, is resolved here, checked, and connected to by the
address that was checked. It listens on this machine alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from integrations.egress import Egress
from joyvl_core.errors import JoyVLError

MAX_HEAD = 16_384
"""Bytes of a request's head."""
HEAD_WITHIN = 10.0
CONNECT_WITHIN = 10.0
MAX_CONNECTIONS = 16
_CHUNK = 65_536
_REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_UNREACHABLE = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def egress_proxy(egress: Egress) -> AsyncIterator[str]:
    """Runs a proxy; yields its URL, `http://127.0.0.1:port`. Its connections end with it."""
    proxy = _Proxy(egress)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=MAX_HEAD)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await proxy.close()


class _Proxy:
    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._serving) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            return  # one of the two went away, or the proxy ends
        finally:
            self._serving.discard(task)
            writer.close()

    async def close(self) -> None:
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HEAD_WITHIN):
            head = await reader.readuntil(b"\r\n\r\n")
        asked = _read(head)
        if asked is None:
            writer.write(_REFUSED)
            return
        scheme, host, port, onward = asked
        try:
            addresses = await self._egress.addresses(scheme, host, port)
        except JoyVLError as error:
            writer.write(_UNREACHABLE if error.retryable else _REFUSED)
            return
        for address in addresses:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_WITHIN):
                    there = await asyncio.open_connection(address, port)
                break
        else:
            writer.write(_UNREACHABLE)
            return
        if onward:
            there[1].write(onward)
        else:
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        try:
            await _both_ways((reader, writer), there)
        finally:
            there[1].close()


def _read(head: bytes) -> tuple[str, str, int, bytes] | None:
    """Scheme, host and port of what is asked for, and the head to send on: none for a tunnel."""
    first, _, rest = head.decode("latin-1").partition("\r\n")
    try:
        method, target, version = first.split(" ")
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if method == "CONNECT":
        return ("https", host, port, b"") if host and port else None
    if parts.scheme.lower() != "http" or not host:
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kept = [line for line in rest.split("\r\n") if line and not line.lower().startswith(("proxy-", "connection:"))]
    # One request a connection: the next may be for another host, which has to be checked.
    onward = "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close", "", ""])
    return "http", host, port or 80, onward.encode("latin-1")


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _both_ways(here: Streams, there: Streams) -> None:
    """Passes bytes on until one side ends."""
    passing = [asyncio.create_task(_pass(here[0], there[1])), asyncio.create_task(_pass(there[0], here[1]))]
    try:
        # What the far side sends decides; a program that has sent its request may say nothing more.
        await passing[1]
    finally:
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
