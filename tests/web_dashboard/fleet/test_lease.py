"""Which of several control planes looks after the sessions."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from web_dashboard.db.opening import opening
from web_dashboard.fleet.lease import HELD_FOR, Lease

pytestmark = pytest.mark.anyio


def elsewhere(lease: Lease, **changes: object) -> Lease:
    lease._me = lease._me.model_copy(update={"host": "elsewhere", **changes})
    return lease


async def test_one_holds_it_until_it_is_released_or_runs_out(tmp_path: Path):
    async with opening(f"sqlite:///{tmp_path / 'joyvl.db'}") as store:
        one, two = Lease(store.database), elsewhere(Lease(store.database))
        assert await one.renew(100.0)
        assert await one.renew(102.0)
        assert one.held(102.0 + HELD_FOR - 0.1)
        assert not one.held(102.0 + HELD_FOR)
        assert not await two.renew(105.0)
        assert two.other
        assert await two.renew(102.0 + HELD_FOR)
        assert not await one.renew(113.0), "it was taken over"
        await one.release()
        assert not await one.renew(114.0), "who does not hold it releases nothing"
        await two.release()
        assert await one.renew(114.0)


async def test_a_holder_that_was_killed_on_this_machine_is_not_waited_for(tmp_path: Path):
    async with opening(f"sqlite:///{tmp_path / 'joyvl.db'}") as store:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=subprocess.PIPE)
        first, second = Lease(store.database), Lease(store.database)
        created = psutil.Process(process.pid).create_time()
        first._me = first._me.model_copy(update={"pid": process.pid, "created": created})
        assert await first.renew(100.0)
        assert not await second.renew(100.1)
        process.kill()
        await process.wait()
        assert await second.renew(100.2)


async def test_of_many_that_take_it_at_once_one_has_it(tmp_path: Path):
    async with opening(f"sqlite:///{tmp_path / 'joyvl.db'}") as store:
        leases = [elsewhere(Lease(store.database), host=f"host{n}") for n in range(6)]
        assert sum(await asyncio.gather(*(lease.renew(100.0) for lease in leases))) == 1
