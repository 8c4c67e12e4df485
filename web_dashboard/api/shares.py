"""Share links over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.shares import ShareIn, ShareMade, ShareView

router = APIRouter(prefix="/shares", tags=["shares"])
_WRITE = [needs(Permission.SHARES_WRITE)]
ShareId = Annotated[int, Path(ge=1, le=2**53)]


@router.get("", dependencies=_WRITE)
async def list_shares(
    actor: CurrentActor,
    services: CurrentServices,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> list[ShareView]:
    """All share links, the newest first. `before`: only those with a smaller id."""
    return await services.shares.list(actor, limit=limit, before=before)


@router.post("", dependencies=_WRITE, status_code=201)
async def create_share(given: ShareIn, actor: CurrentActor, services: CurrentServices) -> ShareMade:
    """Makes a share link. The answer holds the link; it is never shown again."""
    return await services.shares.create(actor, given)


@router.delete("/{share}", dependencies=_WRITE, status_code=204)
async def revoke_share(share: ShareId, actor: CurrentActor, services: CurrentServices) -> None:
    """Takes a share link back for good."""
    await services.shares.revoke(actor, share)
