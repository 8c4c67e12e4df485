"""Whatever kills the reader, each event is told once."""

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.postgres_server import postgres_server
from tests.web_dashboard.things import ADMIN, Things, things, tick
from web_dashboard.db import tables
from web_dashboard.schemas.webhooks import WebhookIn
from web_dashboard.services.log_reading import LogReader
from web_dashboard.services.webhooks import Webhooks

__all__ = ["postgres_server"]
pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
ROUNDS, ACTS = 4, 60


def started(folder: Path, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.web_dashboard.reading", str(folder), *([url] if url else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


async def killed_again_and_again(t: Things, folder: Path, url: str) -> None:
    await Webhooks(t.context, t.audit).create(
        ADMIN, WebhookIn(name="ours", url="http://127.0.0.1:9/", kinds=("spoken", "alert"))
    )
    await t.job(body='{"alerts":true}')
    luck, n = random.Random(7), 0
    for _ in range(ROUNDS):
        process = await asyncio.to_thread(started, folder, url)
        dies_at = time.monotonic() + luck.uniform(0.05, 0.4)
        for _ in range(ACTS):
            await t.log(tick(n, f"Act {n}."))
            n += 1
            if process.poll() is None and time.monotonic() > dies_at:
                process.kill()
        process.kill()
        await asyncio.to_thread(process.wait)
    await LogReader(t.context).read()
    told = [(row["kind"], row["key"]) for row in await t.rows(tables.deliveries)]
    assert len(told) == len(set(told)) == 2 * ROUNDS * ACTS
    assert len(await t.rows(tables.alerts)) == ROUNDS * ACTS


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_reader_that_is_killed_loses_and_doubles_nothing(tmp_path: Path, postgres_server, kind: str):
    url = postgres_server.fresh() if kind == "postgresql" else ""

    async def main() -> None:
        async with things(tmp_path, url) as t:
            await killed_again_and_again(t, tmp_path, url)

    asyncio.run(main())
