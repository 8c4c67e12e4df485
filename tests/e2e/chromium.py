"""A real headless Chromium with a fake camera and microphone."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import av
import pytest
from playwright.async_api import Browser, async_playwright

_CAMERA_RATE = 30
"""Chromium plays a camera file of JPEGs at this rate, whatever the video's own was."""

_FLAGS = (
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--disable-gpu",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--auto-select-desktop-capture-source=Entire screen",
)


def executable() -> str:
    """Path of the browser. Without one the test fails in CI and is skipped elsewhere."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    message = "no Chromium on the PATH (Debian: apt install chromium)"
    if "CI" in os.environ:
        pytest.fail(message)
    pytest.skip(message)


@asynccontextmanager
async def chromium(camera: Path | None = None, *, autoplay: bool = True) -> AsyncIterator[Browser]:
    """A browser whose camera shows the file (see `camera_file`), or Chromium's own test picture."""
    flags = [*_FLAGS]
    if camera is not None:
        flags.append(f"--use-file-for-fake-video-capture={camera}")
    if autoplay:
        flags.append("--autoplay-policy=no-user-gesture-required")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), headless=True, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


def camera_file(video: Path, target: Path, *, seconds: float = 60.0) -> Path:
    """Turns a video into a camera file of the same speed. Chromium plays it in a loop."""
    encoder = av.CodecContext.create("mjpeg", "w")
    shown = 0
    with av.open(str(video)) as source, target.open("wb") as file:
        stream = source.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in source.decode(stream):
            if frame.time is None or frame.time > seconds:
                break
            if not encoder.is_open:
                encoder.width, encoder.height = frame.width, frame.height
                encoder.pix_fmt, encoder.time_base = "yuvj420p", stream.time_base
                encoder.options = {"q": "5"}
            rate = float(stream.average_rate or _CAMERA_RATE)
            until = round((frame.time + 1 / rate) * _CAMERA_RATE)
            jpeg = b"".join(bytes(packet) for packet in encoder.encode(frame.reformat(format="yuvj420p")))
            file.write(jpeg * (until - shown))
            shown = until
    return target
