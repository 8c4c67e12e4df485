"""Sessions as processes of this machine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from joyvl_core.errors import UnavailableError
from web_dashboard.fleet import processes
from web_dashboard.fleet.launching import StartedJob
from web_dashboard.fleet.lease import is_running
from web_dashboard.fleet.processes import Processes
from web_dashboard.schemas.places import LiveKitPlace

pytestmark = pytest.mark.anyio

STAYS = "import sys, time; print(sys.stdin.read(), flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAYS}"
JOB = StartedJob("bado-kimu", 3, "secret-token", "ws://127.0.0.1:1", LiveKitPlace(room="there"))


def launcher(folder: Path, program: str, **given: int) -> Processes:
    return Processes(folder, command=(sys.executable, "-c", program), **given)


async def gone(launched: Processes, placement: dict[str, object]) -> None:
    async with asyncio.timeout(10):
        while await launched.alive(placement):  # noqa: ASYNC110 - another process: nobody tells
            await asyncio.sleep(0.01)


async def test_it_gets_its_token_by_stdin_and_nowhere_else(tmp_path, monkeypatch):
    monkeypatch.setenv("JOYVL_SECRET_KEY", "vault-key")
    monkeypatch.setenv("JOYVL_DASHBOARD_OIDC_SECRET", "oidc")
    launched = launcher(tmp_path, STAYS)
    placement = await launched.start(JOB)
    try:
        assert await launched.alive(placement)
        async with asyncio.timeout(10):
            while not (told := launched.log_of("bado-kimu").read_text()):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        assert json.loads(told) == {
            "url": "ws://127.0.0.1:1",
            "token": "secret-token",
            "session": "bado-kimu",
            "start": 3,
        }
        proc = Path(f"/proc/{placement['pid']}")
        environment = (proc / "environ").read_bytes()
        assert b"vault-key" not in environment
        assert b"oidc" not in environment
        assert b"secret-token" not in environment + (proc / "cmdline").read_bytes()
        assert "secret-token" not in json.dumps(placement)
        assert os.getpgid(int(placement["pid"])) == placement["pid"], "no signal to the server reaches it"
    finally:
        await launched.kill(placement)


async def test_it_is_ended_gently_or_at_once_and_tells_how(tmp_path):
    launched = launcher(tmp_path, STAYS)
    placement = await launched.start(JOB)
    await launched.kill(placement, gently=True)
    await gone(launched, placement)
    assert launched.farewell(placement) == "signal SIGTERM"
    stubborn = launcher(tmp_path, STUBBORN)
    placement = await stubborn.start(JOB)
    await stubborn.kill(placement)
    assert await stubborn.alive(placement) is False
    assert stubborn.farewell(placement) == "signal SIGKILL"
    await stubborn.kill(placement)


async def test_one_that_ends_by_itself_is_no_zombie(tmp_path):
    launched = launcher(tmp_path, "raise SystemExit(2)")
    placement = await launched.start(JOB)
    await gone(launched, placement)
    assert launched.farewell(placement) == "exit code 2"
    assert not os.path.exists(f"/proc/{placement['pid']}")  # noqa: ASYNC240 - a look at memory


async def test_the_next_server_finds_it_and_never_kills_a_stranger(tmp_path):
    launched = launcher(tmp_path, STAYS)
    placement = await launched.start(JOB)
    pid = int(placement["pid"])
    await launched.close()
    found = launcher(tmp_path, STAYS)
    try:
        assert await found.alive(placement)
        stranger = {**placement, "created": placement["created"] - 100}
        assert await found.alive(stranger) is False, "another process that has got the number since"
        await found.kill(stranger)
        elsewhere = {**placement, "host": "elsewhere"}
        assert await found.alive(elsewhere) is None
        await found.kill(elsewhere)
        assert is_running(pid, placement["created"])
    finally:
        os.killpg(pid, signal.SIGKILL)
        await gone(found, placement)


async def test_it_outlives_the_server(tmp_path):
    program = (
        "import asyncio, json, sys; from tests.web_dashboard.fleet.test_processes import *;"
        f"print(json.dumps(asyncio.run(launcher(Path({str(tmp_path)!r}), STAYS).start(JOB))))"
    )
    made = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    placement = json.loads((await made.communicate())[0])
    found = launcher(tmp_path, STAYS)
    assert await found.alive(placement)
    await found.kill(placement)
    await gone(found, placement)


async def test_a_log_that_grows_too_long_is_cut_while_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "MAX_LOG", 5_000)
    monkeypatch.setattr(processes, "_KEPT_PART", 1_000)
    program = "import time\nwhile True: print('x' * 99, flush=True); time.sleep(0.001)"
    launched = launcher(tmp_path, program)
    placement = await launched.start(JOB)
    log = launched.log_of("bado-kimu")
    try:
        async with asyncio.timeout(10):
            while not log.with_suffix(".log.1").exists():
                assert await launched.alive(placement)
                await asyncio.sleep(0.05)
        assert log.stat().st_size < 5_000
        assert log.with_suffix(".log.1").stat().st_size == 1_000
    finally:
        await launched.kill(placement)
    assert b"\0" not in log.read_bytes()


async def test_places_are_counted_and_what_can_not_be_started_is_told(tmp_path):
    launched = Processes(tmp_path, at_most=2, command=("/nowhere/python",))
    assert launched.capacity(1).free == 1
    assert launched.capacity(2).free == 0
    assert "All 2 places" in launched.capacity(2).reason
    with pytest.raises(UnavailableError) as told:
        await launched.start(JOB)
    assert told.value.retryable
