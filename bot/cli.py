"""`joyvl`: runs the command line, and turns what goes wrong into one line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

EXIT_FAILED = 1
EXIT_NOT_STARTED = 2
EXIT_INTERRUPTED = 130

_interrupted = threading.Event()
_ISSUES = "Run it again with --debug and report what it shows."


def main() -> None:
    """Runs the command line; a person sees one line for an error, a stack trace only with `--debug`."""
    _survive_any_text()
    try:
        sys.exit(_run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _run(arguments: list[str]) -> int:
    # Loading takes a second, and an interrupted import can raise anything: until a command runs there is
    # nothing that would need an orderly end.
    signal.signal(signal.SIGINT, _quit)
    from bot.app import make_app
    from joyvl_core.errors import JoyVLError, StayFailedError

    try:
        app = make_app(arguments)
        signal.signal(signal.SIGINT, _interrupt)
        app()
    except JoyVLError as error:
        if "--debug" in arguments:
            raise
        _say(str(error), error.hint)
        return EXIT_FAILED if isinstance(error, StayFailedError) else EXIT_NOT_STARTED
    except Exception as error:  # whatever it is, a person is not shown a stack trace unasked
        if _interrupted.is_set():
            return EXIT_INTERRUPTED
        if "--debug" in arguments:
            raise
        _say(f"{type(error).__name__}: {error}", _ISSUES)
        return EXIT_FAILED
    return 0


def _say(message: str, hint: str) -> None:
    from rich.console import Console
    from rich.text import Text

    errors = Console(stderr=True, highlight=False)
    # Text, not markup: file names and servers' answers may hold square brackets.
    errors.print(Text.assemble(("error", "bold red"), f" {message}"), soft_wrap=True)
    if hint:
        errors.print(Text(f"→ {hint}", "dim"), soft_wrap=True)


def _survive_any_text() -> None:
    """A terminal that cannot show a character gets a question mark; the program goes on."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")


def _quit(number: int, frame: FrameType | None) -> None:
    os._exit(EXIT_INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupts at once; with Python's own handler asyncio would wait for the next await, behind a loading model."""
    _interrupted.set()
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
