"""`joyvl serve` as a person starts it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet

pytestmark = pytest.mark.e2e
COMMAND = (sys.executable, "-m", "bot.cli", "serve")


def surroundings(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "XDG_DATA_HOME": str(folder), "DATABASE_URL": f"sqlite:///{folder / 'joyvl.db'}", **more}


def ended(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=surroundings(folder, **more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.timeout(150)
def test_it_says_where_it_is_and_ends_within_seconds(tmp_path, free_port):
    port = free_port()
    command = [*COMMAND, "--port", str(port)]
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=surroundings(tmp_path), stdout=out, stderr=out)
    try:
        until = time.monotonic() + 60
        while not (link := re.search(r"http://localhost:\d+/setup\?token=(\S+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        here = f"http://localhost:{port}"
        body = {"token": link[1], "name": "mira", "password": "four words of your own"}
        with httpx.Client(base_url=here, headers={"origin": here}, timeout=30) as client:
            assert client.post("/api/v1/set-up", json=body).status_code == 200
            assert client.get("/api/v1/me").json()["role"] == "admin"
        second = ended(tmp_path, "--port", str(port))
        assert second.returncode == 2
        assert "Choose another port" in second.stderr
    finally:
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert time.monotonic() - asked < 5
    assert "Traceback" not in log.read_text()
    other = ended(tmp_path, "--port", "0", JOYVL_SECRET_KEY=Fernet.generate_key().decode())
    assert other.returncode == 2
    assert "another key" in other.stderr
    assert "--forget-secrets" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["--database-url", "mysql://x:hidden@y/z"], {}, "mysql is not supported"),
        ([], {"JOYVL_SECRET_KEY": "hidden"}, "32 bytes"),
        ([], {"JOYVL_DASHBOARD_PORT": "hidden"}, "JOYVL_DASHBOARD_PORT"),
        (["--pool"], {}, "token"),
        (["--host", "203.0.113.1"], {}, "--host"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(tmp_path, arguments, variables, says):
    done = (
        ended(tmp_path, "--port", "0", *arguments, **variables)
        if "JOYVL_DASHBOARD_PORT" not in variables
        else ended(tmp_path, *arguments, **variables)
    )
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "hidden" not in done.stderr
    assert "Traceback" not in done.stderr


def test_another_socket_keeps_its_port(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = ended(tmp_path, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
