"""How long from something in the picture to a line of chat, and to the first sound, through LiveKit on loopback.

A person publishes a steady scene at 720p30 in which an object appears now and then. Three participants are
measured in turn: the transport's floor, the bot as it ships, and the bot with event ticks off (1 Hz).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from tests.bench.livekit import agent_token, on_server
from tests.e2e.livekit_people import LOUD, Person, person, until
from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer

TRIALS = 20
SIZE = (1280, 720)
FPS = 30


@dataclass
class Delays:
    """Seconds from the first published picture with the object."""

    chat: list[float] = field(default_factory=list)
    sound: list[float] = field(default_factory=list)
    missed: int = 0

    def row(self, name: str) -> str:
        cells = [
            f"{1e3 * statistics.median(values):.0f} | {1e3 * _p95(values):.0f}" if values else "- | -"
            for values in (self.chat, self.sound)
        ]
        return f"| {name} | {' | '.join(cells)} | {self.missed} of {TRIALS} |"


class Scene:
    """A steady room; the object is there while `shown`. It is drawn on the person's own pictures."""

    def __init__(self) -> None:
        random = np.random.default_rng(3)
        small = random.integers(60, 130, (45, 80, 3), dtype=np.uint8)
        self._empty = cv2.resize(small, SIZE, interpolation=cv2.INTER_CUBIC)
        self._full = self._empty.copy()
        cv2.circle(self._full, (700, 380), 150, (235, 225, 90), -1)
        cv2.rectangle(self._full, (640, 300), (760, 460), (250, 250, 250), -1)
        self.shown = False
        self.since = 0.0

    def pictures(self) -> Iterator[np.ndarray]:
        was = False
        while True:
            if self.shown and not was:
                self.since = time.monotonic()  # the event loop's clock; pictures are drawn in a thread
            was = self.shown
            yield self._full if self.shown else self._empty


async def measure(server: LiveKitServer, name: str, command: list[str], **environment: str) -> Delays:
    """Runs a participant as a process of its own through the trials."""
    delays = Delays()
    async with person(server, name) as alice:
        scene = Scene()
        await alice.show(scene.pictures(), fps=FPS)
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **environment}, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            await until(lambda: alice.energy, 30, "the participant's voice")
            await asyncio.sleep(6)
            for trial in range(TRIALS):
                await one_trial(alice, scene, trial, delays)
        finally:
            process.terminate()
            await process.wait()
    return delays


async def one_trial(alice: Person, scene: Scene, trial: int, delays: Delays) -> None:
    lines, heard = len(alice.chat), len(alice.energy)
    scene.shown = True
    await asyncio.sleep(1.6)
    chat = next((line.t for line in alice.chat[lines:] if not line.text.startswith("ℹ")), None)
    sound = next(
        (t for t, level in itertools.islice(alice.energy, heard, None) if level > LOUD and t > scene.since), None
    )
    if chat is None or sound is None:
        delays.missed += 1
    else:
        delays.chat.append(chat - scene.since)
        delays.sound.append(sound - scene.since)
    scene.shown = False
    # Trials are spread over the phase of the one-second grid.
    await asyncio.sleep(3.4 + 0.083 * (trial % 12))


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


async def _run(server: LiveKitServer) -> None:
    keys = {"LIVEKIT_URL": server.url, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
    joyvl = str(Path(sys.executable).parent / "joyvl")

    def bot(room: str) -> list[str]:
        return [joyvl, "join", room, "--instruct", "Tell me when something appears"]

    floor = [sys.executable, "-m", "tests.bench.floor", server.url, agent_token("floor", "floor")]
    print("| participant | chat p50 ms | p95 | first sound p50 ms | p95 | missed |\n|---|---|---|---|---|---|")
    print((await measure(server, "floor", floor)).row("transport's floor"), flush=True)
    print((await measure(server, "events", bot("events"), **keys)).row("bot, event ticks"), flush=True)
    print((await measure(server, "grid", bot("grid"), JOYVL_EVENTS="false", **keys)).row("bot, 1 Hz only"), flush=True)


def main() -> None:
    on_server(_run)


if __name__ == "__main__":
    main()
