"""Keys by which programs use this API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.people import ApiKeyIn, ApiKeyMade, ApiKeyView

router = APIRouter(prefix="/keys", tags=["keys"])
_RULE = [needs(Permission.KEYS_WRITE)]


@router.get("", dependencies=_RULE)
async def list_keys(actor: CurrentActor, services: CurrentServices, everybody: bool = False) -> list[ApiKeyView]:
    """One's own keys; `everybody`'s takes the right users:read."""
    return await services.api_keys.list(actor, everybody=everybody)


@router.post("", status_code=201, dependencies=[needs(Permission.KEYS_WRITE, in_person=True)])
async def create_key(body: ApiKeyIn, actor: CurrentActor, services: CurrentServices) -> ApiKeyMade:
    """Makes a key. It is shown this once; a key can't make one."""
    return await services.api_keys.create(actor, body)


@router.delete("/{key}", status_code=204, dependencies=_RULE)
async def revoke_key(key: Annotated[int, Path(ge=1, le=2**53)], actor: CurrentActor, services: CurrentServices) -> None:
    """Ends a key."""
    await services.api_keys.revoke(actor, key)
