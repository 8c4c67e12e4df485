"""Wherever a person types a URL, it leads to public hosts alone: at the entry, and again when it is connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from integrations.egress import Egress
from joyvl_core.errors import JoyVLError
from web_dashboard.permissions import Role
from web_dashboard.schemas.places import CallPlace
from web_dashboard.schemas.profiles import ProfileBody

PUBLIC = "93.184.216.34"
INNER = {
    "the cloud's metadata": "http://169.254.169.254/latest/meta-data/",
    "this machine by name": "http://localhost:9/",
    "this machine by another name": "http://inner.example/",
    "a name of two addresses": "http://both.example/",
    "this machine": "http://127.0.0.1:9/",
    "the inner network": "https://10.0.0.7/",
    "decimal": "http://2130706433/",
    "hexadecimal": "http://0x7f000001/",
    "octal": "http://0177.0.0.1/",
    "short": "http://127.1/",
    "version 6": "http://[::1]/",
    "version 4 in 6": "http://[::ffff:127.0.0.1]/",
    "translated": "http://[64:ff9b::a9fe:a9fe]/",
    "wide digits": "http://①②⑦.0.0.1/",
    "behind an at sign": "http://public.example@127.0.0.1/",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict": "dict://127.0.0.1:11211/stats",
    "data": "data:text/plain,x",
    "nothing": "http:///",
    "a line break": "http://public.example\r\nhost: inner.example/",
}
NAMED = {"a name and a password": "https://me:hidden@public.example/"}
"""Where an address is kept in the open. A camera's URL has them in it, and is kept with what is secret."""


def stream(url: str) -> tuple[str, dict[str, Any]]:
    return "destinations", {"name": "d", "place": {"kind": "stream", "url": url}}


def started_stream(url: str) -> tuple[str, dict[str, Any]]:
    return "sessions", {"place": {"kind": "stream", "url": url}}


def room(url: str) -> tuple[str, dict[str, Any]]:
    return "destinations", {"name": "d", "place": {"kind": "livekit", "room": "r", "url": url}}


def started_room(url: str) -> tuple[str, dict[str, Any]]:
    return "sessions", {"place": {"kind": "livekit", "room": "r", "url": url}}


def webhook(url: str) -> tuple[str, dict[str, Any]]:
    return "webhooks", {"name": "w", "url": url}


def server_key(url: str) -> tuple[str, dict[str, Any]]:
    return "credentials", {"name": "c", "kind": "openai_compatible", "public": {"base_url": url}}


def openai_key(url: str) -> tuple[str, dict[str, Any]]:
    return "credentials", {
        "name": "c", "kind": "openai", "public": {"base_url": url}, "secret": {"api_key": "k"},
    }  # fmt: skip


def livekit_key(url: str) -> tuple[str, dict[str, Any]]:
    public = {"url": url, "api_key": "name"}
    return "credentials", {"name": "c", "kind": "livekit", "public": public, "secret": {"api_secret": "s"}}


def hook_secret(url: str) -> tuple[str, dict[str, Any]]:
    return "credentials", {
        "name": "c", "kind": "webhook_secret", "public": {"url": url}, "secret": {"secret": "s"},
    }  # fmt: skip


def profile(setting: str, url: str) -> tuple[str, dict[str, Any]]:
    return "profiles", {"name": "p", "body": {"settings": {setting: url}}}


def model(url: str) -> tuple[str, dict[str, Any]]:
    return profile("model_url", url)


def summary(url: str) -> tuple[str, dict[str, Any]]:
    return profile("summary_url", url)


def delegate(url: str) -> tuple[str, dict[str, Any]]:
    return profile("delegate_url", url)


def overrides(url: str) -> tuple[str, dict[str, Any]]:
    return "sessions", {"place": {"kind": "livekit", "room": "r"}, "overrides": {"model_url": url}}


STREAMS = (stream, started_stream)
OTHERS = (
    room, started_room, webhook, server_key, openai_key, livekit_key, hook_secret, model, summary, delegate, overrides,
)  # fmt: skip


class Names:
    """A resolver of the test's own. `rebind.example` is public at first and this machine later."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Iterable[str]:
        self.asked.append(host)
        if host == "rebind.example":
            return ["127.0.0.1" if self.asked.count(host) > 1 else PUBLIC]
        known = {"inner.example": ["127.0.0.1"], "localhost": ["127.0.0.1"], "both.example": [PUBLIC, "10.0.0.1"]}
        if host.endswith(".example"):
            return known.get(host, [PUBLIC])
        return known.get(host) or [str(found[4][0]) for found in socket.getaddrinfo(host, port)]


@asynccontextmanager
async def opened(open_plane, *allow: str):
    """A plane that resolves by `Names`, an administrator's browser, and the names."""
    async with open_plane() as plane:
        names = Names()
        object.__setattr__(plane.services.context, "egress", Egress(frozenset(allow), "ALLOW", names))
        _, token = await plane.person(Role.ADMIN, "mira")
        async with plane.running(), plane.client(token) as client:
            async with asyncio.timeout(10):
                while plane.services.fleet.standby:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.01)
            yield plane, client, names


@pytest.mark.parametrize("typed", [*STREAMS, *OTHERS], ids=lambda each: each.__name__)
def test_an_inner_address_is_refused_where_it_is_typed(open_plane, typed):
    async def story():
        async with opened(open_plane) as (_, client, _):
            for name, url in (INNER if typed in STREAMS else INNER | NAMED).items():
                path, body = typed(url)
                answer = await client.post(f"/api/v1/{path}", json=body)
                assert answer.status_code in (400, 422), (name, answer.text)
                assert answer.json()["kind"] in ("refused", "invalid"), (name, answer.text)
                assert "hidden" not in answer.text
            for path in ("destinations", "sessions", "webhooks", "credentials", "profiles"):
                found = (await client.get(f"/api/v1/{path}")).json()
                assert found == [], path

    asyncio.run(story())


@pytest.mark.parametrize("typed", OTHERS, ids=lambda each: each.__name__)
def test_livekits_own_schemes_are_held_to_the_same(open_plane, typed):
    async def story():
        async with opened(open_plane) as (_, client, _):
            for url in ("ws://169.254.169.254/", "wss://inner.example/", "ws://2130706433:7880"):
                path, body = typed(url)
                answer = await client.post(f"/api/v1/{path}", json=body)
                assert answer.status_code in (400, 422), (url, answer.text)

    asyncio.run(story())


def test_a_name_that_changes_after_it_was_entered_is_refused_when_it_is_connected_to(open_plane):
    async def story():
        url = "http://rebind.example/v1"
        async with opened(open_plane) as (plane, client, names):
            for typed in (webhook, server_key, openai_key):
                names.asked.clear()
                path, body = typed(url)
                made = await client.post(f"/api/v1/{path}", json={**body, "name": typed.__name__})
                assert made.status_code == 201, made.text
                tried = await client.post(f"/api/v1/{path}/{made.json()['id']}/test")
                assert names.asked == ["rebind.example"] * 2, tried.text
                assert "may not be reached" in tried.text, tried.text
            for name in ("model_url", "summary_url", "delegate_url"):
                names.asked.clear()
                path, body = profile(name, url)
                made = await client.post(f"/api/v1/{path}", json={**body, "name": name})
                assert made.status_code == 201, made.text
                with pytest.raises(JoyVLError, match="may not be reached"):
                    await plane.services.profiles.order_settings(ProfileBody.model_validate(made.json()["body"]))
            names.asked.clear()
            answer = await client.post("/api/v1/sessions", json=started_stream("http://rebind.example/a.m3u8")[1])
            assert answer.json()["kind"] == "refused", answer.text

    asyncio.run(story())


def test_a_sessions_process_is_told_which_urls_people_entered(open_plane):
    async def story():
        async with opened(open_plane, "relay.test") as (plane, client, _):
            credential = await client.post("/api/v1/credentials", json=openai_key("https://llm.example/v1")[1])
            settings = {
                "model": "prompted",
                "model_url": "http://llm.example:8000/v1",
                "summary_url": "https://summaries.example/v1",
                "delegate": "openai",
            }
            body = ProfileBody(settings=settings, credentials={"delegate": credential.json()["id"]})
            orders = plane.services.fleet.order
            told = await orders.settings(CallPlace(), body, None)
            assert told["url_guard"] == "model_url,summary_url,openai_base_url"
            assert told["url_allow_hosts"] == "relay.test"
            # The installation's own addresses are asked the usual way.
            assert (await orders.settings(CallPlace(), ProfileBody(), None))["url_guard"] == ""

    asyncio.run(story())


class Onward(BaseHTTPRequestHandler):
    """Sends everybody on to the metadata of a cloud."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(302)
        self.send_header("location", "http://169.254.169.254/latest/meta-data/")
        self.send_header("content-length", "0")
        self.end_headers()

    do_POST = do_GET  # noqa: N815 - http.server calls it that

    def log_message(self, *_: Any) -> None:
        return


def test_a_redirect_leads_nowhere(open_plane):
    async def story(port: int):
        url = f"http://public.test:{port}/v1"
        async with opened(open_plane, "public.test") as (plane, client, names):

            async def here(host: str, port: int) -> Iterable[str]:
                names.asked.append(host)
                return ["127.0.0.1"] if host == "public.test" else [host]

            object.__setattr__(plane.services.context, "egress", Egress(frozenset({"public.test"}), "ALLOW", here))
            for typed in (webhook, server_key, livekit_key):
                path, body = typed(url)
                made = await client.post(f"/api/v1/{path}", json={**body, "name": typed.__name__})
                assert made.status_code == 201, made.text
                tried = await client.post(f"/api/v1/{path}/{made.json()['id']}/test")
                assert '"ok":true' not in tried.text.replace(" ", ""), tried.text
                assert "delivered" not in tried.json().get("state", ""), tried.text
            answer = await client.post("/api/v1/sessions", json=started_stream(url)[1])
            assert answer.json()["kind"] == "refused", answer.text
            assert set(names.asked) == {"public.test"}

    with ThreadingHTTPServer(("127.0.0.1", 0), Onward) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            asyncio.run(story(server.server_address[1]))
        finally:
            server.shutdown()
