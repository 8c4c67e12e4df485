"""The main job in a real browser: `joyvl call` and `joyvl demo` as processes, Chromium as the caller."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page

from joyvl_core.events import TickEvent, read_event
from tests.e2e.chromium import camera_file, chromium
from tests.e2e.test_call_page import DESKTOP, LOUDNESS, PHONE, page_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

JOYVL = str(Path(sys.executable).parent / "joyvl")

COLLECT = """() => {
  window.seen = [];
  const note = (node) => { if (node.classList?.contains("flying")) window.seen.push(node.textContent); };
  new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach(note)))
    .observe(document.getElementById("danmaku"), { childList: true, subtree: true });
}"""


@asynccontextmanager
async def serving_calls(*command: str) -> AsyncIterator[str]:
    """Runs a command that serves the call page, and yields the address that it prints."""
    process = await asyncio.create_subprocess_exec(
        *(JOYVL, *command, "--port", "0"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert process.stderr
    try:
        async with asyncio.timeout(30):
            while not (found := re.search(r"(http://localhost:\d+\S*)", (await process.stderr.readline()).decode())):
                continue
        draining = asyncio.create_task(process.stderr.read())
        yield found[1]
        draining.cancel()
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 5)


async def danmaku(page: Page) -> list[str]:
    lines: list[str] = await page.evaluate("window.seen")
    return lines


def test_cars_are_counted_on_the_call_page(media: Callable[[str], Path], tmp_path: Path, artifacts: Path) -> None:
    camera = camera_file(media("car-detection.mp4"), tmp_path / "camera.mjpeg")
    log = tmp_path / "call.jsonl"

    async def main() -> None:
        async with (
            serving_calls("call", "-i", "Count the cars that pass", "--jsonl", str(log)) as url,
            chromium(camera) as browser,
            page_of(browser, url, DESKTOP, permissions=["camera", "microphone"], locale="en-GB") as page,
        ):
            await page.evaluate(COLLECT)
            await page.locator(".start[data-source=camera]").click()
            loudest = 0.0
            async with asyncio.timeout(60):
                while "4" not in (lines := await danmaku(page)):
                    if any(line.isdigit() for line in lines[-1:]):
                        loudest = max(loudest, await page.evaluate(LOUDNESS))
                    await asyncio.sleep(0.1)
            await page.screenshot(path=artifacts / "counting-desktop.png")
            assert [line for line in lines if line.isdigit()] == ["1", "2", "3", "4"]
            assert loudest > 0.01
        ticks = [event for line in log.open() if isinstance(event := read_event(line), TickEvent)]
        assert [tick.text for tick in ticks if tick.action == "speak"] == ["1", "2", "3", "4"]

    asyncio.run(main())


def test_the_demo_shows_something_at_once_on_a_phone(artifacts: Path) -> None:
    async def main() -> None:
        phone = {"is_mobile": True, "has_touch": True, "device_scale_factor": 2, "locale": "en-GB"}
        async with (
            serving_calls("demo", "--no-browser") as url,
            chromium() as browser,
            page_of(browser, url, PHONE, **phone) as page,
        ):
            await page.evaluate(COLLECT)
            spoken: list[str] = []

            async def speaks() -> None:
                while len(spoken) < 3:
                    spoken[:] = [line for line in await danmaku(page) if "ℹ" not in line and "AI" not in line]
                    await asyncio.sleep(0.2)

            await asyncio.wait_for(speaks(), 60)
            await page.locator("#line").fill("how many so far?")
            await page.keyboard.press("Enter")
            await until_shown(page, "so far")
            await page.screenshot(path=artifacts / "demo-phone.png")

    asyncio.run(main())


async def until_shown(page: Page, words: str) -> None:
    await page.locator(".log .bot", has_text=words).first.wait_for(timeout=10_000)
