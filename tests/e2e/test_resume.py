"""Sessions that outlive their processes: killed, taken up again, taken over. Real processes, a real store."""

from __future__ import annotations

import asyncio
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from joyvl_core.events import ChatEvent
from joyvl_core.store import Store
from tests.clips import write
from tests.clips.scenes import Mover, street
from tests.e2e.livekit_people import person, until
from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer
from tests.stand_ins.delegate_servers import Behaviour, DelegateServer
from tests.stand_ins.model_server import ModelServer, Seen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

JOYVL = str(Path(sys.executable).parent / "joyvl")
WISH = "Count the cars that pass"
RED = (200, 30, 30)


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of road: two cars in its first ten seconds, the second one red."""
    path = tmp_path_factory.mktemp("road") / "road.mp4"
    write(street(Mover(2, 4, colour=(40, 60, 200)), Mover(6, 8, colour=RED), seconds=60), path)
    return path


@dataclass
class Process:
    """A `joyvl` process whose log is read from a file, while it grows."""

    process: subprocess.Popen[bytes]
    log: Path
    told: Path
    """What it wrote to stderr."""

    def events(self) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def of(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return [
            event
            for event in self.events()
            if event["kind"] == kind and all(event.get(name) == value for name, value in fields.items())
        ]

    def said(self) -> list[str]:
        return [event["text"] for event in self.of("tick") if event["action"] == "speak"]

    def wait(self, holds: Callable[[], Any], within: float = 40.0, what: str = "") -> None:
        deadline = time.monotonic() + within
        while not holds():
            alive = self.process.poll() is None
            assert alive, f"it ended before {what}: {self.told.read_text()}"
            assert time.monotonic() < deadline, f"not within {within} s: {what}\n{self.events()[-5:]}"
            time.sleep(0.05)

    def interrupt(self) -> int:
        """Ends it as Ctrl-C does; returns its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(10)

    def kill(self) -> float:
        """Kills it as nothing can be caught; returns its last session second."""
        self.process.kill()
        self.process.wait()
        return max(event["t"] for event in self.of("tick"))


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `joyvl` commands that keep their sessions in a database of the test's own; ends what still runs."""
    running: list[subprocess.Popen[bytes]] = []
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LIVEKIT_", "JOYVL_"))}

    def begin(*arguments: str, **environment: str) -> Process:
        log, told = (tmp_path / f"{len(running)}.{suffix}" for suffix in ("jsonl", "txt"))
        with told.open("wb") as errors:
            process = subprocess.Popen(
                [JOYVL, *arguments, "--jsonl", str(log)],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=tmp_path,
                env={**clean, "DATABASE_URL": url_of(tmp_path), **environment},
            )
        running.append(process)
        return Process(process, log, told)

    yield begin
    for process in running:
        process.kill()
        process.wait()


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'kept.db'}"


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(folder / "kept.db")) as connection:
        return connection.execute(query).fetchall()


def assert_whole(folder: Path, first: Process, second: Process) -> None:
    """Each tick once; of the killed process no act is missing, and at most the last second of silence."""
    numbers = rows(folder, "SELECT session, epoch, n FROM events WHERE n IS NOT NULL")
    assert max(Counter(numbers).values()) == 1
    for epoch, process in ((1, first), (2, second)):
        logged = process.of("tick")
        kept = {n for _, number, n in numbers if number == epoch}
        missing = [tick for tick in logged if tick["n"] not in kept]
        last = logged[-1]["t"]
        assert all(tick["action"] == "silence" and last - tick["t"] <= 2.2 for tick in missing), missing


def test_a_killed_watch_goes_on_with_its_instructions_its_count_and_what_it_saw(
    start: Start, road: Path, tmp_path: Path
) -> None:
    first = start("watch", str(road), "--session", "road", "-i", WISH)
    first.wait(lambda: first.said() == ["1", "2"], what="two cars")
    first.wait(lambda: first.of("tick")[-1]["t"] > 10.0, what="some silence")
    last = first.kill()

    asked = ["--say", "11:what did you see?", "--say", "14:when did the red car come?"]
    second = start("watch", str(road), "--session", "road", "-i", WISH, *asked)
    second.wait(lambda: len(second.said()) >= 4, what="two more cars and two answers")
    second.wait(lambda: second.of("tick")[-1]["t"] > second.of("tick")[0]["t"] + 15, what="the second answer")
    second.interrupt()

    assert [(e["id"], e["state"]) for e in first.of("instruction")] == [("i1", "added")]
    assert not second.of("instruction"), "it stands, with its id"
    assert second.of("status", state="session.resumed")
    assert second.of("tick")[0]["t"] > last
    unasked = [event["text"] for event in second.of("tick", action="speak") if event["reply_to"] is None]
    assert unasked == ["3", "4"], "the count goes on"
    replies = [event["text"] for event in second.of("tick", action="speak") if event["reply_to"]]
    assert len(replies) == 2, replies
    assert_whole(tmp_path, first, second)


def answering(seen: Seen) -> str:
    """A model that tells of everything it is asked, and delegates one question."""
    if not seen.body.get("stream"):
        return "The street is quiet, a blue van waits."
    last = seen.text
    if "what brand" in last and "[Delegation" not in last:
        return "</response> Let me ask. </delegation> What brand is the van?"
    if "[Delegation Failed" in last:
        return "</response> My question got lost."
    return "</silence>"


def test_a_killed_served_model_has_its_memory_and_its_questions_again(start: Start, road: Path, tmp_path: Path) -> None:
    with ModelServer(answering) as server, DelegateServer("openai", Behaviour.HANGING) as delegate:
        served = ["--session", "street", "--model", "joyvl", "--delegate", "openai", "-i", WISH]
        where = {
            "JOYVL_MODEL_URL": server.url,
            "OPENAI_BASE_URL": delegate.url,
            "OPENAI_API_KEY": "sk-test",
            "JOYVL_DELEGATE_MODEL": "eye",
        }
        first = start("watch", str(road), *served, "--say", "2:what brand is the van?", **where)
        first.wait(lambda: first.of("ticket", state="running"), what="a ticket")
        first.wait(lambda: first.of("tick")[-1]["t"] > 6.0, what="some silence")
        first.kill()
        turns = len(server.seen)

        second = start("watch", str(road), *served, **where)
        second.wait(lambda: "My question got lost." in second.said(), what="the lost question")
        prompts = [
            json.dumps(seen.messages, ensure_ascii=False)
            for seen in list(server.seen)[turns:]
            if seen.body.get("stream")
        ]
        second.interrupt()

    [failed] = second.of("ticket", state="failed")
    assert (failed["id"], failed["digest"]) == ("d1", "interrupted by a restart")
    assert WISH in prompts[0]
    assert "what brand is the van?" in prompts[0], "what was asked is remembered"
    assert "Let me ask." in prompts[0], "and what was said"
    assert_whole(tmp_path, first, second)


def test_a_session_that_another_process_takes_over_ends_with_a_reason_and_nobody_is_twice_in_a_room(
    start: Start, livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    credentials = {"LIVEKIT_URL": livekit_server.url, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
    arguments = ["join", "shared", "--session", "shared", "--voice", "none", "-i", WISH]

    async def main() -> tuple[Process, Process, int]:
        most = 0
        async with person(livekit_server, "shared") as alice:
            first = start(*arguments, **credentials)
            await until(lambda: len(alice.room.remote_participants) == 1, 30, "the first to join")
            await until(lambda: first.of("tick"), 10, "the first to tick")
            second = start(*arguments, **credentials)

            def joined() -> bool:
                nonlocal most
                most = max(most, len(alice.room.remote_participants))
                return bool(second.of("status", state="room.joined"))

            await until(joined, 40, "the second to join")
            await asyncio.sleep(1.0)
            assert joined()
            assert len(alice.room.remote_participants) == 1
            return first, second, most

    first, second, most = asyncio.run(main())
    assert second.interrupt() == 130
    assert first.process.wait(10) == 1
    errors = first.told.read_text()
    assert "taken over by another process" in errors
    assert "Traceback" not in errors
    assert most == 1, "never both at once"
    assert not second.of("instruction")
    assert_whole(tmp_path, first, second)


def test_a_killed_bot_in_a_room_comes_back_with_its_session(
    start: Start, livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    credentials = {"LIVEKIT_URL": livekit_server.url, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
    arguments = ["join", "back", "--session", "back", "--identity", "bot", "--voice", "none"]

    async def main() -> tuple[Process, Process]:
        async with person(livekit_server, "back") as alice:
            first = start(*arguments, **credentials)
            await until(lambda: first.of("tick"), 40, "the first to tick")
            await alice.say("@bot say hello every hour")
            await until(lambda: first.of("instruction"), 10, "the wish to stand")
            await asyncio.sleep(1.5)
            first.kill()
            second = start(*arguments, **credentials)
            await until(lambda: second.of("tick"), 40, "the second to tick")
            await alice.say("@bot forget everything")
            await until(lambda: any("I have forgotten" in line.text for line in alice.chat), 10, "it to be forgotten")
            await alice.say("@bot leave")
            await until(lambda: not alice.room.remote_participants, 10, "it to be gone")
            return first, second

    first, second = asyncio.run(main())
    assert second.process.wait(10) == 0
    wishes = [event["id"] for event in first.of("instruction")]
    assert wishes == ["i1"]
    assert [event["id"] for event in second.of("instruction")] == ["i1"], "told anew after its words were erased"
    assert second.of("tick")[0]["t"] > first.of("tick")[-1]["t"]

    async def written() -> list[str]:
        async with Store.open(url_of(tmp_path)) as store:
            return [event.text async for event in store.events("back") if isinstance(event, ChatEvent) and event.text]

    assert asyncio.run(written()) == ["leave"]
