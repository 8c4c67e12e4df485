"""The system over HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.system import Findings, WorkerView

router = APIRouter(prefix="/system", tags=["system"], dependencies=[needs(Permission.SYSTEM_READ)])


@router.get("/findings")
async def list_findings(actor: CurrentActor, services: CurrentServices) -> Findings:
    """What works here and what is missing, each with its fix."""
    return await services.system.findings(actor)


@router.get("/workers")
async def list_workers(actor: CurrentActor, services: CurrentServices) -> tuple[WorkerView, ...]:
    """Where sessions run."""
    return await services.system.workers(actor)
