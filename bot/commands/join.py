"""`joyvl join`: one participant into one LiveKit room, until it ends."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import cv2
import typer

from bot.assembly import engine_settings, make_delegate, make_vad, make_voice, ready_model
from bot.brief import Brief, Persona
from bot.keeping import beginning, is_kept
from bot.participant import Participant
from bot.rooms.livekit import LiveKitOptions, LiveKitRoom
from bot.settings import Settings, load_settings
from bot.stay import check_end, until_interrupted


def join(
    room: Annotated[str, typer.Argument(help="Name of the room.")],
    url: Annotated[str | None, typer.Option(help="The server (LIVEKIT_URL).")] = None,
    api_key: Annotated[str | None, typer.Option(help="Its key (LIVEKIT_API_KEY).")] = None,
    api_secret: Annotated[
        str | None, typer.Option(help="Its secret; better in LIVEKIT_API_SECRET, where no process list shows it.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="A ready token instead of key and secret (LIVEKIT_TOKEN).")] = None,
    identity: Annotated[str | None, typer.Option(help="Identity in the room; made up when not given.")] = None,
    name: Annotated[str | None, typer.Option(help="Name that people see.")] = None,
    instruct: Annotated[
        list[str] | None, typer.Option("--instruct", "-i", help="A standing instruction; may be given again.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The interaction model.")] = None,
    model_url: Annotated[str | None, typer.Option(help="Where it is served, with /v1 (JOYVL_MODEL_URL).")] = None,
    model_name: Annotated[str | None, typer.Option(help="Its name there (JOYVL_MODEL_NAME).")] = None,
    prompts: Annotated[Path | None, typer.Option(help="Your own prompts: a file, or a folder of pieces.")] = None,
    voice: Annotated[str | None, typer.Option(help="The voice, or none.")] = None,
    language: Annotated[str | None, typer.Option(help="en or zh, where a wish names no other.")] = None,
    delegate: Annotated[str | None, typer.Option(help="Who answers hard questions.")] = None,
    jsonl: Annotated[
        str | None, typer.Option(help="Append the log to a file; - for stdout, with nothing else there.")
    ] = None,
    keep: Annotated[bool | None, typer.Option(help="Keep the session: its log and memory (on by default).")] = None,
    session: Annotated[str | None, typer.Option(help="Keep it under this id; an id that exists is taken up.")] = None,
    record: Annotated[bool | None, typer.Option(help="Keep the frames too, for joyvl replay (off by default).")] = None,
    duration: Annotated[float | None, typer.Option(min=0.0, help="Leave after this many seconds.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> None:
    """Joins a LiveKit room as a participant: watches its video, speaks, writes chat, leaves when asked to.

    Examples:

    - `joyvl join standup --instruct "Greet everybody who comes in"`
    - `joyvl join road --url ws://127.0.0.1:7880 --api-key devkey -i "Count the cars that pass"`
    """
    settings = load_settings(
        model=model,
        model_url=model_url,
        model_name=model_name,
        prompts=prompts,
        language=language,
        delegate=delegate,
        voice=voice,
        name=name,
        livekit_url=url,
        livekit_api_key=api_key,
        livekit_api_secret=api_secret,
        livekit_token=token,
        record=record,
    )
    brief = Brief(
        persona=Persona(settings.name, settings.language),
        instructions=tuple(instruct or ()),
        seconds=duration,
        engine=engine_settings(settings),
    )
    cv2.setNumThreads(1)
    kept = is_kept(keep, session, settings.record, default=settings.keep)
    asyncio.run(_join(_options(settings, room, identity), settings, brief, jsonl, keep=kept, session=session))


def _options(settings: Settings, room: str, identity: str | None) -> LiveKitOptions:
    options = LiveKitOptions(
        url=settings.livekit_url,
        room=room,
        token=settings.livekit_token or None,
        api_key=settings.livekit_api_key,
        api_secret=settings.livekit_api_secret,
        name=settings.name,
        alone_after=settings.alone_after,
    )
    return replace(options, identity=identity) if identity else options


async def _join(
    options: LiveKitOptions, settings: Settings, brief: Brief, jsonl: str | None, *, keep: bool, session: str | None
) -> None:
    room = LiveKitRoom(options)
    async with AsyncExitStack() as stack:
        voice = make_voice(settings)
        if voice is not None:
            await stack.enter_async_context(aclosing(voice))
        model = await stack.enter_async_context(ready_model(settings, wall_time=True))
        begun = await stack.enter_async_context(beginning(settings, room.name, jsonl=jsonl, keep=keep, session=session))
        participant = Participant(
            room,
            model,
            begun.clock,
            begun.out.log,
            voice=voice,
            make_vad=make_vad(settings),
            delegate=make_delegate(settings),
            brief=brief,
            kept=begun.kept,
        )
        ended = await until_interrupted(participant.run(), room.leave, begun.out.unread)
    check_end(ended)
