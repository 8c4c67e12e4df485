"""A small RTSP server: whoever publishes is relayed to whoever plays, over the one TCP connection each has."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class Request:
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Relay:
    """One stream; its description comes from who publishes it."""

    def __init__(self) -> None:
        self._description = b""
        self._players: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                first = await reader.readexactly(1)
                if first == b"$":
                    await self._relay(reader)
                else:
                    request = await _read_request(first, reader)
                    writer.write(self._answer(request, writer))
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            self._players.discard(writer)
            self._connections.discard(writer)
            writer.close()

    def hang_up(self) -> None:
        for writer in list(self._connections):
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader) -> None:
        head = await reader.readexactly(3)
        packet = b"$" + head + await reader.readexactly(int.from_bytes(head[1:], "big"))
        for player in self._players:
            player.write(packet)

    def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bytes:
        headers = {"CSeq": request.headers.get("cseq", "0"), "Session": "1"}
        body = b""
        match request.method:
            case "OPTIONS":
                headers["Public"] = "DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, TEARDOWN"
            case "ANNOUNCE":
                self._description = request.body
            case "DESCRIBE":
                body = self._description
                headers |= {"Content-Type": "application/sdp", "Content-Base": f"{request.url}/"}
            case "SETUP":
                headers["Transport"] = request.headers["transport"]
            case "PLAY":
                self._players.add(writer)
        found = body or request.method != "DESCRIBE"
        lines = [f"RTSP/1.0 {'200 OK' if found else '404 Not Found'}", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


async def _read_request(first: bytes, reader: asyncio.StreamReader) -> Request:
    lines = (first + await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    method, url, _ = lines[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, url, headers, body)


@contextlib.asynccontextmanager
async def rtsp_relay(port: int) -> AsyncIterator[str]:
    """Serves inside the block; yields the stream's address, to publish to and to play from."""
    relay = Relay()
    server = await asyncio.start_server(relay.serve, "127.0.0.1", port)
    try:
        yield f"rtsp://127.0.0.1:{port}/test"
    finally:
        server.close()
        relay.hang_up()
        await server.wait_closed()
