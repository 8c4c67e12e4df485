"""A call by share link on the real thing: `joyvl serve`, a session's own process, a browser; and its overlay."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import psutil
import pytest
from playwright.async_api import Page, expect

from tests.conformance.room import until
from tests.e2e.chromium import chromium
from tests.e2e.dashboard import PHONE, Dashboard, serving

pytestmark = pytest.mark.e2e

PASSWORD = "knock " * 2


async def shared(dashboard: Dashboard, **fields: object) -> str:
    """The address of a new link."""
    async with dashboard.client() as client:
        made = await client.post("/shares", json={"name": "Front desk", **fields})
        assert made.status_code == 201, made.text
        return dashboard.url + str(made.json()["url"])


async def only_session(dashboard: Dashboard) -> dict[str, object]:
    """The one session that runs."""
    async with dashboard.client() as client:
        answer = (await client.get("/sessions")).json()
    listed = answer["items"] if isinstance(answer, dict) else answer
    [session] = [each for each in listed if each["wanted"] == "running"]
    return dict(session)


def processes(dashboard: Dashboard) -> list[int]:
    """The sessions' processes on this machine."""
    found = []
    for each in psutil.Process(dashboard.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended just now
            if "job" in each.cmdline():
                found.append(each.pid)
    return found


async def hears(page: Page) -> float:
    """How loud the overlay's voice is at its loudest, within ten seconds."""
    return float(
        await page.evaluate("""async () => {
          let loudest = 0;
          for (let count = 0; count < 500 && loudest < 0.02; count += 1) {
            await new Promise((resolve) => setTimeout(resolve, 20));
            const { context, gain } = window.joyvl;
            const ear = (context.ear ??= new AnalyserNode(context, { fftSize: 512 }));
            gain.connect(ear);
            const block = new Float32Array(512);
            ear.getFloatTimeDomainData(block);
            loudest = Math.max(loudest, ...block);
          }
          return loudest;
        }""")
    )


def test_a_call_by_link_from_a_phone_with_its_overlay_until_its_process_dies(tmp_path: Path, artifacts: Path):
    async def main() -> None:
        async with serving(tmp_path) as dashboard, chromium() as browser:
            await dashboard.set_up()
            url = await shared(dashboard, kind="call", password=PASSWORD)
            page = await (await dashboard.open(browser, size=PHONE)).new_page()
            await page.goto(url)
            await page.screenshot(path=artifacts / "shared-call-door.png")
            await page.fill("#password", "wrong")
            await page.click("#enter")
            await expect(page.locator("#wrong")).to_have_text("That is not the password.")
            await page.fill("#password", PASSWORD)
            await page.click("#enter")
            await expect(page.locator("#welcome")).to_contain_text("can see this call")
            await page.screenshot(path=artifacts / "shared-call-welcome.png")
            await page.locator('.start[data-source="scene"]').click()
            await expect(page.locator("#strip .cell").nth(3)).to_be_attached(timeout=60_000)

            session = str((await only_session(dashboard))["id"])
            overlay = await shared(dashboard, kind="overlay", session=session)
            shown = await (await dashboard.open(browser, size=(1280, 720))).new_page()
            await shown.goto(overlay)
            voice = await (await dashboard.open(browser)).new_page()
            await voice.goto(f"{overlay}/voice")
            await page.fill("#line", "@bot count the cars that pass")
            await page.click("#send")
            await expect(shown.locator("#count")).to_have_text("1", timeout=40_000)
            await expect(shown.locator("#count")).to_have_text("2", timeout=40_000)
            await shown.screenshot(path=artifacts / "shared-call-overlay.png")
            assert await hears(voice) > 0.02
            await page.screenshot(path=artifacts / "shared-call-running.png")

            [process] = processes(dashboard)
            os.kill(process, signal.SIGKILL)
            await expect(page.locator("#notice")).to_contain_text("The connection was lost.", timeout=30_000)
            await page.screenshot(path=artifacts / "shared-call-lost.png")
            await page.locator("#notice-action").click()
            await expect(page.locator("#line")).to_be_enabled(timeout=60_000)
            again = str((await only_session(dashboard))["id"])
            assert again != session
            await page.locator("#end").click()
            await until(lambda: not processes(dashboard), within=30, what="the end of its process")

    asyncio.run(main())
