"""The past of sessions over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.history import (
    CellPage,
    Cursor,
    ExportForm,
    FoundView,
    HistoryView,
    InstructionView,
    LinePage,
    MemoryPage,
    PicturePage,
    StatusView,
    TicketView,
    TickPage,
    TokenMinute,
)

router = APIRouter(prefix="/sessions/{session}", tags=["history"])
READ = [needs(Permission.SESSIONS_READ)]

SessionId = Annotated[str, Path(max_length=64, examples=["bado-kimu"])]
Second = Annotated[float | None, Query(ge=0, le=1e9, description="Session second.")]
Limit = Annotated[int, Query(ge=1, le=500)]
Before = Annotated[Cursor | None, Query(description="The newest ones before this place.")]
After = Annotated[Cursor | None, Query(description="The first ones after this place.")]
MEDIA = {
    "jsonl": "application/x-ndjson",
    "marks": "application/x-ndjson",
    "srt": "application/x-subrip; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}


@router.get("/history", dependencies=READ)
async def overview(session: SessionId, actor: CurrentActor, services: CurrentServices) -> HistoryView:
    """What there is of a session."""
    return await services.history.overview(actor, session)


@router.get("/ticks", dependencies=READ)
async def ticks(
    session: SessionId,
    actor: CurrentActor,
    services: CurrentServices,
    since: Second = None,
    until: Second = None,
    limit: Limit = 200,
    before: Before = None,
    after: After = None,
) -> TickPage:
    """Ticks as they are in the log, oldest first; without a cursor the newest."""
    return await services.history.ticks(actor, session, since, until, limit, before=before, after=after)


@router.get("/cells", dependencies=READ, response_model=CellPage, response_model_exclude_defaults=True)
async def cells(
    session: SessionId,
    actor: CurrentActor,
    services: CurrentServices,
    since: Second = None,
    limit: Annotated[int, Query(ge=1, le=2_000)] = 500,
    before: Before = None,
    after: After = None,
) -> Response:
    """Ticks as the timeline draws them; fields with their usual value are left out."""
    page = await services.history.cells(actor, session, since, limit, before=before, after=after)
    # Written once, by pydantic's own serializer: FastAPI would look at each of two thousand cells again.
    return Response(page.model_dump_json(exclude_defaults=True), media_type="application/json")


@router.get("/transcript", dependencies=READ)
async def transcript(
    session: SessionId,
    actor: CurrentActor,
    services: CurrentServices,
    since: Second = None,
    until: Second = None,
    limit: Limit = 200,
    before: Before = None,
    after: After = None,
) -> LinePage:
    """What was said, heard and written, oldest first; without a cursor the newest."""
    return await services.history.transcript(actor, session, since, until, limit, before=before, after=after)


@router.get("/chat", dependencies=READ)
async def chat(
    session: SessionId,
    actor: CurrentActor,
    services: CurrentServices,
    limit: Limit = 200,
    before: Before = None,
    after: After = None,
) -> LinePage:
    """What was written in the chat."""
    return await services.history.chat(actor, session, limit, before=before, after=after)


@router.get("/instructions", dependencies=READ)
async def instructions(session: SessionId, actor: CurrentActor, services: CurrentServices) -> list[InstructionView]:
    """Instructions with their changes, what was understood, and how far they counted."""
    return await services.history.instructions(actor, session)


@router.get("/tickets", dependencies=READ)
async def tickets(session: SessionId, actor: CurrentActor, services: CurrentServices) -> list[TicketView]:
    """Delegations, the newest first."""
    return await services.history.tickets(actor, session)


@router.get("/statuses", dependencies=READ)
async def statuses(
    session: SessionId, actor: CurrentActor, services: CurrentServices, limit: Limit = 200
) -> list[StatusView]:
    """What was told of its parts' states, the newest, in their order."""
    return await services.history.statuses(actor, session, limit)


@router.get("/memory", dependencies=READ)
async def memory(
    session: SessionId,
    actor: CurrentActor,
    services: CurrentServices,
    kind: Annotated[str | None, Query(max_length=40, examples=["summary"])] = None,
    limit: Limit = 100,
    before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> MemoryPage:
    """What it remembers, newest first."""
    return await services.history.memory(actor, session, kind, limit, before=before)


@router.get("/search", dependencies=READ)
async def search(
    session: SessionId,
    actor: CurrentActor,
    services: CurrentServices,
    q: Annotated[str, Query(min_length=1, max_length=500, examples=["the dog an hour ago"])],
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
) -> list[FoundView]:
    """What of it fits a question best: by words, by meaning, by time."""
    return await services.history.search(actor, session, q, limit)


@router.get("/tokens", dependencies=READ)
async def tokens(
    session: SessionId,
    actor: CurrentActor,
    services: CurrentServices,
    minutes: Annotated[int, Query(ge=1, le=360)] = 60,
) -> tuple[TokenMinute, ...]:
    """Picture tokens by minute, dense against codec."""
    return await services.history.tokens(actor, session, minutes)


@router.get("/pictures", dependencies=READ)
async def thumbnails(
    session: SessionId,
    actor: CurrentActor,
    services: CurrentServices,
    since: Annotated[float, Query(ge=0, le=1e9)] = 0.0,
    limit: Limit = 500,
    kind: Annotated[str | None, Query(pattern="^(thumbnail|frame)$")] = None,
) -> PicturePage:
    """Which pictures were kept."""
    return await services.history.thumbnails(actor, session, since, limit, kind)


@router.get("/pictures/{picture}", dependencies=READ, response_class=Response)
async def picture(
    session: SessionId,
    picture: Annotated[int, Path(ge=0, le=2**62)],
    actor: CurrentActor,
    services: CurrentServices,
) -> Response:
    """A kept picture, as JPEG."""
    jpeg = await services.history.picture(actor, session, picture)
    # Only for who is signed in, and not after it was erased: no shared cache, and not for long.
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=300"})


@router.get("/export/{form}", dependencies=READ, response_class=StreamingResponse)
async def export(
    session: SessionId, form: ExportForm, actor: CurrentActor, services: CurrentServices
) -> StreamingResponse:
    """A session as a file: its log, its spoken lines as subtitles, its ticks as a table, or marks as data."""
    pieces = await services.history.export(actor, session, form)
    safe = "".join(sign for sign in session if (sign.isalnum() and sign.isascii()) or sign in "-_")
    name = f"{safe}-marks.jsonl" if form == "marks" else f"{safe}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, media_type=MEDIA[form], headers=headers)
