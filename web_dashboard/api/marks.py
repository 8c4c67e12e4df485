"""Judgements of decisions over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.marks import MarkIn, MarkView

router = APIRouter(prefix="/sessions/{session}/marks", tags=["marks"])

SessionId = Annotated[str, Path(max_length=64, examples=["bado-kimu"])]
Number = Annotated[int, Path(ge=0, le=2**62)]


@router.get("", dependencies=[needs(Permission.SESSIONS_READ)])
async def list_marks(
    session: SessionId,
    actor: CurrentActor,
    services: CurrentServices,
    limit: Annotated[int, Query(ge=1, le=500)] = 500,
    after: Annotated[int, Query(ge=0, le=2**62, description="Those with a higher id.")] = 0,
) -> list[MarkView]:
    """What people thought of its decisions."""
    return await services.marks.list(actor, session, limit, after=after)


@router.post("", status_code=201, dependencies=[needs(Permission.SESSIONS_RUN)])
async def mark(session: SessionId, given: MarkIn, actor: CurrentActor, services: CurrentServices) -> MarkView:
    """Judges a decision; your earlier mark of the same is replaced."""
    return await services.marks.mark(actor, session, given)


@router.delete("/{mark}", status_code=204, dependencies=[needs(Permission.SESSIONS_RUN)])
async def remove(session: SessionId, mark: Number, actor: CurrentActor, services: CurrentServices) -> None:
    """Takes a judgement back."""
    await services.marks.remove(actor, session, mark)
