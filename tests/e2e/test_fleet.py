"""Supervision with real processes: what is killed comes back, what runs is found again, and nothing is doubled."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.clips import write
from tests.clips.scenes import Mover, street

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
WISH = "Count the cars that pass"


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Minutes of road at four frames a second, with a car now and then."""
    path = tmp_path_factory.mktemp("road") / "road.mp4"
    cars = [Mover(start, start + 2, colour=(40, 60, 200)) for start in range(4, 300, 12)]
    write(replace(street(*cars, seconds=300), fps=4.0), path, bit_rate=200_000)
    return path


@dataclass
class Plane:
    """A control plane as a process, and its database."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    pids: set[int] = field(default_factory=set)

    @property
    def database(self) -> Path:
        return self.folder / "joyvl.db"

    def start(self) -> None:
        script = self.folder / "answers.json"
        script.write_text(
            json.dumps([{"ask": "dog", "answer": "A poodle.", "seconds": 0.5}, {"answer": "?", "seconds": 600}])
        )
        told = (self.folder / "server.log").open("ab")
        command = [sys.executable, "-m", "tests.e2e.fleet_server", f"sqlite:///{self.database}", str(self.folder)]
        self.process = subprocess.Popen(
            [*command, str(self.port)],
            cwd=ROOT,
            stdout=told,
            stderr=told,
            env={
                **os.environ,
                "JOYVL_SECRET_KEY": "not for sessions",
                "JOYVL_DELEGATE": "scripted",
                "JOYVL_DELEGATE_SCRIPT": str(script),
            },
        )
        self.until(lambda: self.get("/snapshot") is not None, 60, "the server to be up")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def interrupt(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(15)

    def get(self, path: str) -> Any:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5).json()
        return None

    def command(self, session: str, name: str, **args: Any) -> Any:
        return httpx.post(f"http://127.0.0.1:{self.port}/command/{session}/{name}", json=args, timeout=10).json()

    def want(self, *sessions: str) -> None:
        now = time.time()
        place = json.dumps({"kind": "upload", "upload": 1, "repeat": True})
        body = json.dumps({"instructions": [WISH]})
        with self.connected() as db:
            for session in sessions:
                db.execute(
                    "insert into jobs (id, place, body, title, wanted, state, since, reason, remedy, runner, placement,"
                    " start, token, failures, failing_since, not_before, created, created_by, read_epoch, read_seq)"
                    " values (?, ?, ?, '', 'running', 'queued', ?, '', '', '', '{}', 0, '', 0, 0, 0, ?, 'ada', 0, 0)",
                    (session, place, body, now, now),
                )

    def stop(self, session: str) -> None:
        with self.connected() as db:
            db.execute("update jobs set wanted = 'stopped' where id = ?", (session,))

    @contextlib.contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as db, db:
            db.row_factory = sqlite3.Row
            yield db

    def job(self, session: str) -> dict[str, Any]:
        with self.connected() as db:
            row = dict(db.execute("select * from jobs where id = ?", (session,)).fetchone())
        placement = json.loads(row["placement"])
        if placement:
            self.pids.add(placement["pid"])
        return {**row, "pid": placement.get("pid", 0)}

    def events(self, session: str, kind: str = "") -> list[dict[str, Any]]:
        with self.connected() as db:
            found = db.execute("select epoch, body from events where session = ? order by epoch, seq", (session,))
            lines = [{**json.loads(row["body"]), "epoch": row["epoch"]} for row in found]
        return [line for line in lines if not kind or line["kind"] == kind]

    def until(self, holds: Callable[[], Any], within: float, what: str) -> float:
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < within, f"not within {within} s: {what}\n{self.logs()}"
            time.sleep(0.05)
        return time.monotonic() - began

    def running(self, session: str, start: int = 1, within: float = 90) -> float:
        def holds() -> bool:
            job = self.job(session)
            assert job["state"] != "failed", f"{job}\n{self.logs()}"
            return job["state"] == "running" and job["start"] == start

        return self.until(holds, within, f"{session} to run with its start {start}: {self.job(session)}")

    def logs(self) -> str:
        found = [self.folder / "server.log", *(self.folder / "logs").glob("*.log")]
        return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in found if path.exists())

    def assert_whole(self, *sessions: str) -> None:
        """Nothing was written twice, and the database is as it should be."""
        with self.connected() as db:
            assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
            assert not db.execute("pragma foreign_key_check").fetchall()
        for session in sessions:
            ticks = Counter((event["epoch"], event["n"]) for event in self.events(session, "tick"))
            assert ticks
            assert max(ticks.values()) == 1, "no tick twice"
            added = Counter(event["id"] for event in self.events(session, "instruction") if event["state"] == "added")
            assert max(added.values()) == 1, "no instruction twice"
            assert len({event["text"] for event in self.events(session, "instruction")}) == len(added)


@pytest.fixture
def plane(tmp_path: Path, road: Path, free_port: Callable[[], int]) -> Iterator[Plane]:
    (tmp_path / "road.mp4").symlink_to(road)
    made = Plane(tmp_path, free_port())
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait(10)
    for pid in made.pids | {process.pid for process in _jobs(made)}:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _jobs(plane: Plane) -> list[psutil.Process]:
    """The processes of this control plane's sessions: children of it, or of nobody."""
    with plane.connected() as db:
        placed = [json.loads(row[0] or "{}") for row in db.execute("select placement from jobs")]
    return [psutil.Process(each["pid"]) for each in placed if each and psutil.pid_exists(each["pid"])]


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_a_killed_session_comes_back_with_its_instructions_and_the_others_are_not_touched(plane: Plane) -> None:
    plane.want("a", "b", "c")
    for session in "abc":
        plane.running(session)
    plane.until(lambda: all(plane.events(s, "tick") for s in "abc"), 30, "all to tick")
    assert plane.command("a", "instruct", text="Tell me when a red car passes", author="ada")["id"]
    before = {session: plane.job(session) for session in "abc"}
    environment = Path(f"/proc/{before['a']['pid']}/environ").read_bytes()
    arguments = Path(f"/proc/{before['a']['pid']}/cmdline").read_bytes()
    assert b"JOYVL_SECRET_KEY" not in environment
    assert b"token" not in arguments

    os.kill(before["a"]["pid"], signal.SIGKILL)
    took = plane.running("a", start=2)
    print(f"running again after {took:.1f} s")
    plane.until(lambda: [e for e in plane.events("a", "tick") if e["epoch"] == 2], 30, "it to tick again")
    standing = plane.get("/lives")["a"]["heartbeat"]["instructions"]
    assert {each["text"] for each in standing} == {WISH, "Tell me when a red car passes"}
    for session in "bc":
        assert plane.job(session)["pid"] == before[session]["pid"]
    plane.assert_whole("a", "b", "c")

    plane.stop("b")
    plane.until(lambda: plane.job("b")["state"] == "ended", 15, "it to stop")
    assert not alive(before["b"]["pid"])
    assert plane.interrupt() == 0
    for session in "ac":
        assert plane.job(session)["wanted"] == "running"
        assert not alive(before[session]["pid"])


def test_sessions_outlive_a_killed_server_and_the_next_finds_them(plane: Plane) -> None:
    plane.want("a", "b")
    for session in "ab":
        plane.running(session)
    before = {session: plane.job(session) for session in "ab"}
    plane.kill()
    ticks = len(plane.events("a", "tick"))
    plane.until(lambda: len(plane.events("a", "tick")) > ticks + 2, 20, "it to go on without a server")
    began = time.monotonic()
    plane.start()
    plane.until(lambda: all(plane.get("/lives").get(s, {}).get("connected") for s in "ab"), 20, "both on the line")
    print(f"on the line again {time.monotonic() - began:.1f} s after the server was started")
    time.sleep(2.0)
    for session in "ab":
        job = plane.job(session)
        assert (job["state"], job["start"], job["pid"]) == ("running", 1, before[session]["pid"])
    assert plane.get("/lives")["a"]["events"] > 0
    assert plane.command("a", "instruct", text="Look for a dog", author="ada")["id"]
    plane.assert_whole("a", "b")


def test_a_delegation_under_way_is_neither_lost_nor_doubled(plane: Plane) -> None:
    plane.want("a")
    plane.running("a")
    plane.until(lambda: plane.events("a", "tick"), 30, "it to tick")

    def states() -> list[tuple[str, str]]:
        return [(event["id"], event["state"]) for event in plane.events("a", "ticket")]

    plane.command("a", "ask", text="What breed is that dog?", author="ada")
    plane.until(lambda: ("d1", "done") in states(), 20, "the first answer")
    plane.command("a", "ask", text="Is the red car on fire?", author="ada")
    plane.until(lambda: ("d2", "running") in states(), 20, "the second to be under way")
    plane.kill()
    os.kill(plane.job("a")["pid"], signal.SIGKILL)
    plane.start()
    plane.running("a", start=2)
    plane.until(lambda: ("d2", "failed") in states(), 30, "the second to be settled")
    plane.command("a", "ask", text="What breed is the other dog?", author="ada")
    plane.until(lambda: ("d3", "done") in states(), 20, "the third answer")
    settled = Counter(ticket for ticket, state in states() if state != "running")
    assert settled == {"d1": 1, "d2": 1, "d3": 1}
    made = [event["ticket"] for event in plane.events("a", "tick") if event["action"] == "delegate"]
    assert made == ["d1", "d2", "d3"]
    plane.assert_whole("a")


def test_what_was_killed_with_the_server_runs_again(plane: Plane) -> None:
    plane.want("a", "b")
    for session in "ab":
        plane.running(session)
    plane.until(lambda: all(plane.events(s, "tick") for s in "ab"), 30, "both to tick")
    killed = plane.job("a")["pid"]
    lives = plane.job("b")["pid"]
    plane.kill()
    os.kill(killed, signal.SIGKILL)
    plane.start()
    took = plane.running("a", start=2)
    print(f"running again after {took:.1f} s")
    plane.until(lambda: [e for e in plane.events("a", "tick") if e["epoch"] == 2], 30, "it to tick again")
    assert plane.job("a")["failures"] == 0
    assert (plane.job("b")["start"], plane.job("b")["pid"]) == (1, lives)
    plane.assert_whole("a", "b")


def test_a_session_that_hangs_is_killed_before_the_next_is_started(plane: Plane) -> None:
    plane.want("a")
    plane.running("a")
    hung = plane.job("a")["pid"]
    os.kill(hung, signal.SIGSTOP)
    plane.running("a", start=2)
    assert not alive(hung)
    plane.until(lambda: [e for e in plane.events("a", "tick") if e["epoch"] == 2], 30, "it to tick again")
    plane.assert_whole("a")
