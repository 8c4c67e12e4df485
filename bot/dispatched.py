"""A participant that was dispatched to a room without a control plane: as with `joyvl join`, in a worker's job."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace

from bot.assembly import engine_settings, make_delegate, make_vad, make_voice, ready_model
from bot.brief import Brief, Persona
from bot.keeping import beginning
from bot.link.worker_messages import JobMetadata
from bot.participant import Participant
from bot.rooms.livekit import LiveKitOptions, LiveKitRoom
from bot.settings import Settings, load_settings
from bot.stay import check_end


async def take_part(metadata: JobMetadata, room_name: str, leaving: asyncio.Event) -> None:
    """Joins the room, and stays until it is over or `leaving` is set. Settings: this machine's, then the dispatch's.

    Raises:
        JoyVLError: A part that the settings name is missing, or the stay failed.
    """
    settings = load_settings(**metadata.overrides)
    room = LiveKitRoom(_options(settings, room_name, metadata.session))
    async with AsyncExitStack() as stack:
        voice = make_voice(settings)
        if voice is not None:
            await stack.enter_async_context(aclosing(voice))
        model = await stack.enter_async_context(ready_model(settings, wall_time=True))
        keep = settings.keep or bool(metadata.session)
        begun = await stack.enter_async_context(
            beginning(settings, room.name, jsonl=None, keep=keep, session=metadata.session or None)
        )
        participant = Participant(
            room,
            model,
            begun.clock,
            begun.out.log,
            voice=voice,
            make_vad=make_vad(settings),
            delegate=make_delegate(settings),
            brief=Brief(
                persona=Persona(settings.name, settings.language),
                instructions=metadata.instructions,
                engine=engine_settings(settings),
            ),
            kept=begun.kept,
        )
        leaver = asyncio.create_task(_leave_when(leaving, room), name="leaver")
        try:
            ended = await participant.run()
        finally:
            leaver.cancel()
            await asyncio.gather(leaver, return_exceptions=True)
    check_end(ended)


async def _leave_when(leaving: asyncio.Event, room: LiveKitRoom) -> None:
    await leaving.wait()
    await room.leave()


def _options(settings: Settings, room: str, session: str) -> LiveKitOptions:
    options = LiveKitOptions(
        url=settings.livekit_url,
        room=room,
        api_key=settings.livekit_api_key,
        api_secret=settings.livekit_api_secret,
        name=settings.name,
        alone_after=settings.alone_after,
    )
    return replace(options, identity=f"joyvl-{session}") if session else options
