"""Uploads over HTTP: the body of the request is the file."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.uploads import UploadView

router = APIRouter(prefix="/uploads", tags=["uploads"], dependencies=[needs(Permission.UPLOADS_WRITE)])
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
UploadId = Annotated[int, Path(ge=1, le=2**53)]


@router.get("")
async def list_uploads(actor: CurrentActor, services: CurrentServices) -> list[UploadView]:
    """All uploaded videos, newest first."""
    return await services.uploads.list(actor)


@router.post("", status_code=201, openapi_extra=_BODY)
async def add_upload(
    request: Request,
    actor: CurrentActor,
    services: CurrentServices,
    name: Annotated[str, Query(max_length=500, examples=["street.mp4"])] = "video",
    content_length: Annotated[int | None, Header(ge=0, include_in_schema=False)] = None,
) -> UploadView:
    """Takes a video: the raw bytes are the body. It is read only as far as it is taken."""
    return await services.uploads.add(actor, name, request.stream(), length=content_length)


@router.get("/{upload}")
async def get_upload(upload: UploadId, actor: CurrentActor, services: CurrentServices) -> UploadView:
    """One uploaded video."""
    return await services.uploads.get(actor, upload)


@router.delete("/{upload}", status_code=204)
async def delete_upload(upload: UploadId, actor: CurrentActor, services: CurrentServices) -> None:
    """Deletes a video."""
    await services.uploads.delete(actor, upload)
