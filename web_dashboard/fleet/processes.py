"""Sessions as processes of this machine. They outlive a server that is killed, and are found again by the next."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from joyvl_core.errors import UnavailableError
from joyvl_core.threads import in_thread
from web_dashboard.fleet.launching import Capacity, Placement, StartedJob
from web_dashboard.fleet.lease import is_running

MAX_LOG = 1_000_000
"""Bytes of one session's log file; the newest part of what came before is kept beside it."""
_KEPT_PART = 200_000
_MAX_LOGS = 200
"""Log files that are kept, the newest."""
_JOB = (sys.executable, "-m", "bot.cli", "job")


class Processes:
    """Launches `joyvl job`.

    Args:
        logs: A folder for what the processes write to stderr.
        at_most: Sessions at the same time.
        command: What is started; it reads its address and token as JSON from stdin.
    """

    name = "process"
    hello_within = 60.0
    # A process that is known to live may be busy: on a machine where many start at once it is.
    silent_for = 15.0
    starts_at_once = 4

    def __init__(self, logs: Path, *, at_most: int = 32, command: Sequence[str] = _JOB) -> None:
        self._logs = logs
        self._at_most = at_most
        self._command = tuple(command)
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._host = socket.gethostname()

    def capacity(self, placed: int) -> Capacity:
        """How many more may be started."""
        free = self._at_most - placed
        if free > 0:
            return Capacity(free)
        return Capacity(0, f"All {self._at_most} places of this machine are taken: it starts when one is free.")

    async def start(self, job: StartedJob) -> Placement:
        """Starts the process; it leads a group of its own, so that no signal to the server reaches it."""
        told = {"url": job.url, "token": job.token, "session": job.session, "start": job.start}
        try:
            child, created = await in_thread(self._spawn, job.session, json.dumps(told).encode())
        except OSError as error:
            raise UnavailableError(
                f"No process can be started: {error.strerror}.",
                source="fleet.processes",
                kind="no_process",
                hint="Is the machine out of memory or of processes, or its disk full?",
                retryable=True,
            ) from None
        self._children[child.pid] = child
        return {"host": self._host, "pid": child.pid, "created": created, "session": job.session}

    async def alive(self, placement: Placement) -> bool | None:
        """Whether it runs; of a process of another machine nothing is known."""
        if placement.get("host") != self._host:
            return None
        pid, created = int(placement["pid"]), float(placement["created"])
        _trim(self.log_of(str(placement["session"])))
        child = self._children.get(pid)
        if child is not None and child.poll() is not None:
            return False
        return is_running(pid, created)

    async def kill(self, placement: Placement, *, gently: bool = False) -> None:
        """Ends the process and those it started; never another that has got its number since."""
        if placement.get("host") != self._host:
            return
        pid, created = int(placement["pid"]), float(placement["created"])
        if not is_running(pid, created):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if gently:
                os.kill(pid, signal.SIGTERM)
            else:
                os.killpg(pid, signal.SIGKILL)
        child = self._children.get(pid)
        if child is not None and not gently:
            with contextlib.suppress(subprocess.TimeoutExpired):
                await in_thread(child.wait, 1.0)

    def farewell(self, placement: Placement) -> str:
        """How it ended: what is known of processes that this server started."""
        child = self._children.get(int(placement.get("pid", 0)))
        code = None if child is None else child.poll()
        if code is None:
            return ""
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    async def close(self) -> None:
        """Lets go; who still runs goes on."""
        for child in self._children.values():
            child.poll()
        self._children.clear()

    def log_of(self, session: str) -> Path:
        """Where a session's process writes what it has to say."""
        return self._logs / f"{session}.log"

    def _spawn(self, session: str, told: bytes) -> tuple[subprocess.Popen[bytes], float]:
        self._forget_ended()
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = self.log_of(session)
        _trim(log)
        _keep_newest(self._logs)
        with log.open("ab") as out:
            child = subprocess.Popen(  # noqa: S603 - this program itself
                self._command, stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True, env=_environment()
            )
        if child.stdin is not None:
            # Far less than a pipe holds: it waits for nobody. One that died at once is found dead.
            with contextlib.suppress(BrokenPipeError), child.stdin as pipe:
                pipe.write(told)
        try:
            created = psutil.Process(child.pid).create_time()
        except psutil.Error:
            created = 0.0
        return child, created

    def _forget_ended(self) -> None:
        """Children that ended were told of by now: those of the last moments alone are kept."""
        ended = [pid for pid, child in self._children.items() if child.poll() is not None]
        for pid in ended[:-_MAX_LOGS]:
            del self._children[pid]


def _environment() -> Mapping[str, str]:
    """The server's environment without what only the server needs."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "JOYVL_SECRET_KEY" and not name.startswith("JOYVL_DASHBOARD_")
    }


def _trim(log: Path) -> None:
    """Cuts a log that has grown too long. Who writes to it goes on at its new end."""
    with contextlib.suppress(OSError):
        if log.stat().st_size <= MAX_LOG:
            return
        with log.open("rb") as file:
            file.seek(-_KEPT_PART, os.SEEK_END)
            log.with_suffix(".log.1").write_bytes(file.read())
        os.truncate(log, 0)


def _keep_newest(logs: Path) -> None:
    with contextlib.suppress(OSError):
        found = sorted(logs.glob("*.log"), key=lambda log: log.stat().st_mtime)
        for log in found[:-_MAX_LOGS]:
            log.unlink(missing_ok=True)
            log.with_suffix(".log.1").unlink(missing_ok=True)
