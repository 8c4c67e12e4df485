"""The system over HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.system import Findings, MachineView

router = APIRouter(prefix="/system", tags=["system"], dependencies=[needs(Permission.SYSTEM_READ)])


@router.get("/findings")
async def list_findings(actor: CurrentActor, services: CurrentServices) -> Findings:
    """What works here and what is missing, each with its fix."""
    return await services.system.findings(actor)


@router.get("/machine")
async def list_machines(actor: CurrentActor, services: CurrentServices) -> tuple[MachineView, ...]:
    """How many sessions run on this machine; nothing where they run on workers."""
    return await services.system.workers(actor)
