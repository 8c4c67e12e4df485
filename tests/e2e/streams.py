"""Senders of real streams on this machine: ffmpeg, and a small web server."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.server
import signal
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

PICTURE = ["-f", "lavfi", "-i", "testsrc=size=320x180:rate=15", "-f", "lavfi", "-i", "sine=frequency=440"]
ENCODING = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "15", "-c:a", "aac"]


class Sender:
    """One ffmpeg that shows a moving test picture, with a tone, in real time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def freeze(self) -> None:
        """It hangs: its connections stay open, and nothing comes."""
        self._process.send_signal(signal.SIGSTOP)

    async def stop(self) -> None:
        """It is gone at once, and says no goodbye."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@contextlib.asynccontextmanager
async def sender(ffmpeg: Path, *output: str) -> AsyncIterator[Sender]:
    """Sends inside the block, to what `output` tells ffmpeg."""
    command = [str(ffmpeg), "-v", "error", "-re", *PICTURE, *ENCODING, *output]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    sending = Sender(process)
    try:
        yield sending
    finally:
        await sending.stop()


def hls(folder: Path) -> list[str]:
    """Live HLS of one-second segments into a folder, with `live.m3u8` the playlist."""
    flags = "delete_segments+omit_endlist+temp_file"
    return ["-f", "hls", "-hls_time", "1", "-hls_list_size", "4", "-hls_flags", flags, str(folder / "live.m3u8")]


def rtmp(port: int) -> list[str]:
    """An RTMP server for one viewer at `/live/test`."""
    return ["-f", "flv", "-listen", "1", f"rtmp://127.0.0.1:{port}/live/test"]


@contextlib.contextmanager
def web_server(folder: Path, port: int, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serves a folder inside the block; yields its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own name
        pass
