"""Streams' URLs: where they lead, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from integrations.egress import Egress
from joyvl_core.errors import BadInputError, UnavailableError
from tests.web_dashboard.fleet.playing import serving
from web_dashboard.fleet.stream_urls import check_stream

pytestmark = pytest.mark.anyio


def resolving(*answers: str):
    """Names resolve to one answer after the other, the last for ever: DNS rebinding where they differ."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Iterable[str]:
        return [left.pop(0) if len(left) > 1 else left[0]]

    return resolve


PUBLIC = Egress(resolve=resolving("93.184.216.34"))


@pytest.mark.parametrize(
    "url",
    [
        "rtmp://live.example/app/key",
        "rtsp://user:pass@camera.example:554/street",
        "rtmps://live.example/a",
        "rtsps://c/x",
    ],
)
async def test_public_streams_may_be_opened(url):
    await check_stream(PUBLIC, url)


@pytest.mark.parametrize(
    "url",
    [
        "rtmp://127.0.0.1/app",
        "rtsp://169.254.169.254/latest/meta-data",
        "http://169.254.169.254/latest/meta-data",
        "rtsp://[::1]/x",
        "rtmp://2130706433/x",
        "rtsp://0x7f.1/x",
        "http://[::ffff:10.0.0.1]/a.m3u8",
        "file:///etc/passwd",
        "concat:a|b",
        "tcp://example.org:1",
        "ftp://example.org/a",
        "rtsp:///nohost",
        "/etc/passwd",
        "camera:0",
        "",
        "rtsp://a b/c",
        "rtsp://host:99999/",
        "rtsp://host\n/x",
    ],
)
async def test_what_is_no_public_stream_is_refused_with_a_hint(url):
    with pytest.raises(BadInputError) as refused:
        await check_stream(PUBLIC, url)
    assert refused.value.hint


async def test_a_name_of_this_machine_is_refused():
    with pytest.raises(BadInputError):
        await check_stream(Egress(resolve=resolving("127.0.0.1")), "rtsp://localhost.example/x")
    with pytest.raises(BadInputError):
        await check_stream(Egress(), "rtmp://localhost/x")


async def test_a_name_that_changes_its_address_is_refused():
    with pytest.raises(BadInputError):
        await check_stream(Egress(resolve=resolving("93.184.216.34", "127.0.0.1")), "http://rebind.example/a.m3u8")


def redirecting() -> FastAPI:
    app = FastAPI()

    @app.get("/to")
    async def to(where: str) -> Response:
        return RedirectResponse(where)

    @app.get("/round")
    async def again() -> Response:
        return RedirectResponse("/round")

    @app.get("/ok")
    async def ok() -> Response:
        return PlainTextResponse("#EXTM3U")

    return app


@pytest.mark.parametrize(
    "where",
    ["http://169.254.169.254/", "http://localhost:9/", "file:///etc/passwd", "rtsp://10.0.0.1/", "http://[::1]/"],
)
async def test_a_redirect_to_what_is_not_public_is_refused(where):
    async with serving(redirecting()) as port:
        egress = Egress(allow=frozenset({"127.0.0.1"}))
        await check_stream(egress, f"http://127.0.0.1:{port}/ok")
        await check_stream(egress, f"http://127.0.0.1:{port}/to?where=/ok")
        with pytest.raises(BadInputError):
            await check_stream(egress, f"http://127.0.0.1:{port}/to?where={where}")
        with pytest.raises(BadInputError):
            await check_stream(egress, f"http://127.0.0.1:{port}/round")


async def test_a_host_that_does_not_answer_is_told(free_port):
    with pytest.raises(UnavailableError) as told:
        await check_stream(Egress(allow=frozenset({"127.0.0.1"})), f"http://127.0.0.1:{free_port()}/a")
    assert told.value.hint
