"""The guard: who is let in, from which page, under which name, and with how much."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.web_dashboard.planes import HERE, PASSWORD
from web_dashboard.headers import PAGE_CSP, STRICT_CSP
from web_dashboard.permissions import Permission, Role


def run(test):
    return asyncio.run(test)


async def connect(app, path: str, **headers: str) -> int | None:
    """The code that a WebSocket is closed with before it is accepted; None where it is accepted."""
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"", "scheme": "ws",
             "headers": given, "client": ("10.1.1.1", 5), "server": ("joyvl.test", 80), "subprotocols": [], "state": {},
             "root_path": "", "http_version": "1.1"}  # fmt: skip
    sent = []
    came = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}])

    async def receive():
        return next(came, {"type": "websocket.disconnect", "code": 1000})

    async def send(message):
        sent.append(message)

    async with asyncio.timeout(5):
        await app(scope, receive, send)
    return sent[0].get("code") if sent and sent[0]["type"] == "websocket.close" else None


def test_changes_come_from_our_own_pages_or_with_a_key(open_plane):
    async def story():
        async with open_plane() as plane:
            owner, token = await plane.person(Role.ADMIN, "mira")
            key = await plane.key(owner, Permission.KEYS_WRITE)
            for origin in ("http://evil.test", "null", "http://joyvl.test.evil.test", "http://joyvl.test:81", ""):
                async with plane.client(token, origin=origin) as client:
                    answer = await client.patch("/api/v1/me", json={"language": "zh"})
                    assert (answer.status_code, answer.json()["kind"]) == (403, "bad_origin"), origin
            async with plane.client(token) as client:
                del client.headers["origin"]
                assert (await client.patch("/api/v1/me", json={"language": "zh"})).status_code == 403
                assert (await client.get("/api/v1/me")).status_code == 200
                answer = await client.patch("/api/v1/me", json={"language": "zh"}, headers={"origin": HERE})
                assert answer.json()["language"] == "zh"
            async with plane.client(key=key) as client:
                assert (await client.get("/api/v1/keys")).status_code == 200
            async with plane.client(key="jvl_wrong") as client:
                assert (await client.get("/api/v1/keys")).json()["kind"] == "bad_key"
            # A key that is wrong is not made good by a cookie.
            async with plane.client(token, authorization="Bearer jvl_wrong") as client:
                assert (await client.get("/api/v1/keys")).status_code == 401

    run(story())


def test_sign_in_and_out_by_the_api(open_plane):
    async def story():
        async with open_plane() as plane, plane.client() as client:
            first = await plane.services.sign_in.begin_set_up()
            body = {"token": first, "name": "mira", "password": PASSWORD}
            answer = await client.post("/api/v1/set-up", json=body)
            assert answer.json()["role"] == "admin"
            cookie = answer.headers["set-cookie"].lower()
            assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/"))
            assert "secure" not in cookie
            assert (await client.post("/api/v1/set-up", json=body)).status_code == 403
            assert (await client.get("/api/v1/me")).json()["name"] == "mira"
            assert (await client.post("/api/v1/sign-out")).status_code == 204
            assert (await client.get("/api/v1/me")).status_code == 401
            wrong = {"name": "mira", "password": "wrong"}
            answers = [await client.post("/api/v1/sign-in", json=wrong) for _ in range(6)]
            assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 401, 429]
            assert int(answers[-1].headers["retry-after"]) in range(1, 61)
            assert "set-cookie" not in answers[0].headers

    run(story())


def test_cookies_are_secure_and_addresses_true_behind_a_proxy(open_plane):
    async def story():
        async with open_plane(behind_proxy=True, public_url="https://joyvl.example") as plane:
            await plane.person(Role.ADMIN, "mira")
            given = {
                "x-forwarded-proto": "https",
                "x-forwarded-for": "6.6.6.6, 203.0.113.7",
                "origin": "https://joyvl.example",
            }
            async with plane.client(**given) as client:
                answer = await client.post("/api/v1/sign-in", json={"name": "mira", "password": PASSWORD})
                assert "secure" in answer.headers["set-cookie"].lower()
                assert answer.headers["strict-transport-security"]
            from tests.web_dashboard.planes import ADMIN

            newest = (await plane.services.audit.list(ADMIN))[0]
            assert (newest.action, newest.address) == ("sign_in.made", "203.0.113.7")

    run(story())


def test_a_proxys_word_counts_only_where_one_is_in_front(open_plane):
    async def story():
        async with open_plane() as plane:
            await plane.person(Role.ADMIN, "mira")
            async with plane.client(**{"x-forwarded-proto": "https", "x-forwarded-for": "6.6.6.6"}) as client:
                answer = await client.post("/api/v1/sign-in", json={"name": "mira", "password": PASSWORD})
                assert "strict-transport-security" not in answer.headers
                assert "secure" not in answer.headers["set-cookie"].lower()

    run(story())


def test_names_that_are_not_ours_are_refused_where_ours_are_listed(open_plane):
    async def story():
        async with open_plane(hosts="joyvl.test, other.test") as plane, plane.client() as client:
            for host, status in (
                ("joyvl.test", 200),
                ("OTHER.test:8788", 200),
                ("127.0.0.1:1", 200),
                ("evil.test", 421),
            ):
                assert (await client.get("/healthz", headers={"host": host})).status_code == status, host

    run(story())


def test_websockets_need_somebody_on_our_own_page(open_plane):
    async def story():
        async with open_plane() as plane:
            _, token = await plane.person(Role.VIEWER, "jun")
            socket = "/_nicegui_ws/socket.io/"
            cookie = f"joyvl={token}"
            assert await connect(plane.app, socket, host="joyvl.test", origin=HERE) == 4401
            assert await connect(plane.app, socket, host="joyvl.test", origin="http://evil.test", cookie=cookie) == 4403
            assert await connect(plane.app, socket, host="joyvl.test", cookie=cookie) == 4403
            assert await connect(plane.app, "/anything", host="joyvl.test", origin=HERE) == 4401
            # A process's link has a token of its own, which it asks for itself.
            assert await connect(plane.app, "/link/session", host="joyvl.test") is None

    run(story())


def test_bodies_are_bounded_before_and_while_they_are_read(open_plane):
    async def story():
        async with open_plane(max_body=10_000, max_upload=50_000) as plane:
            owner, _ = await plane.person(Role.ADMIN, "mira")
            key = await plane.key(owner, Permission.UPLOADS_WRITE, Permission.PROFILES_WRITE)
            sent = 0

            async def endless():
                nonlocal sent
                for _ in range(1_000):
                    sent += 1_000
                    yield b" " * 1_000

            async with plane.client(key=key) as client:
                for path, most in (("/api/v1/profiles", 10_000), ("/api/v1/uploads?name=a.mp4", 50_000)):
                    answer = await client.post(path, content=b" " * (most + 1))
                    assert (answer.status_code, answer.json()["kind"]) == (413, "too_large"), path
                    sent = 0
                    answer = await client.post(path, content=endless(), headers={"content-type": "application/json"})
                    assert (answer.status_code, answer.json()["kind"]) == (413, "too_large"), path
                    assert most < sent <= most + 2_000, path
                answer = await client.post("/api/v1/profiles", content=b"{}", headers={"content-length": "-1"})
                assert answer.status_code == 413

    run(story())


def test_strangers_are_limited_and_people_are_not(open_plane):
    async def story():
        async with open_plane(requests_per_minute=10) as plane:
            _, token = await plane.person(Role.VIEWER, "jun")
            async with plane.client() as stranger, plane.client(token) as person:
                answers = [(await stranger.get("/sign-in")).status_code for _ in range(12)]
                assert answers == [200] * 10 + [429] * 2
                assert {(await person.get("/api/v1/me")).status_code for _ in range(20)} == {200}
                plane.wall.now += 61
                assert (await stranger.get("/sign-in")).status_code == 200

    run(story())


def test_keys_can_not_be_guessed_for_long(open_plane):
    async def story():
        async with open_plane() as plane, plane.client(key="jvl_guess") as client:
            answers = [(await client.get("/api/v1/me")).status_code for _ in range(31)]
            assert answers[-1] == 429
            assert set(answers[:-1]) == {401}

    run(story())


def test_every_answer_tells_browsers_what_it_may(open_plane):
    async def story():
        async with open_plane() as plane:
            _, token = await plane.person(Role.ADMIN, "mira")
            async with plane.running(), plane.client(token) as client:
                page, public, data = [await client.get(path) for path in ("/alerts", "/call/none", "/api/v1/me")]
                assert page.headers["content-security-policy"] == PAGE_CSP
                assert "'unsafe" not in public.headers["content-security-policy"]
                assert data.headers["content-security-policy"].startswith("default-src 'none'")
                assert data.headers["cache-control"] == "no-store"
                for answer in (page, public, data, await client.get("/nothing"), await client.get("/api/v1/nothing")):
                    assert answer.headers["x-content-type-options"] == "nosniff"
                    assert "referrer-policy" in answer.headers
                    assert "frame-ancestors" in answer.headers["content-security-policy"]
                assert (await client.get("/api/v1/nothing")).json()["kind"] == "unknown"
            assert "'unsafe" not in STRICT_CSP

    run(story())


def test_streams_are_not_held_back(open_plane):
    """What a route sends is with the client before the route has ended."""

    async def story():
        async with open_plane() as plane:
            _, token = await plane.person(Role.ADMIN, "mira")
            app = plane.app
            go = asyncio.Event()

            from starlette.responses import StreamingResponse

            from web_dashboard.guard import Bounds, Guard

            async def pieces():
                yield b"first"
                await go.wait()
                yield b"second"

            assert app
            guarded = Guard(StreamingResponse(pieces()), plane.services, Bounds())
            first = asyncio.Event()
            told = []

            async def send(message):
                told.append(message)
                if message.get("body") == b"first":
                    first.set()

            never = asyncio.Event()

            async def receive():
                await never.wait()

            scope = {
                "type": "http", "method": "GET", "path": "/api/v1/x", "query_string": b"", "scheme": "http",
                "headers": [(b"cookie", f"joyvl={token}".encode())], "client": ("10.0.0.1", 1), "state": {},
            }  # fmt: skip
            task = asyncio.create_task(guarded(scope, receive, send))
            async with asyncio.timeout(5):
                await first.wait()
                go.set()
                await task

    run(story())


@pytest.mark.parametrize("cookie", ["joyvl=", "joyvl=\x00", "joyvl=" + "a" * 5_000, "joyvl=ä", "=;;;joyvl"])
def test_junk_is_nobody(open_plane, cookie):
    async def story():
        async with open_plane() as plane, plane.client() as client:
            headers = [(b"cookie", cookie.encode()), (b"authorization", b"Bearer \xff\xfe")]
            answer = await client.send(httpx.Request("GET", f"{HERE}/api/v1/me", headers=headers))
            assert answer.status_code == 401

    run(story())
