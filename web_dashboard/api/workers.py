"""The workers of the pool."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.workers import WorkerView
from web_dashboard.services.context import Services
from web_dashboard.services.workers import Workers

router = APIRouter(prefix="/workers", tags=["workers"])


def _workers(services: Services) -> Workers:
    return Workers(services.context, services.audit, services.fleet)


@router.get("", dependencies=[needs(Permission.SYSTEM_READ)])
async def list_workers(actor: CurrentActor, services: CurrentServices) -> list[WorkerView]:
    """The workers that live; none where sessions run as processes of the server's machine."""
    return await _workers(services).list(actor)


@router.post("/{worker}/drain", dependencies=[needs(Permission.SYSTEM_WRITE)])
async def drain_worker(
    worker: Annotated[str, Path(max_length=80)], actor: CurrentActor, services: CurrentServices
) -> WorkerView:
    """Has a worker accept nothing more: its sessions move elsewhere one by one, then it ends."""
    return await _workers(services).drain(actor, worker)
