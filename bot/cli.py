"""`joyvl`: one command line for every layer; each brings its commands through an entry point."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points, version

import typer
from rich.console import Console

from joyvl_core.errors import JoyVLError, StayFailedError

EXIT_FAILED = 1
EXIT_NOT_STARTED = 2
EXIT_INTERRUPTED = 130

_errors = Console(stderr=True, highlight=False)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"joyvl {version('joyvl')}")
        raise typer.Exit


def make_app() -> typer.Typer:
    """The command line with every installed layer's commands."""
    app = typer.Typer(
        help="A presence for video calls and streams: it watches, and every second decides to stay silent, "
        "to speak, or to delegate.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def joyvl(
        show_version: bool = typer.Option(
            False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ) -> None:
        pass

    for entry in sorted(entry_points(group="joyvl.commands"), key=lambda entry: entry.name):
        app.command(entry.name)(entry.load())
    return app


def main() -> None:
    """Runs the command line; a person sees one line for an error, a stack trace only with `--debug`."""
    debug = "--debug" in sys.argv
    try:
        make_app()()
    except JoyVLError as error:
        if debug:
            raise
        _errors.print(f"[bold red]error[/] {error}", soft_wrap=True)
        if error.hint:
            _errors.print(f"[dim]→ {error.hint}[/]", soft_wrap=True)
        sys.exit(EXIT_FAILED if isinstance(error, StayFailedError) else EXIT_NOT_STARTED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
