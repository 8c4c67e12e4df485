"""`joyvl watch`: a file, a camera or a stream; prints what the bot decides."""

from __future__ import annotations

import asyncio
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import cv2
import typer

from bot.assembly import engine_settings, make_delegate, ready_model
from bot.brief import Brief, Persona, Say
from bot.keeping import beginning, is_kept
from bot.participant import Participant
from bot.rooms.livestream import LivestreamOptions, LivestreamRoom
from bot.settings import Settings, load_settings
from bot.stay import check_end, until_interrupted
from joyvl_core.clock import run_virtual
from joyvl_core.errors import BadInputError

_SAY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*:\s*(\S.*)", re.DOTALL)

EXAMPLES = """
Examples:

- `joyvl watch clip.mp4 --instruct "Count the cars that pass"`
- `joyvl watch clip.mp4 --instruct "数一数经过的汽车" --say 20:"how many so far?"`
- `joyvl watch camera:0 --instruct "Say hello when somebody comes in"`
- `joyvl watch rtmp://127.0.0.1/live/stream --instruct "Read out new text" --jsonl log.jsonl`
- `joyvl watch clip.mp4 --speed max --jsonl -`
"""


class Speed(StrEnum):
    """How fast a file is watched."""

    REALTIME = "realtime"
    MAX = "max"


def watch(
    source: Annotated[str, typer.Argument(help="A file, camera:0, or an http(s), rtmp or rtsp URL.")],
    instruct: Annotated[
        list[str] | None, typer.Option("--instruct", "-i", help="A standing instruction; may be given again.")
    ] = None,
    say: Annotated[
        list[str] | None,
        typer.Option(help="T:TEXT puts a viewer's chat line in at stream second T; may be given again."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The interaction model.")] = None,
    model_url: Annotated[str | None, typer.Option(help="Where it is served, with /v1 (JOYVL_MODEL_URL).")] = None,
    model_name: Annotated[str | None, typer.Option(help="Its name there (JOYVL_MODEL_NAME).")] = None,
    prompts: Annotated[Path | None, typer.Option(help="Your own prompts: a file, or a folder of pieces.")] = None,
    language: Annotated[str | None, typer.Option(help="en or zh, where a wish names no other.")] = None,
    delegate: Annotated[str | None, typer.Option(help="Who answers hard questions.")] = None,
    speed: Annotated[Speed, typer.Option(help="max: as fast as it can be decoded, nothing skipped.")] = Speed.REALTIME,
    jsonl: Annotated[
        str | None, typer.Option(help="Append the log to a file; - for stdout, with nothing else there.")
    ] = None,
    keep: Annotated[bool | None, typer.Option(help="Keep the session: its log and memory (off by default).")] = None,
    session: Annotated[str | None, typer.Option(help="Keep it under this id; an id that exists is taken up.")] = None,
    record: Annotated[bool | None, typer.Option(help="Keep the frames too, for joyvl replay (off by default).")] = None,
    duration: Annotated[float | None, typer.Option(min=0.0, help="Stop after this many seconds of stream.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> None:
    """Watches a source and prints what it decides: a dot a second of silence, a line for every act."""
    settings = load_settings(
        model=model,
        model_url=model_url,
        model_name=model_name,
        prompts=prompts,
        language=language,
        delegate=delegate,
        record=record,
    )
    brief = Brief(
        persona=Persona(settings.name, settings.language),
        instructions=tuple(instruct or ()),
        says=tuple(parse_say(line) for line in say or ()),
        chat=False,
        seconds=duration,
        engine=engine_settings(settings),
    )
    options = LivestreamOptions(source=source, realtime=speed is Speed.REALTIME)
    cv2.setNumThreads(1)
    kept = is_kept(keep, session, settings.record, default=False)
    stay = _watch(options, settings, brief, jsonl, keep=kept, session=session)
    if speed is Speed.MAX:
        run_virtual(stay)
    else:
        asyncio.run(stay)


watch.__doc__ = f"{watch.__doc__}\n{EXAMPLES}"


def parse_say(text: str) -> Say:
    """Reads `T:TEXT`.

    Raises:
        BadInputError: It is not of that form.
    """
    found = _SAY.fullmatch(text)
    if not found:
        raise BadInputError(
            f"{text!r} is no chat line with a time.",
            source="cli",
            kind="say",
            hint='Write --say 20:"how many so far?".',
        )
    return Say(float(found[1]), found[2])


async def _watch(
    options: LivestreamOptions, settings: Settings, brief: Brief, jsonl: str | None, *, keep: bool, session: str | None
) -> None:
    room = LivestreamRoom(options)
    async with (
        ready_model(settings, inline=not options.realtime) as model,
        beginning(settings, room.name, jsonl=jsonl, keep=keep, session=session) as begun,
    ):
        participant = Participant(
            room,
            model,
            begun.clock,
            begun.out.log,
            delegate=make_delegate(settings),
            brief=brief,
            kept=begun.kept,
        )
        ended = await until_interrupted(participant.run(), room.leave, begun.out.unread)
    check_end(ended)
