"""Saved places over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.destinations import DestinationIn, DestinationView
from web_dashboard.schemas.sessions import SessionView

router = APIRouter(prefix="/destinations", tags=["destinations"])
_READ, _WRITE = [needs(Permission.DESTINATIONS_READ)], [needs(Permission.DESTINATIONS_WRITE)]
DestinationId = Annotated[int, Path(ge=1, le=2**53)]


@router.get("", dependencies=_READ)
async def list_destinations(actor: CurrentActor, services: CurrentServices) -> list[DestinationView]:
    """All saved places by name."""
    return await services.destinations.list(actor)


@router.post("", dependencies=_WRITE, status_code=201)
async def create_destination(given: DestinationIn, actor: CurrentActor, services: CurrentServices) -> DestinationView:
    """Saves a place."""
    return await services.destinations.create(actor, given)


@router.get("/{destination}", dependencies=_READ)
async def get_destination(
    destination: DestinationId, actor: CurrentActor, services: CurrentServices
) -> DestinationView:
    """One saved place."""
    return await services.destinations.get(actor, destination)


@router.put("/{destination}", dependencies=_WRITE)
async def update_destination(
    destination: DestinationId, change: DestinationIn, actor: CurrentActor, services: CurrentServices
) -> DestinationView:
    """Changes a saved place."""
    return await services.destinations.update(actor, destination, change)


@router.delete("/{destination}", dependencies=_WRITE, status_code=204)
async def delete_destination(destination: DestinationId, actor: CurrentActor, services: CurrentServices) -> None:
    """Deletes a saved place."""
    await services.destinations.delete(actor, destination)


@router.post(
    "/{destination}/start",
    dependencies=[needs(Permission.SESSIONS_RUN), needs(Permission.DESTINATIONS_READ)],
    status_code=201,
)
async def start_at_destination(
    destination: DestinationId, actor: CurrentActor, services: CurrentServices
) -> SessionView:
    """Sends the bot there."""
    return await services.destinations.start(actor, destination)
