"""A profile is tried out as it is edited, on the sample clip and by a call from a browser; nothing of it stays."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.e2e.chromium import chromium
from tests.e2e.dashboard import serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

WITHIN = 30_000.0


async def _edit(tab: Page, url: str) -> None:
    await tab.goto(f"{url}/profiles/new")
    await tab.get_by_role("button", name="Add an instruction").click()
    await tab.get_by_role("textbox", name="Instruction 1").fill('Every 5 seconds say "still here"')


async def _nothing_stays(api: httpx.AsyncClient) -> None:
    for _ in range(200):
        if not (await api.get("/sessions")).json():
            break
        await asyncio.sleep(0.2)
    assert (await api.get("/sessions")).json() == []
    assert [each["name"] for each in (await api.get("/profiles")).json()] == ["Assistant"]


async def _story(tmp_path: Path) -> None:
    async with serving(tmp_path) as dashboard, chromium() as browser:
        await dashboard.set_up()
        async with dashboard.client() as api:
            context = await dashboard.open(browser, await dashboard.cookie())
            context.set_default_timeout(WITHIN)
            tab = await context.new_page()
            await _edit(tab, dashboard.url)
            await tab.get_by_role("button", name="Try it").click()
            await expect(tab.locator(".jv-log").get_by_text("still here").first).to_be_visible(timeout=WITHIN)
            await tab.get_by_role("button", name="End").click()
            await _nothing_stays(api)

            await tab.get_by_role("combobox", name="What it watches").click()
            await tab.get_by_role("option", name="Your camera").click()
            await tab.get_by_role("button", name="Try it").click()
            async with context.expect_page() as opened:
                await tab.get_by_role("link", name="Open the call page").click()
            call = await opened.value
            await call.get_by_role("button", name=re.compile("camera|call|join", re.IGNORECASE)).first.click()
            await expect(tab.locator(".jv-log").get_by_text("still here").first).to_be_visible(timeout=WITHIN)
            await tab.close()  # who leaves the page ends the try-out
            await _nothing_stays(api)


def test_a_profile_is_tried_out_and_nothing_of_it_stays(tmp_path: Path) -> None:
    asyncio.run(_story(tmp_path))
