"""The store: events written a second, how long a commit takes, and questions about 100,000 remembered things.

`python -m tests.bench store` uses SQLite in a temporary folder, and PostgreSQL where `DATABASE_URL` names one that may
be filled.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from joyvl_core.clock import LoopClock
from joyvl_core.events import EventLog
from joyvl_core.memory.items import MemoryItem
from joyvl_core.store import SessionKeeper, Store
from tests.conformance.store import JPEG, WALL, chat, tick

EVENTS = 20_000
COMMITS = 300
ROWS = 100_000
QUESTIONS = 60
VOCABULARY = 5_000
CHINESE = "天地人你我他山水火风云雨雪花草树木鸟鱼虫马牛羊车船门窗桌椅灯书笔纸红黄蓝白黑大小多少上下左右前后来去进出开关"


class Noise:
    """Vectors of the real model's size, made in no time."""

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        vectors = [np.random.default_rng(abs(hash(text)) % 2**32).standard_normal(384) for text in texts]
        return [(vector / np.linalg.norm(vector)).tolist() for vector in vectors]


def sentence(chance: random.Random) -> str:
    """A sentence of either language, its words as unevenly frequent as real ones."""
    if chance.random() < 0.3:
        return "".join(chance.choice(CHINESE) for _ in range(16))
    return " ".join(f"word{int(VOCABULARY ** chance.random())}" for _ in range(10))


async def measured(name: str, url: str) -> None:
    """Prints a database's line of each table."""
    chance = random.Random(7)
    async with Store.open(url, embedder=Noise()) as store:
        session = await store.begin(None, room="bench", wall=WALL)
        clock = LoopClock()
        log, keeper = EventLog(clock), SessionKeeper(store, session, clock, waiting=EVENTS)
        running = asyncio.create_task(keeper.run())
        began = time.perf_counter()
        for n in range(EVENTS):
            keeper.write(tick(log, n))
            if n % 1_000 == 999:
                await keeper.committed()
        rate = EVENTS / (time.perf_counter() - began)
        commits = []
        for n in range(COMMITS):
            keeper.write(tick(log, EVENTS + n, sentence(chance)))
            commits.append(await seconds(keeper.committed))
            await asyncio.sleep(0.005)
        print(f"| {name} | {rate:,.0f} | {spread(commits)} |", flush=True)
        await fill(keeper, log, chance)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        cold = await seconds(lambda: keeper.search(sentence(chance), now=1e6))
        asked = [await seconds(lambda: keeper.search(sentence(chance), now=1e6)) for _ in range(QUESTIONS)]
        now = float(ROWS)
        timed = [
            await seconds(lambda: keeper.search(f"an hour ago {sentence(chance)}", now=now)) for _ in range(QUESTIONS)
        ]
        print(f"|  | first question {cold * 1e3:.0f} | {spread(asked)} | with a time {spread(timed)} |", flush=True)
        forgot = await seconds(lambda: store.erase(session.id, ROWS - 600.0, float(ROWS)))
        print(f"|  | forgetting ten minutes of it: {forgot:.2f} s | | |", flush=True)


async def fill(keeper: SessionKeeper, log: EventLog, chance: random.Random) -> None:
    """Remembers until the index holds `ROWS` entries, and the newest of them have their vectors."""
    for n in range(ROWS):
        t = float(n)
        if n % 5:
            keeper.keep(MemoryItem("seen", t, t, sentence(chance)))
        else:
            keeper.write(chat(log, "Ann", sentence(chance)).model_copy(update={"t": t}))
        if n % 100 == 0:
            keeper.picture(t, "cam", JPEG * 100, kind="thumbnail")
        if n % 1_000 == 999:
            await keeper.committed()
    await asyncio.sleep(20.0)


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def spread(times: Sequence[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    return f"{statistics.median(times) * 1e3:.1f} / {sorted(times)[int(len(times) * 0.95)] * 1e3:.1f} ms"


def main() -> None:
    print("| database | events a second | a commit, median / 95th percentile |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measured("SQLite", f"sqlite:///{folder}/bench.db"))
    if url := os.environ.get("DATABASE_URL", ""):
        asyncio.run(measured("PostgreSQL", url))


if __name__ == "__main__":
    main()
