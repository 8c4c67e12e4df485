"""The overlay and the voice for OBS, in a real browser on a real server; the sessions are played."""

from __future__ import annotations

import asyncio
import math
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from bot.link.frames import LiveSound
from tests.conformance.room import until
from tests.e2e.chromium import chromium
from tests.web_dashboard.fleet.playing import serving
from tests.web_dashboard.sharing import OPERATOR, PlayedLive, Stage, line, said, sharing
from web_dashboard.schemas.overlay import OverlayStyle, Part, overlay_url
from web_dashboard.schemas.shares import ShareIn

pytestmark = pytest.mark.e2e

expect.set_options(timeout=15_000)

HD = {"width": 1920, "height": 1080}
SMALL = {"width": 1280, "height": 720}
STREET = """() => {
  document.documentElement.style.background =
    "repeating-conic-gradient(#8a97a8 0 25%, #c9cfd6 0 50%) 0 0 / 120px 120px";
}"""
LOUDNESS = """async (blocks) => {
  const block = new Float32Array(512);
  let loudest = 0;
  for (let count = 0; count < blocks; count += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { context, gain } = window.joyvl; // another sample rate makes another player
    const ear = (context.ear ??= new AnalyserNode(context, { fftSize: 512 }));
    gain.connect(ear);
    ear.getFloatTimeDomainData(block);
    loudest = Math.max(loudest, Math.sqrt(block.reduce((sum, sample) => sum + sample * sample, 0) / block.length));
  }
  return loudest;
}"""
QUIET_AFTER = """() => new Promise((resolve) => {
  const { context, gain } = window.joyvl;
  const ear = (context.ear ??= new AnalyserNode(context, { fftSize: 512 }));
  gain.connect(ear);
  const block = new Float32Array(256);
  const began = performance.now();
  const look = () => {
    ear.getFloatTimeDomainData(block);
    const late = performance.now() - began;
    if (block.every((sample) => Math.abs(sample) < 0.001) || late > 3000) resolve(late);
    else setTimeout(look, 5);
  };
  look();
})"""


@asynccontextmanager
async def served(stage: Stage, port: int = 0) -> AsyncIterator[str]:
    """The public pages on a real socket."""
    async with serving(stage.app(), port) as taken:
        yield f"http://127.0.0.1:{taken}"


Scene = Callable[[Stage, str, Browser], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scene], None]:
    """Runs a scene with a server and a browser."""

    def run(scene: Scene, *, autoplay: bool = True) -> None:
        async def main() -> None:
            async with sharing(tmp_path) as stage, served(stage) as base, chromium(autoplay=autoplay) as browser:
                await scene(stage, base, browser)

        asyncio.run(main())

    return run


async def link(stage: Stage, session: str = "street") -> str:
    """An overlay link to a session that runs."""
    await stage.job(session)
    return (await stage.shares.create(OPERATOR, ShareIn(kind="overlay", name="Stream", session=session))).token


async def opened(
    browser: Browser, url: str, size: dict[str, int] | None = None, *, line: bool = True
) -> tuple[Page, list[str]]:
    """A page that is on the line, and what it complained of."""
    page = await browser.new_page(viewport=size or HD)  # type: ignore[arg-type]  # playwright's own type of a size
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(url)
    if line:
        await expect(page.locator("body")).to_have_attribute("data-line", "up")
    return page, complaints


async def until_listening(live: PlayedLive) -> None:
    """Until an overlay follows the session."""
    await until(lambda: bool(live._lines), what="an overlay")


async def remark(stage: Stage, live: PlayedLive, text: str, n: int, **fields: object) -> None:
    """The bot says something."""
    live.happened(said(stage.clock, text, n, **fields))
    await asyncio.sleep(0.05)


def test_everything_that_an_overlay_shows(play: Callable[[Scene], None], artifacts: Path):
    async def scene(stage: Stage, base: str, browser: Browser) -> None:
        live = stage.live("street")
        live.happened(
            line("instruction", stage.clock, id="i1", state="added", text="数一数经过的车", author="secretive")
        )
        live.happened(said(stage.clock, "6", 1, instruction="i1"))
        live.happened(said(stage.clock, "An old line", 2))
        token = await link(stage)
        for name, size, before in (("1080", HD, "6"), ("720", SMALL, "7")):
            style = OverlayStyle(label="车", size=44 if size is HD else 30, box=35, density=80)
            page, complaints = await opened(browser, overlay_url(token, "all", style, base), size)
            await until_listening(live)
            await expect(page.locator("#count")).to_have_text(before)
            assert await page.locator(".flying").count() == 0, "old lines are not replayed"
            await page.evaluate(STREET)
            told = [
                ("一辆红色的汽车开过去了。", {}),
                ("@小安 到现在一共七辆！", {"reply_to": "c1"}),
                ("7", {"instruction": "i1"}),
                ("And there goes a bus 🚌, full of people on their way home", {}),
                ("<img src=x onerror=alert(1)> is only text", {}),
                ("很长的一句话，" * 40, {}),
            ]
            for n, (text, fields) in enumerate(told, 10):
                await remark(stage, live, text, n, **fields)
            live.happened({**said(stage.clock, "", 30), "action": "delegate", "note": "我去问问这是谁家的狗。"})
            live.happened(line("chat", stage.clock, id="c9", author="ann", text="private words", addressed=True))
            await stage.alert("street", "门口有人。")
            await expect(page.locator("#toast")).to_have_text("门口有人。")
            await expect(page.locator("#caption")).to_have_text("我去问问这是谁家的狗。")
            await expect(page.locator("#count")).to_have_text("7")
            kinds = await page.locator(".flying").evaluate_all("lines => lines.map((line) => line.dataset.kind)")
            assert {"speak", "reply", "delegate"} <= set(kinds)
            assert await page.locator("img").count() == 0
            assert "private words" not in await page.content()
            assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
            widths = await page.locator(".flying").evaluate_all("lines => lines.map((line) => line.offsetWidth)")
            assert max(widths) <= size["width"] * 0.8 + 1
            await page.wait_for_timeout(1_500)
            await remark(
                stage, live, "An old man with two dogs stops at the corner, waits for the light, and crosses.", 40
            )
            await page.wait_for_timeout(600)
            await page.screenshot(path=artifacts / f"overlay-{name}.png")
            assert not complaints
            await page.close()

    play(scene)


@pytest.mark.parametrize("part", ["danmaku", "captions", "counter", "alert"])
def test_a_part_shows_that_part_alone(play: Callable[[Scene], None], part: Part):
    async def scene(stage: Stage, base: str, browser: Browser) -> None:
        live = stage.live("street")
        token = await link(stage)
        page, complaints = await opened(browser, overlay_url(token, part, None, base))
        await until_listening(live)
        live.happened(line("instruction", stage.clock, id="i1", state="added", text="Count the cars", author="o"))
        await asyncio.sleep(0.2)  # the server reads which alerts are old already
        await remark(stage, live, "3", 3, instruction="i1")
        await stage.alert("street", "Somebody is at the door.")
        shown = {"danmaku": ".flying", "captions": "#caption", "counter": "#counter", "alert": "#toast"}
        await expect(page.locator(shown.pop(part))).to_be_visible()
        await page.wait_for_timeout(1_200)
        for other in shown.values():
            await expect(page.locator(other)).to_be_hidden()
        assert not complaints

    play(scene)


def test_an_overlay_survives_its_server_its_session_and_the_end_of_its_link(
    tmp_path: Path, free_port: Callable[[], int]
):
    async def main() -> None:
        port = free_port()
        async with sharing(tmp_path) as stage, chromium() as browser:
            profile = await stage.profile()
            share = await stage.shares.create(OPERATOR, ShareIn(kind="overlay", name="s", profile=profile))
            async with served(stage, port) as base:
                page, _ = await opened(browser, overlay_url(share.token, "all", None, base))
                await stage.job("first", profile=profile)
                first = stage.live("first")
                await until_listening(first)
                await remark(stage, first, "from the first", 1)
                await expect(page.locator("#caption")).to_have_text("from the first")
            await expect(page.locator("body")).to_have_attribute("data-line", "down")
            async with served(stage, port):
                await expect(page.locator("body")).to_have_attribute("data-line", "up", timeout=20_000)
                await until_listening(first)
                first.epoch = 2  # its process was started again
                await remark(stage, first, "from its next process", 2)
                await expect(page.locator("#caption")).to_have_text("from its next process")
                await stage.job("second", profile=profile)
                second = stage.live("second")
                await until_listening(second)
                await remark(stage, second, "from the second", 1)
                await expect(page.locator("#caption")).to_have_text("from the second")
                await stage.shares.revoke(OPERATOR, share.id)
                await expect(page.locator("body")).to_have_attribute("data-line", "down")

    asyncio.run(main())


def test_danmaku_never_overlap_and_are_never_late(play: Callable[[Scene], None]):
    """Many lines at random moments on the module itself: in a lane each is in completely before the next begins."""

    async def scene(stage: Stage, base: str, browser: Browser) -> None:
        page, _ = await opened(browser, overlay_url(await link(stage), "counter", None, base))
        dice = random.Random(7)
        for _ in range(60):
            lanes, speed, gap = dice.randint(1, 12), dice.choice([40, 180, 1_000]), dice.randint(0, 100)
            now, offered = 0.0, []
            for _ in range(120):
                now += dice.expovariate(1 / dice.choice([5, 200, 3_000]))
                offered.append((now, dice.randint(1, 3_000)))
            taken = await page.evaluate(
                """async ([lanes, speed, gap, offered]) => {
                  const { Lanes } = await import("/overlay/static/lanes.js");
                  const made = new Lanes(lanes, speed, gap);
                  return offered.map(([now, width]) => made.take(now, width));
                }""",
                [lanes, speed, gap, offered],
            )
            assert set(taken) <= set(range(-1, lanes))
            busy = [-math.inf] * lanes
            for (at, width), lane in zip(offered, taken, strict=True):
                if lane < 0:
                    assert all(until > at for until in busy), "a line was dropped though a lane was free"
                    continue
                # Both are equally fast: the one behind may begin once the end of the one before is in.
                assert at >= busy[lane]
                busy[lane] = at + width / speed * 1_000 + gap / speed * 1_000 - 1e-6

    play(scene)


def test_what_flies_on_the_page_does_not_overlap(play: Callable[[Scene], None]):
    async def scene(stage: Stage, base: str, browser: Browser) -> None:
        live = stage.live("street")
        style = OverlayStyle(speed=300, density=30)
        page, _ = await opened(browser, overlay_url(await link(stage), "danmaku", style, base), SMALL)
        await until_listening(live)
        seen = 0
        for n in range(40):
            await remark(stage, live, f"Line {n} " + "with more words " * (n % 5), n)
            boxes = await page.locator(".flying").evaluate_all(
                "lines => lines.map((line) => { const b = line.getBoundingClientRect(); "
                "return [b.left, b.right, b.top, b.bottom]; })"
            )
            seen = max(seen, len(boxes))
            for number, (left, right, top, bottom) in enumerate(boxes):
                for other in boxes[number + 1 :]:
                    apart = other[0] >= right or other[1] <= left or other[2] >= bottom - 1 or other[3] <= top + 1
                    assert apart, (boxes[number], other)
        assert 4 <= seen < 40, "some fly, and some were dropped"

    play(scene)


def test_alerts_come_one_at_a_time_and_the_newest_are_kept(play: Callable[[Scene], None]):
    async def scene(stage: Stage, base: str, browser: Browser) -> None:
        url = overlay_url(await link(stage), "alert", OverlayStyle(hold=2), base) + "&sample=1"
        page, _ = await opened(browser, url, line=False)
        await expect(page.locator("body")).to_have_attribute("data-ready", "")
        await page.evaluate(
            "() => { for (let n = 0; n < 9; n += 1) "
            "postMessage({ type: 'alert', text: `alert ${n}` }, location.origin); }"
        )
        for text in ("alert 0", "alert 5", "alert 6", "alert 7", "alert 8"):
            await expect(page.locator("#toast")).to_have_text(text)
            await expect(page.locator("#toast")).to_be_visible()

    play(scene)


# --- the voice ---


def tone(seconds: float, rate: int = 24_000) -> LiveSound:
    """A tone of 440 Hz."""
    samples = (int(12_000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(int(seconds * rate)))
    return LiveSound(rate, b"".join(struct.pack("<h", sample) for sample in samples))


@pytest.mark.parametrize("rate", [22_050, 48_000])
def test_the_voice_is_heard_and_falls_silent_when_it_is_dropped(play: Callable[[Scene], None], rate: int):
    async def scene(stage: Stage, base: str, browser: Browser) -> None:
        live = stage.live("street")
        page, complaints = await opened(browser, overlay_url(await link(stage), "voice", None, base))
        await until(lambda: live.listened > 0, what="a listener")
        assert await page.locator("#hint").is_hidden()
        assert await page.evaluate(LOUDNESS, 5) < 0.001
        live.heard_sound(tone(5, rate))
        assert await page.evaluate(LOUDNESS, 30) > 0.2
        quiet = asyncio.create_task(page.evaluate(QUIET_AFTER))
        await asyncio.sleep(0)
        live.heard_sound(LiveSound(rate, b""))
        assert await quiet < 100
        live.heard_sound(tone(0.3, rate))
        assert await page.evaluate(LOUDNESS, 25) > 0.2, "what comes after is heard again"
        assert not complaints
        listened = live.listened
        await asyncio.sleep(1.2)
        assert live.listened > listened, "it goes on listening"
        await page.close()
        await asyncio.sleep(1.5)
        listened = live.listened
        await asyncio.sleep(1.2)
        assert live.listened == listened, "nobody listens any more"

    play(scene)


def test_a_browser_that_wants_a_click_first_is_told(tmp_path: Path):
    async def main() -> None:
        async with sharing(tmp_path) as stage, served(stage) as base, chromium(autoplay=False) as browser:
            live = stage.live("street")
            page, _ = await opened(browser, overlay_url(await link(stage), "voice", None, base))
            await page.get_by_role("button").click()
            await expect(page.locator("#hint")).to_be_hidden()
            live.heard_sound(tone(2))
            assert await page.evaluate(LOUDNESS, 30) > 0.2

    asyncio.run(main())


def test_the_preview_makes_the_address(play: Callable[[Scene], None], artifacts: Path):
    async def scene(stage: Stage, base: str, browser: Browser) -> None:
        token = await link(stage)
        page, complaints = await opened(
            browser, f"{base}/overlay/{token}/preview", {"width": 1500, "height": 1000}, line=False
        )
        await page.locator("#field-size").evaluate(
            "(input) => { input.value = 60; input.dispatchEvent(new Event('change')); }"
        )
        await page.select_option("#part", "captions")
        await expect(page.locator("#url")).to_have_value(f"{base}/overlay/{token}/captions?size=60")
        await page.select_option("#part", "all")
        await expect(page.frame_locator("#frame").locator("#caption")).to_be_visible()
        await page.wait_for_timeout(3_000)
        await page.screenshot(path=artifacts / "overlay-preview.png", full_page=True)
        await page.locator("#language").click()
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.wait_for_timeout(1_500)
        await page.screenshot(path=artifacts / "overlay-preview-phone-zh.png")
        assert not complaints

    play(scene)
