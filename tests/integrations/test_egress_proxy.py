"""The proxy that a decoder's requests go through."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import pytest

from bot.rooms.livestream.decoding import decode
from integrations.egress import Egress
from integrations.egress_proxy import egress_proxy
from joyvl_core.errors import JoyVLError
from tests.videos import render_clip

LOCAL = frozenset({"video.example"})


async def resolve(host: str, port: int) -> Iterable[str]:
    """All names of this test lead to this machine; only one of them may."""
    return ["127.0.0.1"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, list[str], dict[str, tuple[int, dict[str, str], bytes]]]]:
    """A web server; its answers by path, and what it was asked."""
    asked: list[str] = []
    answers: dict[str, tuple[int, dict[str, str], bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(f"{self.headers['Host']}{self.path}")
            code, headers, body = answers.get(self.path, (404, {}, b""))
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made.server_port, asked, answers
    made.shutdown()
    made.server_close()
    thread.join(5)


def watch(url: str, egress: Egress) -> int:
    """How many pictures the decoder gets through the proxy."""

    def decoding(proxy: str) -> int:
        found = decode(url, sound=False, verify=False, open_within=5, stall_after=5, proxy=proxy)
        return sum(type(item).__name__ == "Shown" for item in found)

    async def main() -> int:
        async with egress_proxy(egress) as proxy:
            return await asyncio.to_thread(decoding, proxy)

    return asyncio.run(main())


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    return render_clip(tmp_path / "clip.ts", seconds=1.0, rate=10).read_bytes()


def playlist(*parts: str) -> bytes:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1", "#EXT-X-MEDIA-SEQUENCE:0"]
    return "\n".join([*lines, *(f"#EXTINF:1.0,\n{part}" for part in parts), "#EXT-X-ENDLIST", ""]).encode()


def test_a_video_and_a_playlist_are_watched_through_it(server, clip):
    port, asked, answers = server
    answers["/clip.ts"] = (200, {"Content-Type": "video/mp2t"}, clip)
    answers["/list.m3u8"] = (200, {"Content-Type": "application/x-mpegurl"}, playlist("clip.ts", "clip.ts?2"))
    answers["/clip.ts?2"] = answers["/clip.ts"]
    answers["/moved"] = (302, {"Location": "/clip.ts"}, b"")
    egress = Egress(allow=LOCAL, resolve=resolve)
    assert watch(f"http://video.example:{port}/clip.ts", egress) >= 9
    assert watch(f"http://video.example:{port}/moved", egress) >= 9
    assert watch(f"http://video.example:{port}/list.m3u8", egress) >= 18
    assert f"video.example:{port}/clip.ts" in asked


@pytest.mark.parametrize("inside", ["inside.example", "127.0.0.1", "localhost", "[::1]"])
def test_a_redirect_and_a_playlist_lead_nowhere_inside(server, clip, inside):
    port, asked, answers = server
    answers["/secret.ts"] = (200, {"Content-Type": "video/mp2t"}, clip)
    answers["/moved"] = (302, {"Location": f"http://{inside}:{port}/secret.ts"}, b"")
    answers["/list.m3u8"] = (
        200,
        {"Content-Type": "application/x-mpegurl"},
        playlist(f"http://{inside}:{port}/secret.ts"),
    )
    egress = Egress(allow=LOCAL, resolve=resolve)
    for path in ("moved", "list.m3u8"):
        try:
            shown = watch(f"http://video.example:{port}/{path}", egress)
        except (JoyVLError, av.FFmpegError):
            shown = 0
        assert shown == 0
    assert not [line for line in asked if "secret" in line]


def test_a_name_that_changes_its_address_leads_nowhere(server, clip):
    port, asked, answers = server
    answers["/clip.ts"] = (200, {}, clip)
    with pytest.raises(JoyVLError):
        watch(f"http://rebind.example:{port}/clip.ts", Egress(resolve=resolve))
    assert not asked


def test_https_goes_through_it_too(server, free_port: Callable[[], int]):
    port, asked, _ = server
    with pytest.raises(JoyVLError):
        watch(f"https://inside.example:{port}/clip.ts", Egress(resolve=resolve))
    assert not asked


@pytest.mark.parametrize(
    "head",
    [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"CONNECT x HTTP/1.1\r\n\r\n", b"GET ftp://a/ HTTP/1.1\r\n\r\n"],
)
def test_what_it_does_not_understand_is_refused(head):
    async def main() -> bytes:
        async with egress_proxy(Egress(resolve=resolve)) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.rpartition(":")[2]))
            writer.write(head)
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return answer

    assert asyncio.run(main()).startswith(b"HTTP/1.1 403")
