"""People and their roles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.people import UserChange, UserIn, UserView

router = APIRouter(prefix="/users", tags=["users"])
_READ, _WRITE = [needs(Permission.USERS_READ)], [needs(Permission.USERS_WRITE)]
UserId = Annotated[int, Path(ge=1, le=2**53)]


@router.get("", dependencies=_READ)
async def list_users(actor: CurrentActor, services: CurrentServices) -> list[UserView]:
    """Everybody, by name."""
    return await services.users.list(actor)


@router.post("", status_code=201, dependencies=_WRITE)
async def create_user(body: UserIn, actor: CurrentActor, services: CurrentServices) -> UserView:
    """Makes a person."""
    return await services.users.create(actor, body)


@router.get("/{user}", dependencies=_READ)
async def get_user(user: UserId, actor: CurrentActor, services: CurrentServices) -> UserView:
    """One person."""
    return await services.users.get(actor, user)


@router.patch("/{user}", dependencies=_WRITE)
async def change_user(user: UserId, change: UserChange, actor: CurrentActor, services: CurrentServices) -> UserView:
    """Changes role, password, or whether they may sign in; their sign-ins end."""
    return await services.users.change(actor, user, change)


@router.delete("/{user}", status_code=204, dependencies=_WRITE)
async def delete_user(user: UserId, actor: CurrentActor, services: CurrentServices) -> None:
    """Removes a person with their sign-ins and keys."""
    await services.users.delete(actor, user)
