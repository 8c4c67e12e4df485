"""A served model on the command line: what is wrong from the start ends in a line, what goes wrong later does not."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot import cli
from tests.models.chat_completions.sessions import second_of
from tests.stand_ins.model_server import Fault, ModelServer, Reply, Seen, failing, html_page
from tests.videos import render_clip

Joyvl = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "moving.mp4"
    return render_clip(path, seconds=6.0, rate=5)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(key="right") as started:
        yield started


@pytest.fixture
def joyvl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Joyvl]:
    """Runs the command line in this process: exit code, stdout, stderr."""
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(cli, "_interrupted", threading.Event())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("JOYVL_MODEL_KEY", "right")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["joyvl", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    yield run
    signal.signal(signal.SIGINT, before)


def watched(clip: Path, server: ModelServer | str, *more: object) -> list[object]:
    url = server if isinstance(server, str) else server.url
    return ["watch", clip, "--speed", "max", "--model", "joyvl", "--model-url", url, *more]


def test_it_watches_with_the_models_own_words(joyvl: Joyvl, clip: Path, server: ModelServer, tmp_path: Path):
    (tmp_path / "mine.txt").write_text("Be brief.")
    server.script = lambda seen: "</response> A red thing moves." if second_of(seen) == 2 else "</silence>"
    code, out, err = joyvl(*watched(clip, server, "--prompts", "mine.txt", "-i", "Tell me what moves"))
    assert (code, "Traceback" in err) == (0, False)
    assert "A red thing moves." in out
    assert server.seen[0].messages[0]["content"] == "Be brief."


@pytest.mark.parametrize(
    ("url", "more", "told", "remedy"),
    [
        ("http://127.0.0.1:9/v1", (), "127.0.0.1:9 does not answer", "JOYVL_MODEL_URL"),
        ("nonsense", (), "address", "http://127.0.0.1:8000/v1"),
        ("", ("--model-name", "another"), "serves no model 'another'", "scripted-vl"),
        ("", ("--prompts", "nowhere"), "cannot be used", "system"),
        ("/nowhere", (), "no OpenAI-compatible API", "joyvl model check"),
    ],
)
def test_what_is_wrong_from_the_start_ends_in_a_line(
    joyvl: Joyvl, clip: Path, server: ModelServer, url: str, more: tuple[str, ...], told: str, remedy: str
):
    url = url if url and url[0] != "/" else server.url + url
    code, out, err = joyvl(*watched(clip, url, *more))
    assert code == 2
    assert out == ""
    assert told in err
    assert remedy in err
    assert len(err.strip().splitlines()) == 2


@pytest.mark.parametrize("fault", [html_page(), failing(), Fault(200, '{"data": [{}]}')])
def test_a_server_that_is_none_ends_in_a_line(joyvl: Joyvl, clip: Path, server: ModelServer, fault: Fault):
    server.fault = fault
    code, out, err = joyvl(*watched(clip, server))
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 2


@pytest.mark.parametrize("key", ["wrong-key-of-mine", ""])
def test_a_wrong_key_ends_in_a_line_and_is_not_shown(
    joyvl: Joyvl, clip: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch, key: str
):
    monkeypatch.setenv("JOYVL_MODEL_KEY", key)
    code, _, err = joyvl(*watched(clip, server))
    assert code == 2
    assert "refuses the key (401)" in err
    assert "OPENAI_API_KEY" in err
    assert "of-mine" not in err


def test_a_context_without_room_ends_in_a_line(joyvl: Joyvl, clip: Path):
    with ModelServer(max_model_len=700) as server:
        code, _, err = joyvl(*watched(clip, server))
    assert code == 2
    assert "no room for a turn" in err
    assert "JOYVL_CONTEXT" in err


def test_a_server_that_dies_later_does_not_end_the_stay(joyvl: Joyvl, clip: Path, server: ModelServer):
    def script(seen: Seen) -> str | Reply:
        if second_of(seen) == 2:
            server.fault = failing()
            return Reply("</response> I see", cut_after=1)
        return "</silence>"

    server.script = script
    code, out, err = joyvl(*watched(clip, server, "--jsonl", "-"))
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, "Traceback" in err) == (0, False)
    assert max(event["t"] for event in events if event["kind"] == "tick") > 4.5
    assert [
        event["state"] for event in events if event["kind"] == "status" and event["state"].startswith("model.")
    ] == ["model.failing"]


@pytest.mark.parametrize("command", [("join", "standup", "--token", "t"), ("call", "--port", "0")])
def test_nobody_joins_or_waits_for_calls_with_a_model_that_is_not_there(joyvl: Joyvl, command: tuple[str, ...]):
    code, out, err = joyvl(
        *command, "--voice", "none", "--model", "prompted", "--model-url", "http://127.0.0.1:9/v1", "--model-name", "x"
    )
    assert (code, out) == (2, "")
    assert "127.0.0.1:9 does not answer" in err
