"""Credentials over HTTP: secrets go in and never come out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.credentials import CredentialChange, CredentialIn, CredentialView, KindView, Tested

router = APIRouter(prefix="/credentials", tags=["credentials"])
_READ, _WRITE = [needs(Permission.CREDENTIALS_READ)], [needs(Permission.CREDENTIALS_WRITE)]
CredentialId = Annotated[int, Path(ge=1, le=2**53)]


@router.get("", dependencies=_READ)
async def list_credentials(actor: CurrentActor, services: CurrentServices) -> list[CredentialView]:
    """All credentials by name."""
    return await services.credentials.list(actor)


@router.post("", dependencies=_WRITE, status_code=201)
async def create_credential(given: CredentialIn, actor: CurrentActor, services: CurrentServices) -> CredentialView:
    """Keeps a new credential."""
    return await services.credentials.create(actor, given)


@router.get("/kinds", dependencies=_READ)
async def list_credential_kinds(actor: CurrentActor, services: CurrentServices) -> tuple[KindView, ...]:
    """The kinds of credentials, with their fields."""
    return services.credentials.kinds(actor)


@router.get("/{credential}", dependencies=_READ)
async def get_credential(credential: CredentialId, actor: CurrentActor, services: CurrentServices) -> CredentialView:
    """One credential."""
    return await services.credentials.get(actor, credential)


@router.put("/{credential}", dependencies=_WRITE)
async def update_credential(
    credential: CredentialId, change: CredentialChange, actor: CurrentActor, services: CurrentServices
) -> CredentialView:
    """Changes a credential; secrets that are left out stay, unless its address is another."""
    return await services.credentials.update(actor, credential, change)


@router.delete("/{credential}", dependencies=_WRITE, status_code=204)
async def delete_credential(credential: CredentialId, actor: CurrentActor, services: CurrentServices) -> None:
    """Deletes a credential."""
    await services.credentials.delete(actor, credential)


@router.post("/{credential}/test", dependencies=_WRITE)
async def test_credential(credential: CredentialId, actor: CurrentActor, services: CurrentServices) -> Tested:
    """Asks the service whether the credential is right."""
    return await services.credentials.test(actor, credential)
