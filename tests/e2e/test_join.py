"""`joyvl join`, as a person runs it: a process against a real server, mostly with something wrong."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from livekit import api

from joyvl_core.events import StatusEvent, read_event
from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

JOYVL = str(Path(sys.executable).parent / "joyvl")
WRONG_SECRET = "f" * 36


def start(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LIVEKIT_", "JOYVL_"))}
    return subprocess.Popen(
        [JOYVL, "join", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment,
    )


def expired_token() -> str:
    token = api.AccessToken(KEY, SECRET).with_identity("late").with_grants(api.VideoGrants(room_join=True, room="r"))
    return token.with_ttl(datetime.timedelta(hours=-1)).to_jwt()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "ws://127.0.0.1:{closed}", "--api-key", KEY, "--api-secret", SECRET], "reached"),
        (["--url", "{url}", "--api-key", "nobody", "--api-secret", SECRET], "LIVEKIT_API_KEY"),
        (["--url", "{url}", "--api-key", KEY, "--api-secret", WRONG_SECRET], "LIVEKIT_API_SECRET"),
        (["--url", "{url}", "--token", "{expired}"], "new access token"),
        (["--url", "nonsense", "--api-key", KEY, "--api-secret", SECRET], "wss://"),
        (["--url", "{url}"], "LIVEKIT_API_KEY"),
    ],
)
def test_what_cannot_start_is_one_clear_line_and_exit_code_2(
    arguments: list[str],
    words: str,
    livekit_server: LiveKitServer,
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    given = {"url": livekit_server.url, "closed": free_port(), "expired": expired_token()}
    started = time.monotonic()
    process = start("room", *(argument.format(**given) for argument in arguments), folder=tmp_path)
    written, errors = process.communicate(timeout=30)
    assert process.returncode == 2, (written, errors)
    assert time.monotonic() - started < 12
    assert "Traceback" not in errors
    assert len([line for line in errors.splitlines() if line.startswith("error")]) == 1
    assert words in errors
    for secret in (SECRET, WRONG_SECRET, given["expired"]):
        assert secret not in written + errors


def wait_for_state(log: Path, state: str, within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while not (log.exists() and f'"state":"{state}"' in log.read_text()):
        assert time.monotonic() < deadline, f"{state} never came"
        time.sleep(0.05)


def test_interrupted_in_a_room_it_leaves_within_two_seconds(livekit_server: LiveKitServer, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    credentials = ["--url", livekit_server.url, "--api-key", KEY, "--api-secret", SECRET]
    process = start("left", *credentials, "-i", "Count the cars", "--jsonl", str(log), folder=tmp_path)
    wait_for_state(log, "understood")
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert time.monotonic() - asked < 2.0
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert SECRET not in errors + log.read_text()
    states = [e.state for line in log.open() if isinstance(e := read_event(line), StatusEvent)]
    assert [state for state in states if state.startswith("room.") and state != "room.people"] == [
        "room.joining",
        "room.joined",
        "room.left",
    ]


@pytest.mark.parametrize("moment", ["starting", "joining"])
def test_interrupted_while_it_starts_or_joins_it_ends_within_two_seconds(
    moment: str, livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    credentials = ["--url", livekit_server.url, "--api-key", KEY, "--api-secret", SECRET]
    with livekit_server.hanging():
        process = start("room", *credentials, "--jsonl", str(log), folder=tmp_path)
        if moment == "joining":
            wait_for_state(log, "room.joining")
        else:
            time.sleep(0.5)
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        assert time.monotonic() - asked < 2.0
    assert process.returncode == 130
    assert "Traceback" not in errors
