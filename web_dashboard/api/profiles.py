"""Profiles over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.profiles import FieldView, ProfileChange, ProfileFile, ProfileIn, ProfileView

router = APIRouter(prefix="/profiles", tags=["profiles"])
_READ, _WRITE = [needs(Permission.PROFILES_READ)], [needs(Permission.PROFILES_WRITE)]
ProfileId = Annotated[int, Path(ge=1, le=2**53)]


@router.get("", dependencies=_READ)
async def list_profiles(actor: CurrentActor, services: CurrentServices) -> list[ProfileView]:
    """All profiles by name."""
    return await services.profiles.list(actor)


@router.post("", dependencies=_WRITE, status_code=201)
async def create_profile(given: ProfileIn, actor: CurrentActor, services: CurrentServices) -> ProfileView:
    """Makes a profile."""
    return await services.profiles.create(actor, given)


@router.get("/fields", dependencies=_READ)
async def list_profile_fields(actor: CurrentActor, services: CurrentServices) -> tuple[FieldView, ...]:
    """What a profile may set, with bounds and choices."""
    return services.profiles.fields(actor)


@router.post("/import", dependencies=_WRITE, status_code=201)
async def import_profile(file: ProfileFile, actor: CurrentActor, services: CurrentServices) -> ProfileView:
    """Makes a profile of a file that another installation exported."""
    return await services.profiles.bring_in(actor, file)


@router.get("/{profile}", dependencies=_READ)
async def get_profile(profile: ProfileId, actor: CurrentActor, services: CurrentServices) -> ProfileView:
    """One profile."""
    return await services.profiles.get(actor, profile)


@router.put("/{profile}", dependencies=_WRITE)
async def update_profile(
    profile: ProfileId, change: ProfileChange, actor: CurrentActor, services: CurrentServices
) -> ProfileView:
    """Changes a profile; refused where somebody else changed it meanwhile."""
    return await services.profiles.update(actor, profile, change)


@router.delete("/{profile}", dependencies=_WRITE, status_code=204)
async def delete_profile(profile: ProfileId, actor: CurrentActor, services: CurrentServices) -> None:
    """Deletes a profile."""
    await services.profiles.delete(actor, profile)


@router.post("/{profile}/duplicate", dependencies=[*_WRITE, *_READ], status_code=201)
async def duplicate_profile(profile: ProfileId, actor: CurrentActor, services: CurrentServices) -> ProfileView:
    """Makes another profile like this one."""
    return await services.profiles.duplicate(actor, profile)


@router.get("/{profile}/export", dependencies=_READ)
async def export_profile(profile: ProfileId, actor: CurrentActor, services: CurrentServices) -> ProfileFile:
    """A profile as a file, without credentials."""
    return await services.profiles.export(actor, profile)
