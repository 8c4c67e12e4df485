"""What one and eight participants cost who watch the same 720p30 camera, on LiveKit on loopback.

One publisher feeds all of them. Each participant is a process; the figure is its own processor time. The
bots are measured between two yardsticks from the same run, which publish a silent microphone as they do: a
loop that receives frames and drops them, and one that converts and JPEG-encodes every frame.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil

from tests.bench.livekit import agent_token, on_server
from tests.e2e.livekit_people import person, until
from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer

SECONDS = 20.0
SETTLE = 8.0
COUNTS = (1, 8)
SIZE = (1280, 720)


def road(*, still: bool) -> Iterator[np.ndarray]:
    """A noisy road; unless it is still, a car crosses it every five seconds."""
    random = np.random.default_rng(5)
    empty = cv2.resize(random.integers(70, 120, (45, 80, 3), dtype=np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
    noise = [random.integers(0, 4, (720, 1280, 1), dtype=np.uint8) for _ in range(8)]
    for n in itertools.count():
        picture = empty + noise[n % 8]
        if not still:
            x = (n % 150) * 24 - 240
            cv2.rectangle(picture, (x, 380), (x + 240, 500), (200, 30, 30), -1)
            cv2.rectangle(picture, (x + 40, 330), (x + 190, 380), (60, 60, 90), -1)
        yield picture


@dataclass
class Cost:
    """Share of one core that each participant took, memory of the largest, and ticks that were missed."""

    cpu: float
    memory_mb: float
    missed: float | None


async def measure(server: LiveKitServer, kind: str, count: int, *, still: bool) -> Cost:
    name = f"{kind}-{count}-{still}"
    async with person(server, name) as alice:
        await alice.show(road(still=still), fps=30)
        with tempfile.TemporaryDirectory() as folder:
            logs = [Path(folder) / f"{n}.jsonl" for n in range(count)]
            processes = [await start(server, kind, name, log) for log in logs]
            try:
                if kind == "bot":
                    await until(lambda: all(map(ticks_of, logs)), 180, "the first tick of every bot")
                await asyncio.sleep(SETTLE)
                watched = [psutil.Process(process.pid) for process in processes]
                before = [used(process) for process in watched]
                await asyncio.sleep(SECONDS)
                spent = [used(process) - start for process, start in zip(watched, before, strict=True)]
                memory = max(process.memory_info().rss for process in watched) / 2**20
            finally:
                for process in processes:
                    process.terminate()
                await asyncio.gather(*(process.wait() for process in processes))
            missed = missed_ticks(logs) if kind == "bot" else None
    return Cost(sum(spent) / count / SECONDS, memory, missed)


async def start(server: LiveKitServer, kind: str, room: str, log: Path) -> asyncio.subprocess.Process:
    keys = {"LIVEKIT_URL": server.url, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
    if kind == "bot":
        joyvl = str(Path(sys.executable).parent / "joyvl")
        command = [joyvl, "join", room, "-i", "Count the cars that pass", "--jsonl", str(log)]
    else:
        token = agent_token(log.stem, room)
        command = [sys.executable, "-m", "tests.bench.receivers", kind, server.url, token]
    quiet = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(*command, env={**os.environ, **keys}, stdout=quiet, stderr=quiet)


def used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def ticks_of(log: Path) -> list[float]:
    """Unix seconds of each tick that a bot has logged."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [event["wall"] for line in lines if (event := json.loads(line))["kind"] == "tick"]


def missed_ticks(logs: list[Path]) -> float:
    """Share of the grid's seconds in which no tick began."""
    due = missed = 0
    for log in logs:
        walls = ticks_of(log)
        walls = [wall for wall in walls if wall > walls[-1] - SECONDS]
        due += round(walls[-1] - walls[0])
        missed += sum(max(0, int(later - earlier - 0.5)) for earlier, later in itertools.pairwise(walls))
    return missed / due


async def _run(server: LiveKitServer) -> None:
    heads = "picture", "participants", "drops frames", "bot adds", "JPEG of all adds", "ratio", "missed ticks", "memory"
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for still, count in itertools.product((False, True), COUNTS):
        drop = await measure(server, "drop", count, still=still)
        bot = await measure(server, "bot", count, still=still)
        jpeg = await measure(server, "jpeg", count, still=still)
        adds, naive = bot.cpu - drop.cpu, jpeg.cpu - drop.cpu
        print(
            f"| {'still' if still else 'a car every 5 s'} | {count} | {drop.cpu:.1%} | {adds:.1%} | {naive:.1%} "
            f"| {adds / naive:.2f} | {bot.missed:.1%} | {bot.memory_mb:.0f} MB |",
            flush=True,
        )


def main() -> None:
    on_server(_run)


if __name__ == "__main__":
    main()
