"""`joyvl sessions`, as a person sees it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bot import app, cli
from joyvl_core.actions import Speak
from joyvl_core.clock import run_virtual
from joyvl_core.events import read_event
from joyvl_core.observation import Decision, Observation
from joyvl_core.ports import RoomListener
from tests.bot.test_keeping import settings_of, stay
from tests.stand_ins import ScriptedModel
from tests.stand_ins.room import ScriptedRoom

Run = Callable[..., tuple[int, str, str]]


async def people(room: ScriptedRoom, listener: RoomListener) -> None:
    await asyncio.sleep(30)
    listener.on_chat("ann", "a dog [red]with brackets[/red] ran by")
    await asyncio.sleep(570)
    listener.on_chat("bob", "卡车来了")


def watch(observation: Observation) -> Decision:
    return Decision(Speak("A red truck has come.")) if observation.n == 120 else Decision()


@pytest.fixture
def joyvl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process on a database with one session: exit code, stdout, stderr."""
    monkeypatch.setattr(cli.signal, "signal", lambda number, handler: None)
    entry = EntryPoint("sessions", "bot.commands.sessions:sessions", "joyvl.commands")
    monkeypatch.setattr(app, "entry_points", lambda group: [entry])
    monkeypatch.setenv("COLUMNS", "200")
    settings = settings_of(tmp_path / "joyvl.db")
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    run_virtual(stay(settings, people, model=ScriptedModel(watch), seconds=700.0, instructions=("watch the gate",)))
    capsys.readouterr()

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["joyvl", "sessions", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return run


def test_sessions_are_listed_for_people_and_for_programs(joyvl: Run) -> None:
    code, told, errors = joyvl("list")
    assert (code, errors) == (0, "")
    assert "kept" in told
    assert "11:40.0" in told
    [line] = joyvl("list", "--json")[1].splitlines()
    listed = json.loads(line)
    assert (listed["id"], listed["room"], listed["state"], listed["acts"]) == ("kept", "scripted", "ended", 1)


def test_a_session_is_shown_without_its_silence(joyvl: Run) -> None:
    _, told, _ = joyvl("show", "kept")
    for words in ("watch the gate", "A red truck has come.", "ann: a dog [red]with brackets[/red] ran by", "卡车来了"):
        assert words in told
    assert "·" not in told
    assert "·" in joyvl("show", "kept", "--every")[1]
    assert len(joyvl("show", "kept", "--last", "2")[1].splitlines()) == 2
    events = [read_event(line) for line in joyvl("show", "kept", "--json")[1].splitlines()]
    assert [event.kind for event in events] == ["instruction", "chat", "tick", "chat"]


def test_a_session_is_searched(joyvl: Run) -> None:
    _, told, _ = joyvl("search", "kept", "red", "truck")
    assert "A red truck has come." in told
    assert "2:00.0" in told
    assert "卡车来了" in joyvl("search", "kept", "卡车")[1]
    first = json.loads(joyvl("search", "kept", "red truck", "--json")[1].splitlines()[0])
    assert first["text"] == "A red truck has come."


@pytest.mark.parametrize(
    ("span", "left"),
    [
        (["--last", "5m"], ["watch the gate", "A red truck", "a dog"]),
        (["--last", "十分钟"], ["watch the gate", "a dog"]),
        (["--since", "1:00", "--until", "3:00"], ["watch the gate", "a dog", "卡车来了"]),
        (["--until", "60"], ["A red truck", "卡车来了"]),
        ([], []),
    ],
)
def test_what_is_erased_is_gone(joyvl: Run, span: list[str], left: list[str]) -> None:
    code, told, errors = joyvl("erase", "kept", *span, "--yes")
    assert (code, errors) == (0, "")
    assert told.startswith("Erased: ")
    shown = joyvl("show", "kept")[1]
    everything = ("watch the gate", "A red truck", "a dog", "卡车来了")
    assert [words for words in everything if words in shown] == [words for words in everything if words in left]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "nobody"], "nobody"),
        (["search", "nobody", "cars"], "nobody"),
        (["erase", "nobody", "--yes"], "nobody"),
        (["erase", "kept"], "--yes"),
        (["erase", "kept", "--last", "banana", "--yes"], "10m"),
        (["erase", "kept", "--last", "10m", "--since", "5", "--yes"], "--last goes without"),
        (["erase", "kept", "--since", "9", "--until", "3", "--yes"], "after --until"),
        (["erase", "kept", "--since", "soon", "--yes"], "1:30"),
        (["show", "kept", "--database", "mysql://a:secret@b/c"], "sqlite:///"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_hint(joyvl: Run, arguments: list[str], words: str) -> None:
    code, told, errors = joyvl(*arguments)
    assert (code, told) == (2, "")
    assert errors.startswith("error ")
    assert words in errors
    assert "secret" not in errors
    assert len(errors.splitlines()) == 2


def test_an_empty_database_says_how_to_fill_it(joyvl: Run, tmp_path: Path) -> None:
    code, told, _ = joyvl("list", "--database", f"sqlite:///{tmp_path / 'new.db'}")
    assert code == 0
    assert "--keep" in told
