"""What the server ends by itself, on real sockets: bodies that are too large, and what is open for who signed out."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import socketio

from tests.web_dashboard.planes import ADMIN, Plane
from web_dashboard.fleet.subscribing import Channel
from web_dashboard.permissions import Permission, Role
from web_dashboard.schemas.people import UserChange
from web_dashboard.serving import serving

LIMIT = 1_000_000
BUFFERS = 8_000_000
"""Bytes that both sides' sockets and the server may hold beside what was read."""
TWO_GIGABYTES = 2 * 1024**3


@asynccontextmanager
async def served(plane: Plane) -> AsyncIterator[int]:
    """The port of the plane's application, behind uvicorn as `joyvl serve` has it."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    async with asyncio.timeout(60), serving(plane.app, listener):
        yield port


def poured(port: int, head: str, chunked: bool) -> tuple[int, bytes]:
    """Sends two gigabytes for as long as they are taken; how many bytes left, and what was answered."""
    piece = bytes(65_536)
    framed = b"10000\r\n" + piece + b"\r\n" if chunked else piece
    sent, answer = 0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as mine:
        try:
            mine.sendall(head.encode())
            while sent < TWO_GIGABYTES:
                mine.sendall(framed)
                sent += len(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            while more := mine.recv(65_536):
                answer += more
        except ConnectionResetError:
            pass  # after the answer: bytes of ours were left unread
    return sent, answer


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
@pytest.mark.parametrize(
    ("path", "authorized", "status", "most"),
    [
        ("/api/v1/uploads?name=a.mp4", True, 413, LIMIT),
        ("/api/v1/uploads?name=a.mp4", False, 401, 0),
        ("/api/v1/profiles", True, 413, LIMIT),
        ("/hooks/livekit", False, 413, LIMIT),
        ("/api/v1/nothing", True, 404, LIMIT),
    ],
)
def test_two_gigabytes_close_the_connection_at_the_limit(open_plane, path, authorized, status, most, announced):
    async def story():
        async with open_plane(max_upload=LIMIT, max_body=LIMIT) as plane:
            owner, _ = await plane.person(Role.ADMIN, "mira")
            key = await plane.key(owner, Permission.UPLOADS_WRITE, Permission.PROFILES_WRITE)
            async with served(plane) as port:
                head = f"POST {path} HTTP/1.1\r\nhost: localhost:{port}\r\ncontent-type: application/json\r\n"
                head += f"authorization: Bearer {key}\r\n" if authorized else ""
                head += f"content-length: {TWO_GIGABYTES}\r\n" if announced else "transfer-encoding: chunked\r\n"
                sent, answer = await asyncio.to_thread(poured, port, head + "\r\n", not announced)
                assert answer.startswith(f"HTTP/1.1 {413 if announced else status} ".encode()), answer
                assert b"connection: close" in answer.lower()
                assert sent <= most + BUFFERS
                assert not list((plane.folder / "uploads").glob("*"))

    asyncio.run(story())


def test_an_answer_that_leaves_little_unread_keeps_the_connection(open_plane):
    async def story():
        async with open_plane() as plane:
            _, token = await plane.person(Role.ADMIN, "mira")
            async with served(plane) as port:
                here = f"http://127.0.0.1:{port}"
                async with httpx.AsyncClient(
                    base_url=here, cookies={"joyvl": token}, headers={"origin": here}
                ) as client:
                    for _ in range(2):
                        answer = await client.post("/api/v1/nothing", content=b"x" * 1_000)
                        assert (answer.status_code, answer.headers.get("connection")) == (404, None)

    asyncio.run(story())


class Tab:
    """A page of somebody's that is open, as a browser has it."""

    def __init__(self) -> None:
        self.client = ""
        self.socket = socketio.AsyncClient(reconnection=False)
        self.sent_to: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()

    async def open(self, port: int, token: str) -> None:
        here, cookie = f"http://127.0.0.1:{port}", {"cookie": f"joyvl={token}"}
        async with httpx.AsyncClient(base_url=here, headers=cookie, timeout=20) as browser:
            page = await browser.get("/alerts", headers={"accept": "text/html"})
        self.client = re.search(r"[\"']client_id[\"']: [\"']([0-9a-f-]{36})", page.text)[1]
        self.socket.on("open", lambda told: self.sent_to.set_result(told["path"]))
        self.socket.on("disconnect", lambda *_: self.closed.set())
        query = f"client_id={self.client}&tab_id=t&document_id=d&next_message_id=0&implicit_handshake=true"
        await self.socket.connect(
            f"{here}?{query}",
            headers={**cookie, "origin": here},
            transports=["websocket"],
            socketio_path="/_nicegui_ws/socket.io",
        )

    async def over(self) -> str:
        """Waits until the page is ended; where it was sent."""
        async with asyncio.timeout(10):
            path = await self.sent_to
            await self.closed.wait()
        return path


async def signs_out(plane: Plane, port: int, token: str, user: int) -> None:
    here = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=here, cookies={"joyvl": token}, headers={"origin": here}) as client:
        assert (await client.post("/api/v1/sign-out")).status_code == 204


async def is_signed_out_elsewhere(plane: Plane, port: int, token: str, user: int) -> None:
    jun = await plane.services.sign_in.actor_of(token)
    oldest = (await plane.services.sign_in.list(jun))[-1]
    await plane.services.sign_in.end(jun, oldest.id)


async def is_demoted(plane: Plane, port: int, token: str, user: int) -> None:
    await plane.services.users.change(ADMIN, user, UserChange(role=Role.VIEWER))


async def is_disabled(plane: Plane, port: int, token: str, user: int) -> None:
    await plane.services.users.change(ADMIN, user, UserChange(disabled=True))


async def is_removed(plane: Plane, port: int, token: str, user: int) -> None:
    await plane.services.users.delete(ADMIN, user)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("leaves", [signs_out, is_signed_out_elsewhere, is_demoted, is_disabled, is_removed])
def test_open_pages_and_streams_end_with_the_sign_in(open_plane, monkeypatch, leaves):
    """At once, not at the next look at everybody, which is 20 s away."""

    async def story():
        from nicegui import Client

        async with open_plane() as plane:
            _, kept = await plane.person(Role.ADMIN, "mira")
            jun, token = await plane.person(Role.OPERATOR, "jun")
            log: Channel[dict[str, object]] = Channel(10)

            async def follow(actor, session):
                return log.subscribe()

            monkeypatch.setattr(plane.services.sessions, "follow", follow)
            async with served(plane) as port:
                mine, theirs = Tab(), Tab()
                await mine.open(port, token)
                await theirs.open(port, kept)
                assert {mine.client, theirs.client} <= set(Client.instances)
                here, cookie = f"http://127.0.0.1:{port}", {"cookie": f"joyvl={token}"}
                async with (
                    httpx.AsyncClient(base_url=here, headers=cookie) as browser,
                    browser.stream("GET", "/api/v1/sessions/s1/live") as followed,
                ):
                    lines = followed.aiter_lines()
                    assert await anext(lines) == ": here"
                    await leaves(plane, port, token, jun.user)
                    assert await mine.over() == "/sign-in"
                    async with asyncio.timeout(10):
                        assert [line async for line in lines if line] == []
                assert not log
                assert mine.client not in Client.instances
                # Others' pages go on.
                assert theirs.client in Client.instances
                assert not theirs.closed.is_set()
                again = socketio.AsyncClient(reconnection=False)
                given = {**cookie, "origin": here}
                with pytest.raises(socketio.exceptions.ConnectionError):
                    await again.connect(here, headers=given, socketio_path="/_nicegui_ws/socket.io")
                await theirs.socket.disconnect()

    asyncio.run(story())


def test_a_keys_streams_end_when_it_is_revoked(open_plane, monkeypatch):
    async def story():
        async with open_plane() as plane:
            owner, _ = await plane.person(Role.ADMIN, "mira")
            key = await plane.key(owner, Permission.SESSIONS_READ)
            log: Channel[dict[str, object]] = Channel(10)

            async def follow(actor, session):
                return log.subscribe()

            monkeypatch.setattr(plane.services.sessions, "follow", follow)
            async with served(plane) as port:
                bearer = {"authorization": f"Bearer {key}"}
                async with (
                    httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=bearer) as program,
                    program.stream("GET", "/api/v1/sessions/s1/live") as followed,
                ):
                    lines = followed.aiter_lines()
                    assert await anext(lines) == ": here"
                    # What others do ends nothing.
                    await plane.person(Role.VIEWER, "jun")
                    log.put({"kind": "chat"})
                    assert [await anext(lines) for _ in range(2)] == ["", 'data: {"kind":"chat"}']
                    await plane.services.api_keys.revoke(owner, (await plane.services.api_keys.list(owner))[0].id)
                    async with asyncio.timeout(10):
                        assert [line async for line in lines if line] == []
                assert not plane.services.held

    asyncio.run(story())
