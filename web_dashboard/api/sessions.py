"""Sessions over the API: started, watched, told what to do, stopped."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from joyvl_core.errors import UnavailableError
from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Actor, Permission
from web_dashboard.schemas.sessions import (
    Done,
    EraseIn,
    InstructionMade,
    SessionView,
    StartSession,
    StopIn,
    TalkativenessIn,
    TextIn,
)
from web_dashboard.services.context import Services
from web_dashboard.services.once import MAX_KEY
from web_dashboard.services.sessions import MAX_LISTED

router = APIRouter(prefix="/sessions", tags=["sessions"])

Id = Annotated[str, Path(max_length=64, examples=["bado-kimu"])]
Thing = Annotated[str, Path(max_length=64, examples=["i1"])]

_READ = [needs(Permission.SESSIONS_READ)]
_RUN = [needs(Permission.SESSIONS_RUN)]
PING_EVERY = 15.0
"""Seconds without an event after which a line says that the connection stands."""
MAX_FOLLOWERS = 200
_following = asyncio.BoundedSemaphore(MAX_FOLLOWERS)


@router.post("", dependencies=_RUN, status_code=201)
async def start(
    actor: CurrentActor,
    services: CurrentServices,
    given: StartSession,
    idempotency_key: Annotated[str, Header(max_length=MAX_KEY)] = "",
) -> SessionView:
    """Invites the bot into a room, or attaches it to a stream.

    With an `Idempotency-Key` the same request within ten minutes starts nothing twice.
    """
    return await services.sessions.start(actor, given, key=idempotency_key)


@router.get("", dependencies=_READ)
async def list_sessions(
    actor: CurrentActor,
    services: CurrentServices,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 100,
    before: Annotated[str | None, Query(max_length=64, description="Id of the last one of the page before")] = None,
    running: Annotated[bool | None, Query(description="Those under way, or those at rest, alone")] = None,
) -> list[SessionView]:
    """Sessions, the newest first."""
    return await services.sessions.list(actor, limit=limit, before=before, running=running)


@router.get("/{session}", dependencies=_READ)
async def get(actor: CurrentActor, services: CurrentServices, session: Id) -> SessionView:
    """One session."""
    return await services.sessions.get(actor, session)


@router.post("/{session}/stop", dependencies=_RUN)
async def stop(actor: CurrentActor, services: CurrentServices, session: Id, given: StopIn | None = None) -> SessionView:
    """Ends a session, with a word before it goes where one is given."""
    return await services.sessions.stop(actor, session, given.words if given else "")


@router.post("/{session}/reconnect", dependencies=_RUN)
async def reconnect(actor: CurrentActor, services: CurrentServices, session: Id) -> SessionView:
    """Starts a session anew, with its memory and instructions; one that has ended, too."""
    return await services.sessions.reconnect(actor, session)


@router.post("/{session}/mute", dependencies=_RUN)
async def mute(actor: CurrentActor, services: CurrentServices, session: Id) -> Done:
    """It says nothing any more, and goes on watching."""
    await services.sessions.mute(actor, session)
    return Done()


@router.post("/{session}/unmute", dependencies=_RUN)
async def unmute(actor: CurrentActor, services: CurrentServices, session: Id) -> Done:
    """It speaks again."""
    await services.sessions.unmute(actor, session)
    return Done()


@router.post("/{session}/pause", dependencies=_RUN)
async def pause(actor: CurrentActor, services: CurrentServices, session: Id) -> Done:
    """It stays where it is, and looks at nothing."""
    await services.sessions.pause(actor, session)
    return Done()


@router.post("/{session}/resume", dependencies=_RUN)
async def resume(actor: CurrentActor, services: CurrentServices, session: Id) -> Done:
    """It looks again."""
    await services.sessions.resume(actor, session)
    return Done()


@router.post("/{session}/ask", dependencies=_RUN)
async def ask(actor: CurrentActor, services: CurrentServices, session: Id, given: TextIn) -> Done:
    """Asks it something, as if it was written in the room's chat."""
    await services.sessions.ask(actor, session, given.text)
    return Done()


@router.post("/{session}/say", dependencies=_RUN)
async def say(actor: CurrentActor, services: CurrentServices, session: Id, given: TextIn) -> Done:
    """Has it say something now."""
    await services.sessions.say(actor, session, given.text)
    return Done()


@router.put("/{session}/talkativeness", dependencies=_RUN)
async def talkativeness(actor: CurrentActor, services: CurrentServices, session: Id, given: TalkativenessIn) -> Done:
    """Turns the dial."""
    await services.sessions.talkativeness(actor, session, given.value)
    return Done()


@router.post("/{session}/instructions", dependencies=_RUN, status_code=201)
async def instruct(actor: CurrentActor, services: CurrentServices, session: Id, given: TextIn) -> InstructionMade:
    """Gives a standing instruction. It is committed when this answers."""
    return InstructionMade(id=await services.sessions.instruct(actor, session, given.text))


@router.put("/{session}/instructions/{instruction}", dependencies=_RUN)
async def change(
    actor: CurrentActor, services: CurrentServices, session: Id, instruction: Thing, given: TextIn
) -> Done:
    """Changes a standing instruction."""
    await services.sessions.change(actor, session, instruction, given.text)
    return Done()


@router.delete("/{session}/instructions/{instruction}", dependencies=_RUN)
async def cancel(actor: CurrentActor, services: CurrentServices, session: Id, instruction: Thing) -> Done:
    """Cancels a standing instruction."""
    await services.sessions.cancel(actor, session, instruction)
    return Done()


@router.delete("/{session}/tickets/{ticket}", dependencies=_RUN)
async def cancel_ticket(actor: CurrentActor, services: CurrentServices, session: Id, ticket: Thing) -> Done:
    """Cancels a delegation that is under way."""
    await services.sessions.cancel_ticket(actor, session, ticket)
    return Done()


@router.post("/{session}/erase", dependencies=[needs(Permission.SESSIONS_ERASE)])
async def erase(actor: CurrentActor, services: CurrentServices, session: Id, given: EraseIn) -> Done:
    """Erases what happened between two session seconds; everything where neither is given."""
    await services.sessions.erase(actor, session, given.since, given.until)
    return Done()


@router.get(
    "/{session}/picture.jpg",
    dependencies=_READ,
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "The newest picture"},
        204: {"description": "There is none yet: ask again"},
        304: {"description": "It is the one that you have"},
    },
)
async def picture(
    actor: CurrentActor,
    services: CurrentServices,
    request: Request,
    session: Id,
    width: Annotated[int, Query(ge=64, le=1280)] = 320,
    track: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """The newest live picture. Pictures keep coming while somebody asks for them."""
    found = await services.sessions.picture(actor, session, track, width)
    if found is None:
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    tag = f'"{hashlib.sha256(found.jpeg).hexdigest()[:16]}"'
    headers = {"Cache-Control": "no-store", "ETag": tag, "X-Session-Second": f"{found.t:.3f}"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(found.jpeg, media_type="image/jpeg", headers=headers)


@router.get(
    "/{session}/live",
    dependencies=_READ,
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "The lines of its log as they come"}},
)
async def live(actor: CurrentActor, services: CurrentServices, session: Id) -> StreamingResponse:
    """The lines of its log from now on, as server-sent events, until it ends. Who reads slowly misses the oldest."""
    if _following.locked():
        raise UnavailableError(
            "Too many follow sessions at the same time.",
            source="api",
            kind="crowded",
            hint="Try again later.",
            retryable=True,
        )
    with await services.sessions.follow(actor, session):
        pass  # it can be followed: what is told by a status can only be told now
    told = _told(services, actor, session)
    return StreamingResponse(told, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _told(services: Services, actor: Actor, session: str) -> AsyncIterator[str]:
    async with _following, await services.sessions.follow(actor, session) as lines:
        yield ": here\n\n"
        while True:
            try:
                async with asyncio.timeout(PING_EVERY):
                    line = await anext(lines)
            except TimeoutError:
                yield ": here\n\n"
            except StopAsyncIteration:
                yield "event: end\ndata: {}\n\n"
                return
            else:
                yield f"data: {json.dumps(line, ensure_ascii=False, separators=(',', ':'))}\n\n"
