"""The command line's commands: every layer brings its own through an entry point."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points, version

import typer


def _version(show: bool) -> None:
    if show:
        typer.echo(f"joyvl {version('joyvl')}")
        raise typer.Exit


def make_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """The command line.

    Args:
        arguments: What was typed. Where it begins with a command's name only that one is loaded, which
            halves the time to start; otherwise every installed layer's commands are there.
    """
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

    known = {entry.name: entry for entry in entry_points(group="joyvl.commands")}
    wanted = [name for name in arguments[:1] if name in known]
    for name in wanted or sorted(known):
        command = known[name].load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app
