"""Uploaded videos."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class UploadView(BaseModel):
    """An uploaded video. `size` in bytes, `seconds` its length where it tells, `created` in unix seconds."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str = Field(examples=["street.mp4"])
    size: int
    seconds: float | None
    created: float
    created_by: str
