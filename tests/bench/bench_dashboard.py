"""Twenty running sessions on this machine: how quickly pages and API answer, with one tab open and with five.

Each session is a process of its own, with the embedded model, that watches a file of 320x180 at one picture a second.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil
from playwright.async_api import Browser, Page

from tests.e2e.chromium import chromium
from tests.e2e.dashboard import Dashboard, serving
from tests.videos import render_clip

SESSIONS = 20
CLICKS = 30
CALLS = 150
STARTED_WITHIN = 240.0
SETTLE = 10.0


async def running(api: httpx.AsyncClient) -> int:
    views = (await api.get("/sessions", params={"running": True})).json()
    return sum(view["state"] == "running" and bool(view["live"] and view["live"]["heartbeat"]) for view in views)


async def start_all(api: httpx.AsyncClient, clip: Path, count: int) -> float:
    """Uploads the clip and starts the sessions; returns seconds until all of them run."""
    video, began = await asyncio.to_thread(clip.read_bytes), time.monotonic()
    upload = (await api.post("/uploads", params={"name": "street.mp4"}, content=video)).json()["id"]
    for n in range(count):
        given = {
            "place": {"kind": "upload", "upload": upload, "repeat": True},
            "title": f"Street {n + 1}",
            "instructions": ["Count the cars that pass"],
        }
        (await api.post("/sessions", json=given)).raise_for_status()
    while await running(api) < count:
        if time.monotonic() - began > STARTED_WITHIN:
            raise TimeoutError(f"{await running(api)} of {count} sessions run after {STARTED_WITHIN:.0f} s")
        await asyncio.sleep(0.5)
    return time.monotonic() - began


async def timed(calls: int, call: Callable[[], Awaitable[Any]], pause: float = 0.0) -> list[float]:
    """Milliseconds of each call."""
    spent = []
    for _ in range(calls):
        began = time.perf_counter()
        await call()
        spent.append((time.perf_counter() - began) * 1_000)
        await asyncio.sleep(pause)
    return spent


def shown(spent: list[float]) -> str:
    cut = statistics.quantiles(spent, n=20)
    return f"{statistics.median(spent):.0f} ms | {cut[18]:.0f} ms"


_CLICK = """
([button, field]) => new Promise((done) => {
  const find = (selector) => [...document.querySelectorAll(selector)].find((each) => each.getClientRects().length);
  const began = performance.now();
  const look = () => find(field)
    ? requestAnimationFrame(() => done(performance.now() - began))
    : requestAnimationFrame(look);
  [...document.querySelectorAll("button")].find((each) => each.innerText.includes(button)).click();
  look();
})
"""
"""Clicks, and resolves with the milliseconds until what it brings is painted."""
FIELD = "Name of the room, or its link"


async def clicks(page: Page) -> list[float]:
    """Opens the sheet that sends the bot somewhere, again and again: to the server, back, and painted."""
    spent: list[float] = []
    for _ in range(CLICKS):
        spent.append(await page.evaluate(_CLICK, ["Send the bot", f'[aria-label="{FIELD}"]']))
        await page.keyboard.press("Escape")
        await page.get_by_label(FIELD).wait_for(state="detached")
        await asyncio.sleep(0.1)
    return spent


async def tabs(browser: Browser, dashboard: Dashboard, cookie: str, count: int, stack: AsyncExitStack) -> list[Page]:
    pages = []
    for _ in range(count):
        context = await dashboard.open(browser, cookie)
        stack.push_async_callback(context.close)
        page = await context.new_page()
        await page.goto(dashboard.url)
        await page.get_by_role("listitem").nth(SESSIONS - 1).wait_for()
        pages.append(page)
    return pages


async def main_async() -> None:
    with tempfile.TemporaryDirectory(prefix="joyvl-bench-") as scratch:
        folder = Path(scratch)
        clip = render_clip(folder / "street.mp4", seconds=300.0, rate=1, size=(320, 180))
        async with serving(folder / "serve") as dashboard, chromium() as browser:
            await dashboard.set_up()
            async with dashboard.client() as api:
                api.timeout = httpx.Timeout(60.0)
                took = await start_all(api, clip, SESSIONS)
                await asyncio.sleep(SETTLE)
                print(f"{SESSIONS} sessions run {took:.0f} s after the first was asked for.\n")
                await report(dashboard, browser, api)


async def report(dashboard: Dashboard, browser: Browser, api: httpx.AsyncClient) -> None:
    server = psutil.Process(dashboard.process.pid)
    children = [each for each in psutil.process_iter(["cmdline"]) if "job" in (each.info["cmdline"] or [])[-1:]]
    memory = [each.memory_full_info().pss / 1e6 for each in children]
    print(
        f"Memory: the server {server.memory_info().rss / 1e6:.0f} MB,"
        f" each session {statistics.median(memory or [0.0]):.0f} MB (PSS).\n"
    )
    one = (await api.get("/sessions", params={"limit": 1})).json()[0]["id"]
    print("| | list: p50 | p95 | one: p50 | p95 | click: p50 | p95 | server's CPU | machine's CPU |")
    print("|---|---|---|---|---|---|---|---|---|")
    cookie = await dashboard.cookie()
    for count in (0, 1, 5):
        async with AsyncExitStack() as stack:
            pages = await tabs(browser, dashboard, cookie, count, stack)
            await asyncio.sleep(5.0)
            server.cpu_percent()
            psutil.cpu_percent()
            listing = await timed(CALLS, lambda: api.get("/sessions"), 0.02)
            single = await timed(CALLS, lambda: api.get(f"/sessions/{one}"), 0.02)
            busy, whole = server.cpu_percent(), psutil.cpu_percent()
            clicked = shown(await clicks(pages[0])) if pages else "– | –"
            print(
                f"| {count} tabs | {shown(listing)} | {shown(single)} | {clicked} | {busy:.0f} % of a core"
                f" | {whole:.0f} % |",
                flush=True,
            )


def main() -> None:
    asyncio.run(main_async())


if __name__ == "__main__":
    main()
