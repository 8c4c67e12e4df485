"""A real PostgreSQL server on loopback, for as long as a test module runs."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

PASSWORD = "correct horse battery"  # noqa: S105 - of a server that lives for a test
_READY_WITHIN = 30.0


class PostgresServer:
    """The server's process and its own folder. Stopped and started again, it has everything that was committed."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="joyvl-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        # PostgreSQL refuses to run as root.
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self._folder, "postgres", "postgres")
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._call("initdb", "-D", self._data, "-U", "joyvl", "-A", "scram-sha-256", f"--pwfile={secret}", "-N")

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        """Starts the process and returns once it answers."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_buffers": "16MB",
        }
        flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            command = [self._programs / "postgres", "-D", self._data, *flags]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **self._user)
        deadline = time.monotonic() + _READY_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start:\n{(self._folder / 'log').read_text()[-2_000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends the process and every connection to it."""
        if self._process:
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Stops the server in its tracks for the block: it is there and does not answer."""
        assert self._process
        server = psutil.Process(self._process.pid)
        stopped = [server, *server.children(recursive=True)]
        for each in stopped:
            each.suspend()
        try:
            yield
        finally:
            for each in stopped:
                each.resume()

    def remove(self) -> None:
        """Ends the process for good."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str, *, password: str = PASSWORD) -> str:
        """Where a database is."""
        return f"postgresql://joyvl:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        name = f"test{next(self._names)}"
        self.query(f"CREATE DATABASE {name}")
        return self.url(name)

    def query(self, statement: str, database: str = "postgres") -> str:
        """What a statement answers, as text."""
        return self._call("psql", "-X", "-A", "-t", "-c", statement, self.url(database))

    def _answers(self) -> bool:
        ready = [self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0

    def _call(self, program: str, *arguments: str) -> str:
        command = [self._programs / program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **self._user)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr[-2_000:]}")
        return done.stdout.strip()


@pytest.fixture(scope="module")
def postgres_server(require: Callable[[str], Path]) -> Iterator[PostgresServer]:
    """A server that the module's tests share, each with a database of its own."""
    server = PostgresServer(_programs() or require("postgres").parent)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _programs() -> Path | None:
    """Debian keeps the programs of each version out of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None
