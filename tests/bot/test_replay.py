"""`joyvl replay`, as a person sees it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from bot import app, cli
from bot.commands import replay as command
from joyvl_core.errors import UnavailableError
from joyvl_core.models.embedded import make_embedded_model
from joyvl_core.observation import Decision
from tests.clips.scenes import Mover, street
from tests.stand_ins import ScriptedModel
from tests.stand_ins.recorded import record

CLIP = street(Mover(2, 5), Mover(7, 10, colour=(40, 60, 200)), seconds=12)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def joyvl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit code, stdout, stderr."""
    monkeypatch.setattr(cli.signal, "signal", lambda number, handler: None)
    entry = EntryPoint("replay", "bot.commands.replay:replay", "joyvl.commands")
    monkeypatch.setattr(app, "entry_points", lambda group: [entry])
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["joyvl", "replay", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return run


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with a session of the embedded model that was recorded, and one that was not."""
    url = f"sqlite:///{tmp_path_factory.mktemp('replay')}/joyvl.db"
    wishes = ["Count the cars that pass"]
    says = [(11.0, "how many so far?")]
    record(url, make_embedded_model(inline=True), CLIP, instructions=wishes, says=says)
    record(url, ScriptedModel(), street(seconds=2), session="unrecorded", frames=False)
    return url


def script(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Puts a scripted model in the place of all."""
    monkeypatch.setattr(command, "make_model", lambda settings, inline: ScriptedModel(answer))


def test_the_embedded_model_decides_again_what_it_decided(joyvl: Run, url: str) -> None:
    code, out, err = joyvl("kept", "--database", url)
    assert (code, err) == (0, "")
    assert "agreement 100.0%" in out
    assert "where either spoke: 3 of 3 the same" in out


def test_other_instructions_show_what_is_different(joyvl: Run, url: str) -> None:
    code, out, _ = joyvl("kept", "--database", url, "-i", "Read out new text", "--from", "2", "--to", "9")
    assert code == 0
    assert "was speak    1" in out
    assert "is  silence" in out


def test_json_is_a_line_a_tick_and_the_sum_last(joyvl: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, lambda seen: Decision(raw="", p_silence=0.9) if seen.n % 2 else "</response> [bold]\x1b[31m hi")
    code, out, _ = joyvl("kept", "--database", url, "--json")
    *lines, summary = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert {line["kind"] for line in lines} == {"step"}
    assert [line["t"] for line in lines] == sorted(line["t"] for line in lines)
    assert summary["kind"] == "summary"
    assert sum(summary["verdicts"].values()) == len(lines)
    assert summary["is"]["p_silence"] == pytest.approx(0.9)
    code, out, _ = joyvl("kept", "--database", url)
    assert "[bold]" in out
    assert "\x1b" not in out


def test_a_model_that_is_away_is_one_line_after_a_few_ticks(
    joyvl: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = UnavailableError("nobody answers", source="model", kind="away", hint="Start it.", retryable=True)
    script(monkeypatch, lambda seen: away)
    code, out, err = joyvl("kept", "--database", url)
    assert code == 2
    assert out.count("failed") == 4
    assert "nobody answers" in err
    assert "Start it." in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["unrecorded"], "was not recorded: its frames are not there"),
        (["nobody"], "holds no session"),
        (["kept", "--from", "100"], "no tick in that time"),
        (["kept", "--from", "5", "--to", "4"], "no tick in that time"),
        (["kept", "-i", "  "], "needs words"),
        (["kept", "--model", "nope"], "no model named"),
        (["../kept'; drop table"], "holds no session"),
    ],
)
def test_what_cannot_be_replayed_says_why_and_what_to_do(
    joyvl: Run, url: str, arguments: list[str], words: str
) -> None:
    code, out, err = joyvl(*arguments, "--database", url)
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


def test_a_database_must_be_named_or_usable(joyvl: Run, tmp_path: Path) -> None:
    assert joyvl("kept", "--database", "nonsense://me:secret@there")[0] == 2
    assert "secret" not in joyvl("kept", "--database", "nonsense://me:secret@there")[2]


def test_it_explains_itself_with_an_example(joyvl: Run) -> None:
    code, out, err = joyvl("--help")
    assert (code, err) == (0, "")
    assert "joyvl replay bado-kimu" in out
