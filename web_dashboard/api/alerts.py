"""Alerts over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.alerts import AlertKind, AlertView, Severity

router = APIRouter(prefix="/alerts", tags=["alerts"])
SessionName = Annotated[str | None, Query(max_length=64)]


@router.get("", dependencies=[needs(Permission.ALERTS_READ)])
async def list_alerts(
    actor: CurrentActor,
    services: CurrentServices,
    session: SessionName = None,
    kind: AlertKind | None = None,
    severity: Severity | None = None,
    acknowledged: bool | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> list[AlertView]:
    """Alerts, newest first."""
    return await services.alerts.list(
        actor,
        session=session,
        kind=kind,
        severity=severity,
        acknowledged=acknowledged,
        limit=limit,
        before=before,
    )


@router.post("/acknowledge", dependencies=[needs(Permission.ALERTS_WRITE)])
async def acknowledge_alerts(
    actor: CurrentActor, services: CurrentServices, session: SessionName = None
) -> dict[str, int]:
    """Marks all as seen, or those of a session."""
    return {"acknowledged": await services.alerts.acknowledge_all(actor, session=session)}


@router.post("/{alert}/acknowledge", dependencies=[needs(Permission.ALERTS_WRITE)])
async def acknowledge_alert(
    alert: Annotated[int, Path(ge=1, le=2**53)], actor: CurrentActor, services: CurrentServices
) -> AlertView:
    """Marks an alert as seen."""
    return await services.alerts.acknowledge(actor, alert)
