"""The call page in a real browser: picture, chat, danmaku, decisions and the voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Browser, Page, expect

from bot.call_server import create_call_app, serving
from bot.rooms.webrtc import WebRtcRoom
from joyvl_core.ports import AgentState, RoomState, Transcript
from tests.conformance.room import Recorder, until
from tests.e2e.chromium import camera_file, chromium

pytestmark = pytest.mark.e2e

expect.set_options(timeout=15_000)

DESKTOP = {"width": 1280, "height": 720}
PHONE = {"width": 390, "height": 844}

# Root mean square of what the page plays, over 0.3 s.
LOUDNESS = """async () => {
  const context = (window.ears ??= new AudioContext());
  await context.resume();
  const analyser = new AnalyserNode(context, { fftSize: 2048 });
  context.createMediaStreamSource(document.getElementById("bot-voice").srcObject).connect(analyser);
  const block = new Float32Array(2048);
  let sum = 0;
  for (let count = 0; count < 6; count += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    analyser.getFloatTimeDomainData(block);
    sum += block.reduce((total, sample) => total + sample * sample, 0) / block.length;
  }
  return Math.sqrt(sum / 6);
}"""

REFUSAL = """() => {
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotAllowedError"));
}"""

I_FRAME: dict[str, Any] = {"frame": "I", "tokens": 256}
P_FRAME: dict[str, Any] = {"frame": "P", "tokens": 16}
CHANGE: dict[str, Any] = {"triggers": ["change"]}
SPEAK: dict[str, Any] = {"action": "speak", "decided": "speak"}
BUS = {"note": "Let me find out which bus that is.", "question": "Which line stops at the café?"}

STORY: list[dict[str, Any]] = [
    {"triggers": ["start"], **I_FRAME},
    *({}, {}, P_FRAME, {}),
    {**CHANGE, **SPEAK, "text": "A red car drives by: that is 1.", "why": "a vehicle passed", **I_FRAME},
    *({}, P_FRAME, {}, {}, {**CHANGE, **P_FRAME}, {}),
    {"triggers": ["chat"], **SPEAK, "text": "One car so far.", "reply_to": "c2", **P_FRAME},
    *({}, {}, {}),
    {**CHANGE, "decided": "speak", "gate": "rate", "text": "Somebody in yellow walks past.", **I_FRAME},
    *({}, {}, P_FRAME),
    {**CHANGE, "action": "delegate", "decided": "delegate", **BUS, **I_FRAME},
    *({}, {}, P_FRAME, {}, {}),
    {"triggers": ["result"], **SPEAK, "text": "It is the 7, due in three minutes.", **P_FRAME},
    *({}, {}),
]


@dataclass
class Echo:
    """A session that notes what it gets and answers each line of chat with the same line."""

    room: WebRtcRoom | None = None
    recorder: Recorder = field(default_factory=Recorder)
    stays: list[Recorder] = field(default_factory=list)

    async def __call__(self, room: WebRtcRoom) -> None:
        self.room, self.recorder = room, Recorder()
        self.stays.append(self.recorder)
        await room.set_agent_state(AgentState.LISTENING)
        echoing = asyncio.create_task(self._echo(room, self.recorder))
        try:
            await room.run(self.recorder)
        finally:
            echoing.cancel()
            with suppress(asyncio.CancelledError):
                await echoing

    @property
    def here(self) -> WebRtcRoom:
        assert self.room is not None
        return self.room

    async def tell(self, story: list[dict[str, Any]], *, pause: float = 0.0) -> None:
        """Plays ticks into the page's timeline, and says what they say."""
        for n, told in enumerate(story):
            tick = {"v": 1, "kind": "tick", "wall": 0.0, "t": float(n), "n": n, "triggers": ["interval"], "gate": None}
            tick |= {"action": "silence", "decided": "silence", "text": "", "latency_ms": 31.0 + n % 7}
            tick |= {"frame": "skip", "tokens": 0, "tracks": []} | told
            self.here.send_event(tick)
            said = tick["text"] or tick.get("note")
            if said and tick["action"] != "silence":
                await self.here.send_chat(said)
                await asyncio.sleep(pause)

    @staticmethod
    async def _echo(room: WebRtcRoom, recorder: Recorder) -> None:
        answered = 0
        while True:
            for author, text in recorder.all("chat")[answered:]:
                answered += 1
                await room.send_chat(f"{author} said: {text}")
            await asyncio.sleep(0.02)


@asynccontextmanager
async def page_of(browser: Browser, url: str, size: dict[str, int], **options: Any) -> AsyncIterator[Page]:
    """A page whose console and policy stay clean."""
    context = await browser.new_context(viewport=size, **options)  # type: ignore[arg-type]  # a TypedDict of the same keys
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    await page.goto(url)
    try:
        yield page
    finally:
        await context.close()
    assert complaints == []


def play(scene: Callable[[Echo, str, Browser], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def main() -> None:
        echo = Echo()
        async with serving(create_call_app(echo)) as url, chromium(**options) as browser:
            await scene(echo, url, browser)

    asyncio.run(main())


def test_the_camera_is_seen_and_lines_fly(media: Callable[[str], Path], tmp_path: Path):
    camera = camera_file(media("car-detection.mp4"), tmp_path / "camera.mjpeg", seconds=8)

    async def scene(echo: Echo, url: str, browser: Browser) -> None:
        async with page_of(browser, url, DESKTOP, permissions=["camera", "microphone"], locale="en-GB") as page:
            await page.locator(".start[data-source=camera]").click()
            await until(lambda: len(echo.recorder.pictures) >= 20, 20, "twenty pictures")
            assert echo.recorder.all("track") == [("video0", "camera")]
            width, height = echo.recorder.pictures[-1][1].size
            assert width / height == pytest.approx(16 / 9, abs=0.02)
            await until(lambda: echo.recorder.sound, what="the microphone")

            await page.get_by_label("Message to the bot").fill("what do you see?")
            await page.keyboard.press("Enter")
            await until(lambda: echo.recorder.all("chat") == [("caller", "what do you see?")], what="the line")
            await expect(page.locator(".log .bot p")).to_have_text("caller said: what do you see?")
            await expect(page.locator(".flying")).to_have_text("caller said: what do you see?")
            await expect(page.locator(".flying")).to_have_count(0, timeout=15_000)

            await page.locator(".tool[data-source=screen]").click()
            await until(lambda: ("video1", "screen share") in echo.recorder.all("track"), what="the screen")
            await expect(page.locator("#inset")).to_be_visible()
            await page.locator(".tool[data-source=screen]").click()
            await until(lambda: echo.recorder.all("gone") == ["video1"], what="the screen gone")

            shown = len(echo.recorder.pictures)
            await page.locator(".tool[data-source=camera]").click()
            await until(lambda: "video0" in echo.recorder.all("gone"), what="the camera gone")
            await page.locator(".tool[data-source=scene]").click()
            await until(lambda: echo.recorder.all("track")[-1] == ("video0", "demo scene"), what="the scene")
            await until(lambda: len(echo.recorder.pictures) > shown + 5, what="more pictures")
            await page.get_by_role("button", name="Hang up").click()
            await until(lambda: echo.recorder.reasons[-1] == "hung_up", what="the end")
            await expect(page.locator("#welcome")).to_be_visible()

    play(scene, camera=camera)


def test_the_voice_is_heard_while_the_bot_speaks_and_only_then():
    async def scene(echo: Echo, url: str, browser: Browser) -> None:
        async with page_of(browser, f"{url}/?demo=1", DESKTOP) as page:
            await until(lambda: RoomState.JOINED in echo.recorder.states, what="joined")
            await expect(page.locator("#state")).to_have_attribute("data-state", "listening")
            await until_async(lambda: page.evaluate("document.getElementById('bot-voice').srcObject !== null"))
            assert await page.evaluate(LOUDNESS) < 0.001
            speaking = asyncio.create_task(talk(echo.here))
            await asyncio.sleep(0.5)
            assert await page.evaluate(LOUDNESS) > 0.05
            await page.locator("#volume").fill("0")
            speaking.cancel()
            echo.here.voice.clear()  # type: ignore[union-attr]  # a browser can always hear
            await asyncio.sleep(0.5)
            assert await page.evaluate(LOUDNESS) < 0.001

    play(scene)


def test_a_blocked_voice_is_unlocked_by_a_click():
    async def scene(echo: Echo, url: str, browser: Browser) -> None:
        async with page_of(browser, f"{url}/?demo=1", DESKTOP, locale="zh-CN") as page:
            # Looking into a page counts as using it, so the call must stand before the first look.
            await until(lambda: len(echo.recorder.pictures) >= 10, 20, "pictures")
            await expect(page.get_by_role("button", name="打开机器人的声音")).to_be_visible()
            await page.locator("#unlock").click()
            await expect(page.locator("#unlock")).to_be_hidden()
            assert not await page.evaluate("document.getElementById('bot-voice').paused")

    play(scene, autoplay=False)


def test_decisions_wishes_and_statuses_are_shown(artifacts: Path):
    async def scene(echo: Echo, url: str, browser: Browser) -> None:
        async with page_of(browser, url, DESKTOP, locale="en-GB") as page:
            await page.screenshot(path=artifacts / "call-welcome-desktop.png")
            await page.locator(".start[data-source=scene]").click()
            await until(lambda: len(echo.recorder.pictures) >= 20, 20, "twenty pictures")
            await fill_page(echo, page)
            await page.screenshot(path=artifacts / "call-desktop.png")

            cells = page.locator(".cell")
            await expect(cells).to_have_count(len(STORY))
            await expect(page.locator(".cell[data-kind=gated]")).to_have_count(1)
            await expect(page.locator(".cell[data-kind=delegate]")).to_have_count(1)
            await page.locator(".cell[data-kind=gated]").click()
            await expect(page.locator("#detail")).to_contain_text("held back: too many words")
            await page.locator("#strip").focus()
            await page.keyboard.press("Home")
            await expect(page.locator("#detail")).to_contain_text("0.0 s")
            await expect(page.locator("#strip")).to_have_attribute("aria-activedescendant", "tick-0")

            await page.get_by_role("button", name="Stop: Count the cars that pass").click()
            await until(lambda: ("caller", "@bot cancel i1") in echo.recorder.all("chat"), what="the cancelling")
            echo.here.send_event({"kind": "instruction", "id": "i1", "state": "cancelled", "text": "", "author": "x"})
            await expect(page.locator(".wishes li")).to_have_count(1)
            await expect(page.locator(".log .status")).to_have_count(1)
            await expect(page.locator(".log .status")).to_contain_text("class is not verified")

        async with page_of(browser, f"{url}/?demo=1", DESKTOP, locale="zh-CN", color_scheme="dark") as page:
            await until(lambda: len(echo.stays) == 2 and len(echo.recorder.pictures) >= 20, 20, "twenty pictures")
            await fill_page(echo, page)
            await page.screenshot(path=artifacts / "call-desktop-dark.png")
            await expect(page.get_by_role("button", name="挂断")).to_be_visible()

    play(scene)


def test_it_fits_a_phone_without_scrolling_sideways(artifacts: Path):
    async def scene(echo: Echo, url: str, browser: Browser) -> None:
        phone = {"is_mobile": True, "has_touch": True, "device_scale_factor": 2, "locale": "en-GB"}
        async with page_of(browser, url, PHONE, **phone) as page:
            await page.screenshot(path=artifacts / "call-welcome-phone.png")
            await page.locator(".start[data-source=scene]").tap()
            await until(lambda: len(echo.recorder.pictures) >= 20, 20, "twenty pictures")
            await fill_page(echo, page)
            await page.screenshot(path=artifacts / "call-phone.png")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            for control in ("#line", "#end", "#mute", "#strip"):
                box = await page.locator(control).bounding_box()
                assert box is not None
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= PHONE["width"]
                assert box["y"] + box["height"] <= PHONE["height"]

    play(scene)


def test_a_reload_makes_a_new_stay_and_a_closed_page_ends_its_own():
    async def scene(echo: Echo, url: str, browser: Browser) -> None:
        async with page_of(browser, f"{url}/?demo=1", DESKTOP) as page:
            await until(lambda: echo.recorder.pictures, 20, "pictures")
            await page.reload()
            await until(lambda: len(echo.stays) == 2 and echo.recorder.pictures, 20, "a second stay")
            await until(lambda: echo.stays[0].states[-1] is RoomState.LEFT, what="the first to end")
        await until(lambda: echo.stays[1].states[-1] is RoomState.LEFT, what="the second to end")

    play(scene)


def test_what_goes_wrong_is_said_with_what_to_do():
    async def scene(echo: Echo, url: str, browser: Browser) -> None:
        async with page_of(browser, url, DESKTOP, locale="en-GB") as page:
            await page.evaluate(REFUSAL)
            await page.locator(".start[data-source=camera]").click()
            await expect(page.get_by_role("alert")).to_contain_text("No permission for the camera.")
            await expect(page.locator("#welcome")).to_be_visible()
            await page.locator(".start[data-source=scene]").click()
            await until(lambda: echo.recorder.pictures, 20, "pictures")
            await expect(page.get_by_role("alert")).to_be_hidden()
            await echo.here.leave()
            await expect(page.get_by_role("alert")).to_contain_text("The bot has left.")
            await page.get_by_role("button", name="Call again").click()
            await until(lambda: len(echo.stays) == 2 and echo.recorder.pictures, 20, "a second stay")

    play(scene)


def test_a_page_over_plain_http_says_why_it_gets_no_camera():
    async def scene(echo: Echo, url: str, browser: Browser) -> None:
        insecure = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined })"
        context = await browser.new_context(locale="en-GB")
        await context.add_init_script(insecure)
        page = await context.new_page()
        await page.goto(url)
        await expect(page.get_by_role("alert")).to_contain_text("--tls")
        await page.locator(".start[data-source=scene]").click()
        await until(lambda: echo.recorder.pictures, 20, "pictures")
        await context.close()

    play(scene)


async def fill_page(echo: Echo, page: Page) -> None:
    """Brings the page to the middle of a conversation."""
    room = echo.here
    for wish, text in (("i1", "Count the cars that pass"), ("i2", "Tell me when the bus comes")):
        room.send_event({"kind": "instruction", "id": wish, "state": "added", "text": text, "author": "caller"})
    unverified = "“cars” means things that move like one: the class is not verified."
    room.send_event({"kind": "status", "state": "room.joined", "reason": "connected"})
    room.send_event({"kind": "status", "state": "wish.unverified", "reason": unverified})
    await room.send_chat(f"ℹ {unverified}")
    await page.locator("#line").fill("how many so far?")
    await page.keyboard.press("Enter")
    await echo.tell(STORY, pause=0.5)
    await room.set_agent_state(AgentState.SPEAKING)
    await room.send_transcript(Transcript("s1", "It is the 7, due in three minutes.", "en"))
    await expect(page.locator(".cell")).to_have_count(len(STORY))
    await page.wait_for_timeout(300)


async def talk(room: WebRtcRoom) -> None:
    voice = room.voice
    assert voice is not None
    time = np.arange(voice.rate // 10) / voice.rate
    tone = (np.sin(2 * np.pi * 440 * time) * 9_000).astype(np.int16)
    while True:
        await voice.write(tone)


async def until_async(holds: Callable[[], Coroutine[Any, Any, bool]], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110 - the condition lives in the browser
            await asyncio.sleep(0.05)
