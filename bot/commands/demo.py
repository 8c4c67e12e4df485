"""`joyvl demo`: the whole thing on this machine, with a scene to watch where there is no webcam."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.commands.call import Serving, serve_calls
from bot.settings import load_settings

INSTRUCTIONS = {
    "en": ("Count everything that passes by", "Read out new text"),
    "zh": ("数一数经过的东西", "有新字出现就念给我听"),
}


def demo(
    instruct: Annotated[
        list[str] | None, typer.Option("--instruct", "-i", help="A standing instruction instead of the demo's own.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 8765,
    language: Annotated[str | None, typer.Option(help="en or zh.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in this machine's browser.")] = True,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> None:
    """Shows the whole thing on this machine: the embedded model, the call page, and a scene to watch.

    Open the printed address. The page plays a built-in scene; your camera or your screen is one click away.

    Examples:

    - `joyvl demo`
    - `joyvl demo --instruct "Tell me when a dog shows up" --port 9000`
    """
    settings = load_settings(language=language)
    instructions = tuple(instruct or INSTRUCTIONS[settings.language])
    where = Serving(port=port, path="/?demo=1", open_browser=browser, keep=settings.keep or settings.record)
    serve_calls(settings, instructions, where)
