"""The livestream room on real HLS, RTMP and RTSP that stop and come back, and on servers with nothing to watch."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.rooms.livestream import LivestreamOptions, LivestreamRoom
from bot.tls import certificate
from joyvl_core.errors import JoyVLError
from joyvl_core.ports import RoomState
from tests.conformance.room import Recorder, staying, until
from tests.e2e.rtsp_relay import rtsp_relay
from tests.e2e.streams import hls, rtmp, sender, web_server
from tests.videos import render_clip

pytestmark = pytest.mark.e2e

JOINED, PAUSED = RoomState.JOINED, RoomState.PAUSED


def room_for(source: str) -> LivestreamRoom:
    return LivestreamRoom(LivestreamOptions(source, open_within=5.0, stall_after=3.0))


async def more_pictures(recorder: Recorder, count: int = 10) -> None:
    known = len(recorder.pictures)
    await until(lambda: len(recorder.pictures) >= known + count, what="more pictures", within=15)


async def paused_for_good(recorder: Recorder) -> None:
    """Until nothing has happened for three seconds: what was sent last may still be shown after a first pause."""
    loop = asyncio.get_running_loop()
    known, since = -1, loop.time()

    def quiet() -> bool:
        nonlocal known, since
        if len(recorder.calls) != known or recorder.states[-1] is not PAUSED:
            known, since = len(recorder.calls), loop.time()
        return loop.time() - since > 3

    await until(quiet, within=30, what="paused")


def test_hls_is_paused_while_its_sender_or_its_server_is_away(
    tmp_path: Path, require: Callable[[str], Path], free_port: Callable[[], int]
):
    ffmpeg, port = require("ffmpeg"), free_port()

    async def main() -> None:
        with web_server(tmp_path, port) as address:
            async with sender(ffmpeg, *hls(tmp_path)):
                await until((tmp_path / "live2.ts").exists, what="segments")
                room = room_for(f"{address}/live.m3u8")
                stay = contextlib.AsyncExitStack()
                recorder = await stay.enter_async_context(staying(room))
                await more_pictures(recorder, 30)
                assert recorder.sound
            await paused_for_good(recorder)
            # The playlist still lists the last segments; none of them is shown again.
            times = [pts for _, _, pts in recorder.pictures]
            assert len(times) == len(set(times))
            sending = contextlib.AsyncExitStack()
            await sending.enter_async_context(sender(ffmpeg, *hls(tmp_path)))
            await until(lambda: recorder.states[-1] is JOINED, within=20, what="back with its sender")
            await more_pictures(recorder)
        await until(lambda: recorder.states[-1] is PAUSED, within=15, what="paused without a server")
        with web_server(tmp_path, port):
            await until(lambda: recorder.states[-1] is JOINED, within=20, what="back with its server")
            await more_pictures(recorder)
            await stay.aclose()
        await sending.aclose()
        assert recorder.states[-1] is RoomState.LEFT

    asyncio.run(main())


def test_rtmp_is_paused_while_its_sender_hangs_or_is_gone(require: Callable[[str], Path], free_port: Callable[[], int]):
    ffmpeg, port = require("ffmpeg"), free_port()

    async def main() -> None:
        room = room_for(f"rtmp://127.0.0.1:{port}/live/test")
        async with sender(ffmpeg, *rtmp(port)) as first, contextlib.AsyncExitStack() as stay:
            await asyncio.sleep(0.5)
            recorder = await stay.enter_async_context(staying(room))
            await more_pictures(recorder, 30)
            assert recorder.sound
            first.freeze()
            await until(lambda: recorder.states[-1] is PAUSED, within=8, what="paused while it hangs")
            assert recorder.reasons[-1] == "source_stalled"
            await first.stop()
            async with sender(ffmpeg, *rtmp(port)) as second:
                await until(lambda: recorder.states[-1] is JOINED, within=20, what="back with a new sender")
                await more_pictures(recorder)
                await second.stop()
                await until(lambda: recorder.states[-1] is PAUSED, within=8, what="paused without a sender")
        assert recorder.reasons[-1] == "asked"

    asyncio.run(main())


def test_rtsp_is_paused_while_its_server_is_away(require: Callable[[str], Path], free_port: Callable[[], int]):
    ffmpeg, port = require("ffmpeg"), free_port()

    @contextlib.asynccontextmanager
    async def camera() -> AsyncIterator[str]:
        async with rtsp_relay(port) as address, sender(ffmpeg, "-f", "rtsp", "-rtsp_transport", "tcp", address):
            await asyncio.sleep(1)
            yield address

    async def main() -> None:
        async with contextlib.AsyncExitStack() as stay:
            async with camera() as address:
                recorder = await stay.enter_async_context(staying(room_for(address)))
                await more_pictures(recorder, 30)
                assert recorder.sound
            await until(lambda: recorder.states[-1] is PAUSED, within=8, what="paused without a server")
            async with camera():
                await until(lambda: recorder.states[-1] is JOINED, within=20, what="back with its server")
                await more_pictures(recorder)
                await stay.aclose()
        assert recorder.reasons[-1] == "asked"

    asyncio.run(main())


def test_a_stream_over_http_without_an_end_is_live(require: Callable[[str], Path], free_port: Callable[[], int]):
    ffmpeg, address = require("ffmpeg"), f"http://127.0.0.1:{free_port()}/live.ts"

    async def main() -> None:
        async with sender(ffmpeg, "-f", "mpegts", "-listen", "1", address) as sending:
            await asyncio.sleep(0.5)
            async with staying(room_for(address)) as recorder:
                await more_pictures(recorder, 30)
                await sending.stop()
                await until(lambda: recorder.states[-1] is PAUSED, within=10, what="paused without a sender")

    asyncio.run(main())


def test_a_recording_over_http_ends_where_it_ends(tmp_path: Path, free_port: Callable[[], int]):
    render_clip(tmp_path / "clip.mp4", seconds=1.0)
    render_clip(tmp_path / "clip.ts", seconds=1.0)

    async def main() -> None:
        with web_server(tmp_path, free_port()) as address:
            for name in ("clip.mp4", "clip.ts"):
                recorder = Recorder()
                await asyncio.wait_for(room_for(f"{address}/{name}").run(recorder), 10)
                assert recorder.reasons == ["opening", "playing", "ended"]
                assert len(recorder.pictures) == 20

    asyncio.run(main())


def test_a_server_that_cannot_prove_who_it_is_is_not_watched_unless_allowed(
    tmp_path: Path, free_port: Callable[[], int]
):
    render_clip(tmp_path / "clip.mp4", seconds=0.5)
    made = certificate(now=datetime.datetime.now(datetime.UTC), names=("127.0.0.1",), directory=tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made.chain, made.key)

    async def main() -> None:
        with web_server(tmp_path, free_port(), tls=tls) as address:
            with pytest.raises(JoyVLError) as caught:
                await room_for(f"{address}/clip.mp4").run(Recorder())
            assert "certificate" in caught.value.hint
            recorder = Recorder()
            await LivestreamRoom(LivestreamOptions(f"{address}/clip.mp4", verify=False)).run(recorder)
            assert recorder.reasons[-1] == "ended"

    asyncio.run(main())


def test_a_server_with_nothing_to_watch_is_refused_with_a_reason(tmp_path: Path, free_port: Callable[[], int]):
    (tmp_path / "page.html").write_text("<html>not a video</html>" * 50)
    clip = render_clip(tmp_path / "clip.ts", seconds=1.0)
    (tmp_path / "local.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nfile://{clip}\n#EXT-X-ENDLIST\n"
    )

    async def main() -> dict[str, str]:
        kinds = {}
        with web_server(tmp_path, free_port()) as address:
            for name in ("nothing.m3u8", "page.html", "local.m3u8"):
                with pytest.raises(JoyVLError) as caught:
                    await asyncio.wait_for(room_for(f"{address}/{name}").run(Recorder()), 10)
                kinds[name] = caught.value.kind
        return kinds

    kinds = asyncio.run(main())
    assert kinds.pop("local.m3u8") in {"not_video", "no_picture", "unreachable"}
    assert kinds == {"nothing.m3u8": "not_found", "page.html": "not_video"}
