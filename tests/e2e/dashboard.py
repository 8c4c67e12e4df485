"""The dashboard as a person has it: a real `joyvl serve` with a database of its own, set up, seen in Chromium."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
from playwright.async_api import Browser, BrowserContext

NAME, PASSWORD = "Mira", "four plain words here"
WIDE, PHONE = (1440, 900), (390, 844)
_READY_WITHIN = 60.0
_ENDS_WITHIN = 15.0
_SET_UP = re.compile(r"/setup\?token=([\w-]+)")


@dataclass(frozen=True)
class Dashboard:
    """A server that runs.

    Attributes:
        url: Its address.
        token: Of the first set-up; "" where that has been done.
        process: `joyvl serve` itself.
        log: What it prints.
    """

    url: str
    token: str
    process: asyncio.subprocess.Process
    log: Path

    async def set_up(self) -> None:
        """Makes the first administrator, NAME with PASSWORD."""
        async with httpx.AsyncClient(base_url=self.url, headers={"Origin": self.url}) as client:
            given = {"token": self.token, "name": NAME, "password": PASSWORD}
            (await client.post("/api/v1/set-up", json=given)).raise_for_status()

    async def cookie(self, name: str = NAME, password: str = PASSWORD) -> str:
        """Signs a person in; returns the cookie's value."""
        async with httpx.AsyncClient(base_url=self.url, headers={"Origin": self.url}) as client:
            (await client.post("/api/v1/sign-in", json={"name": name, "password": password})).raise_for_status()
            return str(client.cookies["joyvl"])

    @asynccontextmanager
    async def client(self, name: str = NAME, password: str = PASSWORD) -> AsyncIterator[httpx.AsyncClient]:
        """The JSON API as a person who is signed in has it."""
        cookies = {"joyvl": await self.cookie(name, password)}
        base = f"{self.url}/api/v1"
        async with httpx.AsyncClient(base_url=base, headers={"Origin": self.url}, cookies=cookies) as client:
            yield client

    async def open(
        self,
        browser: Browser,
        cookie: str = "",
        *,
        size: tuple[int, int] = WIDE,
        look: Literal["light", "dark"] = "light",
        language: Literal["en", "zh"] = "en",
    ) -> BrowserContext:
        """A browser window of its own; with a cookie it is signed in."""
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=look,
            locale="zh-CN" if language == "zh" else "en-US",
        )
        values = {"joyvl_language": language} | ({"joyvl": cookie} if cookie else {})
        await context.add_cookies([{"name": name, "value": value, "url": self.url} for name, value in values.items()])
        return context


@asynccontextmanager
async def serving(
    folder: Path, *options: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Dashboard]:
    """Runs `joyvl serve` on a free port, with database, uploads and key below `folder`.

    Raises:
        AssertionError: It doesn't come up; its output is told.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    log = folder / "serve.log"
    own = {
        "DATABASE_URL": f"sqlite:///{folder / 'joyvl.db'}",
        "JOYVL_DASHBOARD_FOLDER": str(folder / "data"),
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "300",
        **(environment or {}),
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.cli", "serve", "--port", "0", *options),
            env={**os.environ, **own},
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
        )
    try:
        yield await _ready(process, log)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(process.wait(), _ENDS_WITHIN)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _ready(process: asyncio.subprocess.Process, log: Path) -> Dashboard:
    end = asyncio.get_running_loop().time() + _READY_WITHIN
    async with httpx.AsyncClient() as client:
        while asyncio.get_running_loop().time() < end and process.returncode is None:
            said = await _said(log)
            # The last line: the set-up link, if any, is there before it.
            found = re.search(r"http://[\w.]+:(\d+)", said)
            if found and "Ctrl-C" in said:
                url = f"http://127.0.0.1:{found[1]}"
                try:
                    if (await client.get(f"{url}/healthz")).status_code == 200:
                        token = _SET_UP.search(said)
                        return Dashboard(url, token[1] if token else "", process, log)
                except httpx.HTTPError:
                    pass  # it listens already, and doesn't answer yet
            await asyncio.sleep(0.1)
    raise AssertionError(f"joyvl serve doesn't come up:\n{(await _said(log))[-4_000:]}")


async def _said(log: Path) -> str:
    return await asyncio.to_thread(log.read_text, errors="replace")
