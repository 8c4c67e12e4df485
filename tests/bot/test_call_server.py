"""The call server: who is let in, how calls begin and end, and what it refuses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.call_server import create_call_app, serving
from bot.call_server.guard import MAX_BODY
from bot.rooms.webrtc import CallConfig, IceServer, WebRtcRoom
from joyvl_core.errors import BadInputError
from joyvl_core.ports import RoomState
from tests.conformance.room import Recorder, until
from tests.stand_ins.caller import Caller, caller

HERE = {"host": "localhost"}


class Sessions:
    """Starts sessions that only listen, and keeps what they heard."""

    def __init__(self) -> None:
        self.recorders: list[Recorder] = []
        self.ended = 0

    async def __call__(self, room: WebRtcRoom) -> None:
        recorder = Recorder()
        self.recorders.append(recorder)
        try:
            await room.run(recorder)
        finally:
            self.ended += 1


@asynccontextmanager
async def server(start: Callable[[WebRtcRoom], Awaitable[None]], **options: object) -> AsyncIterator[httpx.AsyncClient]:
    """The app with its lifespan, reached without a socket."""
    app = create_call_app(start, **options)  # type: ignore[arg-type]  # each test gives its own options
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 4))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


async def place(client: httpx.AsyncClient, person: Caller) -> httpx.Response:
    response = await client.post("/api/call/offer", json={"sdp": await person.offer(), "sources": {"0": "camera"}})
    if response.is_success:
        await person.accept(response.json()["sdp"])
    return response


def ask(method: str, path: str, **request: object) -> httpx.Response:
    async def main() -> httpx.Response:
        async with server(Sessions()) as client:
            return await client.request(method, path, **request)  # type: ignore[arg-type]  # httpx's own arguments

    return asyncio.run(main())


# --- calls ---


def test_a_call_runs_a_session_until_the_page_hangs_up():
    async def main() -> None:
        sessions = Sessions()
        async with server(sessions) as client, caller() as person:
            placed = await place(client, person)
            await until(lambda: sessions.recorders and sessions.recorders[0].pictures, what="a picture")
            assert (await client.get("/healthz")).json() == {"status": "ok", "calls": 1, "limit": 4}
            response = await client.post(f"/api/call/{placed.json()['call']}/hangup")
            assert response.status_code == 204
            await until(lambda: sessions.ended == 1, what="the end")
            assert sessions.recorders[0].reasons[-1] == "hung_up"
            assert (await client.post(f"/api/call/{placed.json()['call']}/hangup")).status_code == 404

    asyncio.run(main())


def test_each_browser_has_its_own_session_and_one_too_many_is_told_so():
    async def main() -> None:
        sessions = Sessions()
        async with server(sessions, limit=2) as client, caller() as one, caller() as two, caller() as three:
            assert (await place(client, one)).status_code == 200
            assert (await place(client, two)).status_code == 200
            refused = await place(client, three)
            assert (refused.status_code, refused.json()["kind"]) == (503, "busy")
            assert refused.json()["hint"]
            await until(lambda: RoomState.JOINED in sessions.recorders[0].states, what="joined")
            await one.peer.close()
            await until(lambda: sessions.ended == 1, what="the first to end")
            assert (await place(client, three)).status_code == 200

    asyncio.run(main())


def test_stopping_the_server_ends_its_calls_even_those_that_do_not_listen():
    stuck = []

    async def deaf(room: WebRtcRoom) -> None:
        try:
            await asyncio.sleep(3_600)
        finally:
            stuck.append(room)

    async def main() -> None:
        sessions = Sessions()
        async with server(sessions) as client, caller() as person:
            await place(client, person)
            await until(lambda: sessions.recorders and RoomState.JOINED in sessions.recorders[0].states, what="joined")
        assert sessions.recorders[0].reasons[-1] == "hung_up"
        async with server(deaf) as client, caller() as person:
            await place(client, person)
        assert len(stuck) == 1

    asyncio.run(main())


def test_a_session_that_fails_ends_its_call_alone():
    async def failing(room: WebRtcRoom) -> None:
        raise ValueError("no such model")

    async def main() -> None:
        async with server(failing) as client, caller() as person:
            assert (await place(client, person)).status_code == 200
            await until(lambda: person.peer.connectionState in ("closed", "failed", "new"), what="the end")
            assert (await client.get("/healthz")).json()["calls"] == 0

    asyncio.run(main())


# --- what is refused ---


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"sdp": ""}',
        b'{"sdp": 7}',
        b'{"sdp": "v=0", "sources": {"0": "ceiling"}}',
        b'{"sdp": "v=0", "more": 1}',
        b'{"sdp": "' + b"v" * 70_000 + b'"}',
    ],
)
def test_an_offer_of_the_wrong_form_is_refused(body: bytes):
    response = ask("POST", "/api/call/offer", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422


def test_an_offer_that_is_no_sdp_is_refused_with_what_to_do():
    response = ask("POST", "/api/call/offer", json={"sdp": "hello"})
    assert response.status_code == 400
    assert response.json()["kind"] == "bad_offer"
    assert response.json()["hint"]


def test_a_huge_body_is_refused_declared_or_not():
    async def streamed() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 1_000 + 2):
            yield b"x" * 1_000

    for content in (b"x" * (MAX_BODY + 1), streamed()):
        response = ask("POST", "/api/call/offer", content=content, headers={"content-type": "application/json"})
        assert (response.status_code, response.json()["kind"]) == (413, "too_large")


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "127.0.0.1:8765", "[::1]:8765", "192.168.1.20"])
def test_addresses_and_localhost_are_served(host: str):
    assert ask("GET", "/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1", "a b"]
)
def test_a_name_that_could_be_rebound_is_refused(host: str):
    response = ask("GET", "/healthz", headers={"host": host})
    assert (response.status_code, response.json()["kind"]) == (421, "bad_host")


def test_names_of_this_machine_are_served():
    async def main() -> None:
        async with server(Sessions(), names=("Laptop.local",)) as client:
            assert (await client.get("/healthz", headers={"host": "laptop.local:9000"})).status_code == 200

    asyncio.run(main())


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://localhost", 404), ("http://evil.example", 403), ("null", 403), ("http://localhost:1", 403)],
)
def test_requests_of_other_sites_are_refused(origin: str, status: int):
    assert ask("POST", "/api/call/x/hangup", headers={"origin": origin}).status_code == status


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
def test_any_host_is_served_or_refused(host: str):
    assert ask("GET", "/healthz", headers={"host": host}).status_code in (200, 421)


# --- the page ---


def test_the_page_and_its_files_come_with_a_strict_policy():
    page = ask("GET", "/")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    files = [f"/{path}" for path in re.findall(r'(?:href|src)="(static/[^"#]+)', page.text)]
    assert len(files) >= 4
    for file in set(files):
        assert ask("GET", file).status_code == 200
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|https?://", page.text)


def test_no_file_outside_the_page_is_served():
    for path in ("/static/../app.py", "/static/%2e%2e/%2e%2e/call_server/app.py", "/static//etc/passwd"):
        assert ask("GET", path).status_code == 404


def test_the_page_learns_the_ice_servers():
    async def main() -> None:
        config = CallConfig(ice_servers=(IceServer("turn:turn.example:3478", "me", "secret"),))
        async with server(Sessions(), config=config) as client:
            assert (await client.get("/api/call/config")).json() == {
                "ice_servers": [{"urls": "turn:turn.example:3478", "username": "me", "credential": "secret"}]
            }

    asyncio.run(main())


# --- the socket ---


def test_it_is_served_on_a_free_port_of_this_machine_alone():
    async def main() -> None:
        async with serving(create_call_app(Sessions())) as address:
            assert re.fullmatch(r"http://localhost:\d+", address)
            async with httpx.AsyncClient(base_url=address) as client:
                assert (await client.get("/healthz")).status_code == 200
        async with httpx.AsyncClient(base_url=address) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("/healthz")

    asyncio.run(main())


def test_a_taken_port_and_a_foreign_address_are_bad_input():
    async def main() -> None:
        async with serving(create_call_app(Sessions())) as address:
            with pytest.raises(BadInputError) as taken:
                async with serving(create_call_app(Sessions()), port=int(address.rsplit(":", 1)[1])):
                    pass
            assert taken.value.kind == "port_taken"
        for host, port in (("203.0.113.7", 0), ("not an address", 0), ("127.0.0.1", 70_000)):
            with pytest.raises(BadInputError) as foreign:
                async with serving(create_call_app(Sessions()), host=host, port=port):
                    pass
            assert foreign.value.kind == "bad_address"

    asyncio.run(main())
