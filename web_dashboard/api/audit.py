"""Who changed what, when and from where."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.audit import AuditView

router = APIRouter(prefix="/audit", tags=["audit"])
Filter = Annotated[str, Query(max_length=200)]


@router.get("", dependencies=[needs(Permission.AUDIT_READ)])
async def list_audit(
    actor: CurrentActor,
    services: CurrentServices,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    action: Filter = "",
    who: Filter = "",
    target: Filter = "",
) -> list[AuditView]:
    """The newest entries first; `before` is the last id of the page before."""
    return await services.audit.list(actor, limit=limit, before=before, action=action, who=who, target=target)
