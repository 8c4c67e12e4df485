"""The dashboard's main path as a person walks it: set up, a profile, a room, a count, an instruction, the replay.

Everything is real: `joyvl serve` on PostgreSQL, a LiveKit server, a participant who shows the road, Chromium.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.e2e.chromium import chromium
from tests.e2e.dashboard import NAME, PASSWORD, WIDE, Dashboard, serving
from tests.e2e.livekit_people import person
from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer
from tests.e2e.postgres_server import PostgresServer, postgres_server

__all__ = ["postgres_server"]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

WITHIN = 30_000.0
"""Milliseconds for what a busy machine takes its time with."""


def test_from_set_up_to_export(
    tmp_path: Path,
    media: Callable[[str], Path],
    artifacts: Path,
    livekit_server: LiveKitServer,
    postgres_server: PostgresServer,
) -> None:
    environment = {
        "DATABASE_URL": postgres_server.fresh(),
        "LIVEKIT_URL": livekit_server.url,
        "LIVEKIT_API_KEY": KEY,
        "LIVEKIT_API_SECRET": SECRET,
    }

    async def main() -> None:
        async with (
            serving(tmp_path, environment=environment) as dashboard,
            chromium() as browser,
            watched(browser, artifacts) as (context, page),
        ):
            await set_up(page, dashboard)
            await make_profile(page, "Road", "Count the cars that pass")
            async with person(livekit_server, "crossing") as alice:
                await invite(page, "crossing", "Road")
                await page.get_by_role("link", name=re.compile("crossing")).first.click()
                await expect(page.get_by_text("Running")).to_be_visible(timeout=WITHIN)
                overlay = await open_overlay(context, page, dashboard)
                await alice.show_file(media("car-detection.mp4"))
                transcript = page.get_by_role("tabpanel", name="Transcript")
                await expect(transcript.get_by_text("2", exact=True).first).to_be_visible(timeout=WITHIN)
                await expect(overlay.locator("#counter")).to_contain_text(re.compile("[2-4]"))
                await page.screenshot(path=artifacts / "dashboard-session.png")
                await overlay.screenshot(path=artifacts / "dashboard-overlay.png", omit_background=True)
                await instruct(page, 'Every 5 seconds say "still here"')
                await page.get_by_role("tab", name="Transcript").click()
                await expect(transcript.get_by_text("still here").first).to_be_visible(timeout=WITHIN)
                await stop(page)
                assert any(line.text.isdigit() for line in alice.chat)
            await replay(page, artifacts)
            await export(page, context)

    asyncio.run(main())


@asynccontextmanager
async def watched(browser: Browser, artifacts: Path) -> AsyncIterator[tuple[BrowserContext, Page]]:
    """A window. What its pages complain of fails the test; what it showed then is left as a picture."""
    complaints: list[str] = []
    context = await browser.new_context(viewport={"width": WIDE[0], "height": WIDE[1]}, locale="en-US")
    context.set_default_timeout(WITHIN)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    page = await context.new_page()
    try:
        yield context, page
        assert not complaints
    except BaseException:
        await page.screenshot(path=artifacts / "dashboard-failed.png")
        raise
    finally:
        await context.close()


async def set_up(page: Page, dashboard: Dashboard) -> None:
    await page.goto(f"{dashboard.url}/setup?token={dashboard.token}")
    await page.get_by_label("Name").fill(NAME)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Password again").fill(PASSWORD)
    await page.get_by_role("button", name="Create and sign in").click()
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_label("Name").fill(NAME)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()


async def make_profile(page: Page, name: str, instruction: str) -> None:
    await page.get_by_role("link", name="Profiles").click()
    await page.get_by_role("button", name="New profile").click()
    await page.get_by_label("Name", exact=True).first.fill(name)
    await page.get_by_role("button", name=re.compile("Add an instruction", re.IGNORECASE)).click()
    await page.get_by_role("textbox", name="Instruction 1").fill(instruction)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name=name)).to_be_visible()


async def invite(page: Page, room: str, profile: str) -> None:
    await page.get_by_role("link", name="Overview").click()
    await page.get_by_role("button", name="Send the bot").first.click()
    await page.get_by_label("Name of the room, or its link").fill(room)
    await page.get_by_role("combobox", name="Profile").click()
    await page.get_by_role("option", name=profile).click()
    await page.get_by_role("button", name="Start", exact=True).click()


async def open_overlay(context: BrowserContext, page: Page, dashboard: Dashboard) -> Page:
    session = page.url.rsplit("/", 1)[1]
    made = await context.request.post(
        f"{dashboard.url}/api/v1/shares",
        data={"kind": "overlay", "name": "road", "session": session},
        headers={"Origin": dashboard.url},
    )
    assert made.status == 201, await made.text()
    overlay = await context.new_page()
    await overlay.goto(dashboard.url + (await made.json())["url"])
    return overlay


async def instruct(page: Page, text: str) -> None:
    await page.get_by_role("tab", name="Instructions").click()
    await page.get_by_label("What should it watch for?").fill(text)
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("tabpanel", name="Instructions").get_by_text(text)).to_be_visible()


async def stop(page: Page) -> None:
    await page.get_by_role("button", name="Stop", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
    await expect(page.get_by_role("button", name="Export")).to_be_visible(timeout=WITHIN)


async def replay(page: Page, artifacts: Path) -> None:
    scrubber = page.get_by_label("Position in the session")
    await scrubber.focus()
    await page.keyboard.press("End")
    picture = page.get_by_role("img", name=re.compile("What the bot sees|Thumbnail"))
    await expect(picture.first).to_be_visible()
    await page.get_by_role("button", name="Play").click()
    await page.screenshot(path=artifacts / "dashboard-replay.png")


async def export(page: Page, context: BrowserContext) -> None:
    session = page.url.rsplit("/", 1)[1]
    base = page.url.split("/sessions/")[0]
    texts = {}
    for form in ("jsonl", "srt", "csv"):
        answer = await context.request.get(f"{base}/api/v1/sessions/{session}/export/{form}")
        assert answer.status == 200
        texts[form] = await answer.text()
    events = [json.loads(line) for line in texts["jsonl"].splitlines()]
    spoken = [event["text"] for event in events if event["kind"] == "tick" and event["action"] == "speak"]
    assert [text for text in spoken if text.isdigit()][:2] == ["1", "2"]
    assert any("still here" in text for text in spoken)
    assert "still here" in texts["srt"]
    assert len(texts["csv"].splitlines()) == 1 + sum(event["kind"] == "tick" for event in events)
