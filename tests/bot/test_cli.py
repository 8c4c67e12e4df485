import asyncio
import os
import signal
import sys
import threading
import time

import pytest

from bot import app, cli
from bot.brief import Say
from bot.commands.watch import parse_say
from joyvl_core.errors import BadInputError, StayFailedError


@pytest.fixture
def joyvl(monkeypatch, capsys):
    """Runs the command line in this process: exit code, stdout, stderr."""
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(cli, "_interrupted", threading.Event())

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["joyvl", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        return ended.value.code or 0, written.out, written.err

    yield run
    signal.signal(signal.SIGINT, before)


class Entry:
    """A command that another layer could bring."""

    loaded: list[str]

    def __init__(self, name, does):
        self.name, self._does = name, does

    def load(self):
        Entry.loaded.append(self.name)

        def command(debug: bool = False) -> None:
            """Does it."""
            if self._does is not None:
                raise self._does

        return command


@pytest.fixture
def does(monkeypatch):
    """Puts commands in the place of the real ones: each raises what it is given."""

    def install(**commands):
        Entry.loaded = []
        entries = [Entry(name, what) for name, what in commands.items()]
        monkeypatch.setattr(app, "entry_points", lambda group: entries)

    return install


@pytest.mark.parametrize("command", ["call", "demo", "doctor", "join", "watch"])
def test_every_command_explains_itself_with_an_example(joyvl, command):
    code, out, err = joyvl(command, "--help")
    assert (code, err) == (0, "")
    assert f"joyvl {command}" in out


def test_the_list_of_commands_and_the_version(joyvl):
    code, out, _ = joyvl("--help")
    assert code == 0
    assert all(command in out for command in ("call", "demo", "doctor", "join", "watch"))
    code, out, _ = joyvl("--version")
    assert code == 0
    assert out.startswith("joyvl ")


@pytest.mark.parametrize(
    "arguments", [["dance"], ["watch"], ["watch", "x", "--speed", "warp"], ["join"], ["--nonsense"]]
)
def test_what_is_typed_wrong_ends_with_code_2(joyvl, arguments):
    code, _, err = joyvl(*arguments)
    assert code == 2
    assert "Traceback" not in err


def test_only_the_command_that_was_typed_is_loaded(joyvl, does):
    does(one=None, two=None)
    assert joyvl("two")[0] == 0
    assert Entry.loaded == ["two"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BadInputError("No [/such] file [x].", source="x", kind="y", hint="Check [it]."), 2),
        (StayFailedError("The stay failed: [lost].", source="x", kind="y"), 1),
        (RuntimeError("[/bug]"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_are_one_line_and_a_code(joyvl, does, error, expected):
    does(go=error)
    code, out, err = joyvl("go")
    assert (code, out) == (expected, "")
    assert "Traceback" not in err
    if str(error):
        assert err.splitlines()[0].endswith(f" {error}")


def test_ctrl_c_does_not_wait_for_something_that_loads(joyvl, monkeypatch):
    class Loading(Entry):
        def load(self):
            async def load():
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(10)  # noqa: ASYNC251 - a model that loads blocks like this

            return lambda: asyncio.run(load())

    monkeypatch.setattr(app, "entry_points", lambda group: [Loading("go", None)])
    started = time.monotonic()
    assert joyvl("go")[0] == 130
    assert time.monotonic() - started < 2


def test_an_interrupted_import_is_an_interrupt_whatever_it_raises(joyvl, does):
    does(go=ImportError("numpy: cannot be loaded"))
    cli._interrupted.set()
    assert joyvl("go") == (130, "", "")


def test_debug_shows_the_stack(joyvl, does, monkeypatch):
    does(go=RuntimeError("bug"))
    monkeypatch.setattr(sys, "argv", ["joyvl", "go", "--debug"])
    with pytest.raises(RuntimeError):
        cli.main()


@pytest.mark.parametrize(
    ("text", "say"),
    [
        ("20:how many so far?", Say(20, "how many so far?")),
        (" 1.5 : 数到几了? ", Say(1.5, "数到几了? ")),
        ("3:at 4:30", Say(3, "at 4:30")),
    ],
)
def test_a_chat_line_with_its_time(text, say):
    assert parse_say(text) == say


@pytest.mark.parametrize("text", ["", "hello", "20", "20:", "-1:x", "x:y", "nan:x"])
def test_what_is_no_chat_line_with_a_time_is_refused(text):
    with pytest.raises(BadInputError):
        parse_say(text)
