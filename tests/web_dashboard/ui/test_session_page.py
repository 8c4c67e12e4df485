"""A session's page in a real browser: watched, steered, judged, replayed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.web_dashboard.ui.session_rig import ANN, Rig, control_plane, event, tick

pytestmark = [pytest.mark.e2e, pytest.mark.anyio]
playwright = pytest.importorskip("playwright.async_api")

LIVE, ENDED = "/sessions/bado-kimu", "/sessions/zuni-fepo"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}


class Browser:
    """A signed-in browser; what goes wrong in its pages is gathered."""

    def __init__(self, rig: Rig, chromium: playwright.Browser) -> None:
        self._rig = rig
        self._chromium = chromium
        self.wrong: list[str] = []

    async def page(
        self, path: str, *, size: str = "desk", language: str = "en", look: str = "light"
    ) -> playwright.Page:
        width, height = SIZES[size]
        context = await self._chromium.new_context(viewport={"width": width, "height": height})
        cookies = {"joyvl": self._rig.token, "joyvl_language": language, "joyvl_look": look}
        await context.add_cookies(
            [{"name": name, "value": value, "url": self._rig.url} for name, value in cookies.items()]
        )
        page = await context.new_page()
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        await page.goto(self._rig.url + path)
        await page.wait_for_selector(".js-line")
        return page


@asynccontextmanager
async def browsing(folder: Path, port: int, chromium: str) -> AsyncIterator[tuple[Rig, Browser]]:
    async with control_plane(folder, port) as rig, playwright.async_playwright() as driver:
        made = await driver.chromium.launch(executable_path=chromium)
        browser = Browser(rig, made)
        try:
            yield rig, browser
        finally:
            await made.close()
        assert not browser.wrong


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def chromium(require: Callable[[str], Path]) -> str:
    return str(require("chromium"))


async def test_what_happens_is_seen_and_what_is_said_is_never_markup(tmp_path, free_port, chromium):
    async with browsing(tmp_path, free_port(), chromium) as (rig, browser):
        page = await browser.page(LIVE)
        nasty = "<img src=x onerror=alert(1)> 第47辆"
        rig.process.second(
            621.0, [tick(9_001, 620.5, nasty), event("delivery", 620.9, tick=9_001, sink="voice", dropped=None)]
        )
        line = page.locator(".js-line", has_text=nasty)
        await line.wait_for()
        await page.locator(".js-flying span", has_text=nasty).wait_for()
        assert "voice" in await line.inner_text()
        assert await page.locator(".js-line img, .js-flying img").count() == 0
        await page.wait_for_function("document.querySelector('.js-screen img').dataset.has")
        # The list in words has it too.
        await page.locator(".js-twin summary").click()
        await page.locator(".js-twin td", has_text=nasty).first.wait_for()


async def test_it_is_steered(tmp_path, free_port, chromium):
    async with browsing(tmp_path, free_port(), chromium) as (rig, browser):
        page = await browser.page(LIVE)
        await page.get_by_label("Ask the bot something").fill("How many?")
        await page.get_by_role("button", name="Send").click()
        await page.get_by_role("button", name="Mute").click()
        await page.get_by_role("tab", name="Instructions").click()
        await page.get_by_label("What should it watch for?").fill("Tell me when it rains")
        await page.get_by_role("button", name="Add").click()
        await page.get_by_role("button", name="Cancel i1").click()
        await page.get_by_label("Have it say this now").fill("Hello!")
        await page.get_by_role("button", name="Say", exact=True).click()
        wanted = ["ask", "mute", "instruct", "cancel", "say"]
        for _ in range(100):
            told = [each.name for each in rig.process.told if each.name != "view"]
            if told == wanted:
                break
            await page.wait_for_timeout(50)
        assert told == wanted
        assert rig.process.told[-1].args["text"] == "Hello!"


async def test_a_decision_is_reached_by_keyboard_and_judged(tmp_path, free_port, chromium):
    async with browsing(tmp_path, free_port(), chromium) as (rig, browser):
        page = await browser.page(ENDED)
        view = page.locator(".js-tl-view")
        await page.wait_for_function("!document.querySelector('.js-tl-none')")
        await view.focus()
        await page.keyboard.press("Home")
        for _ in range(5):
            await page.keyboard.press("ArrowRight")
        tip = page.get_by_role("tooltip")
        assert re.search(r"0:05.*Speech.*the picture changed.*P\(silence\) 0\.08", await tip.inner_text(), re.DOTALL)
        await page.keyboard.press("Enter")
        sheet = page.locator(".jv-sheet")
        await sheet.get_by_text("Wrong", exact=True).click()
        await sheet.get_by_label("What it should have said").fill("2")
        await sheet.get_by_text("This may be used as data").click()
        await sheet.get_by_role("button", name="Save").click()
        await sheet.wait_for(state="hidden")
        (mark,) = await rig.services.marks.list(ANN, "zuni-fepo")
        assert (mark.t, mark.verdict, mark.correction, mark.consent, mark.by) == (5.02, "wrong", "2", True, "ann")


async def test_an_ended_session_replays(tmp_path, free_port, chromium):
    async with browsing(tmp_path, free_port(), chromium) as (_, browser):
        page = await browser.page(ENDED)
        slider = page.get_by_label("Position in the session")
        await slider.focus()
        await page.keyboard.press("PageUp")
        await page.locator(".js-line.js-now", has_text="5").wait_for()
        await page.wait_for_function("document.querySelector('.js-still').textContent.includes('1:00')")
        await page.get_by_role("button", name="16×").click()
        await page.get_by_role("button", name="Play").click()
        await page.wait_for_function("Number(document.querySelector('.js-transport input').value) > 75")
        await page.locator(".js-flying span").first.wait_for()
        await page.get_by_role("button", name="Export").click()
        async with page.expect_download() as download:
            await page.get_by_text("Subtitles (SRT)").click()
        assert (await download.value).suggested_filename == "zuni-fepo.srt"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("look", ["light", "dark"])
async def test_nothing_is_wider_than_its_screen(language, look, tmp_path, free_port, chromium, artifacts):
    async with browsing(tmp_path, free_port(), chromium) as (_, browser):
        for size in SIZES:
            for name, path in (("live", LIVE), ("ended", ENDED)):
                page = await browser.page(path, size=size, language=language, look=look)
                for number in range(5):
                    await page.locator(".js-side [role=tab]").nth(number).click()
                    await page.wait_for_timeout(150)
                    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                    await page.screenshot(
                        path=artifacts / f"session-{name}-{size}-{language}-{look}-{number}.png", full_page=True
                    )
                await page.context.close()


async def test_nothing_is_sent_to_who_does_not_look(tmp_path, free_port, chromium):
    async with browsing(tmp_path, free_port(), chromium) as (rig, browser):
        page = await browser.page(LIVE)
        hide = """hidden => {
          Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
          document.dispatchEvent(new Event('visibilitychange'));
        }"""
        await page.evaluate(hide, True)
        await page.wait_for_timeout(400)
        rig.process.second(622.0, [tick(9_100, 621.5, "unseen")])
        await page.wait_for_timeout(2_500)
        assert await page.locator(".js-line", has_text="unseen").count() == 0
        await page.evaluate(hide, False)
        await page.locator(".js-line", has_text="unseen").wait_for()
