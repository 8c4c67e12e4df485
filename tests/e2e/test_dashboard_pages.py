"""Every page of the dashboard in a real browser: it answers, fits, names what it shows, and complains of nothing."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.e2e.chromium import chromium
from tests.e2e.dashboard import NAME, PASSWORD, PHONE, WIDE, Dashboard, serving
from tests.videos import render_clip
from web_dashboard.ui import pages
from web_dashboard.ui.shell import PAGES
from web_dashboard.ui.words import words

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

_FOUND = """() => ({
  lang: document.documentElement.lang,
  headings: document.querySelectorAll('h1').length,
  over: document.documentElement.scrollWidth - innerWidth,
})"""
_BEYOND = """(box) => [...box.querySelectorAll('button, input, textarea, .q-field')]
  .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 200))"""
# In the tree that a screen reader gets, a control without a name is its role alone.
_UNNAMED = re.compile(
    r"^\s*- (?:button|link|textbox|searchbox|combobox|checkbox|switch|radio|slider|spinbutton|tab|img|option)"
    r'\b(?! ")[^\n]*$',
    re.MULTILINE,
)


_KEY = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, sorted(words())))})(?![\w.])")


async def _check(tab: Page, what: str, language: str) -> None:
    """Holds what is on the screen against what each page keeps to, at the sizes of a desk and of a phone."""
    for size in (WIDE, PHONE):
        await tab.set_viewport_size({"width": size[0], "height": size[1]})
        found = await tab.evaluate(_FOUND)
        assert found == {"lang": {"en": "en-US", "zh": "zh-CN"}[language], "headings": 1, "over": 0}, (what, size)
        heard = await tab.locator("body").aria_snapshot()
        assert not _UNNAMED.findall(heard), (what, size)
        assert not _KEY.findall(heard), (what, size)
    await tab.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})


async def _things(dashboard: Dashboard, folder: Path) -> dict[str, Any]:
    """One of each thing that a page shows; returns what stands for the names in their addresses."""
    clip = await asyncio.to_thread(render_clip, folder / "clip.mp4", seconds=60.0, rate=1, size=(320, 180))
    content = await asyncio.to_thread(clip.read_bytes)
    async with dashboard.client() as api:

        async def made(path: str, given: dict[str, Any]) -> dict[str, Any]:
            answer = await api.post(path, json=given)
            assert answer.status_code == 201, answer.text
            return dict(answer.json())

        upload = (await api.post("/uploads", params={"name": "clip.mp4"}, content=content)).json()["id"]
        profile = (await made("/profiles", {"name": "Road", "body": {"instructions": ["Count the cars"]}}))["id"]
        key = {"name": "Rooms", "kind": "livekit", "public": {"url": "wss://rooms.example.org", "api_key": "key"}}
        await made("/credentials", {**key, "secret": {"api_secret": "a secret that is long enough"}})
        await made("/destinations", {"name": "Yard", "place": {"kind": "livekit", "room": "yard"}, "pattern": "yard-*"})
        await made("/webhooks", {"name": "Chat", "url": f"{dashboard.url}/nothing", "enabled": False})
        await made("/users", {"name": "Kim", "password": "another plain phrase", "role": "viewer"})
        await made("/keys", {"name": "Buttons", "scopes": ["sessions:read"]})
        place = {"kind": "upload", "upload": upload, "repeat": True}
        session = (await made("/sessions", {"place": place, "profile": profile, "title": "North gate"}))["id"]
    return {"session": session, "profile": profile}


async def _every_page(tmp_path: Path) -> None:
    pages.load()
    environment = {"JOYVL_DASHBOARD_ALLOW_HOSTS": "127.0.0.1"}  # for the webhook
    async with serving(tmp_path, environment=environment) as dashboard, chromium() as browser:
        await dashboard.set_up()
        names = await _things(dashboard, tmp_path)
        cookie = await dashboard.cookie()
        paths = [rule.path.format(**names) for rule in PAGES]
        assert not any("{" in path for path in paths)
        # Both at once: most of the time goes by in waiting for one another.
        await asyncio.gather(*(_in(browser, dashboard, cookie, paths, language) for language in ("en", "zh")))


async def _in(browser: Browser, dashboard: Dashboard, cookie: str, paths: list[str], language: Any) -> None:
    context = await dashboard.open(browser, cookie, language=language)
    tab = await context.new_page()
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    for path in paths:
        answer = await tab.goto(dashboard.url + path)
        assert answer is not None
        assert answer.status == 200, path
        await tab.locator("h1").wait_for()
        # Only then is the page alive: what it adds by itself is there.
        await tab.wait_for_function("() => window.did_handshake")
        await _check(tab, path, language)
        if path == "/":
            await _send_sheet(tab, language)
        assert not complaints, path
    await context.close()


async def _send_sheet(tab: Page, language: str) -> None:
    await tab.locator(".jv-head .jv-primary").click()
    sheet = tab.get_by_role("dialog")
    await sheet.get_by_role("tab").nth(4).wait_for()
    for number in range(5):
        await sheet.get_by_role("tab").nth(number).click()
        await sheet.locator(".q-tab-panel").wait_for()
        await _check(tab, f"sheet {number}", language)
        for size in (PHONE, WIDE):
            await tab.set_viewport_size({"width": size[0], "height": size[1]})
            assert not await sheet.evaluate(_BEYOND)
            inside = await tab.locator(".jv-sheet-body").evaluate("(body) => body.scrollWidth - body.clientWidth")
            assert inside == 0, (number, size)
    await tab.keyboard.press("Escape")


async def _in_and_out(tmp_path: Path) -> None:
    async with serving(tmp_path) as dashboard, chromium() as browser:
        await dashboard.set_up()
        tab = await (await dashboard.open(browser)).new_page()
        await tab.goto(f"{dashboard.url}/profiles")
        assert "/sign-in" in tab.url
        await tab.fill("#name", NAME)
        await tab.fill("#password", "wrong words entirely")
        await tab.click("button[type=submit]")
        await tab.locator("#problem").wait_for()
        await tab.fill("#password", PASSWORD)
        await tab.click("button[type=submit]")
        await tab.wait_for_url(lambda url: "/sign-in" not in url)
        await tab.get_by_role("button", name="Sign out").click()
        await tab.wait_for_url("**/sign-in")
        await tab.goto(f"{dashboard.url}/users")
        assert "/sign-in" in tab.url


def test_every_page_answers_and_fits(tmp_path: Path) -> None:
    asyncio.run(_every_page(tmp_path))


def test_nobody_is_sent_to_the_sign_in_and_back(tmp_path: Path) -> None:
    asyncio.run(_in_and_out(tmp_path))
