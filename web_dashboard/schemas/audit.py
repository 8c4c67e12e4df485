"""Entries of the audit log."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class AuditView(BaseModel):
    """One change. `wall`: unix seconds; `detail` depends on the action and holds no secret."""

    model_config = ConfigDict(frozen=True)

    id: int
    wall: float = Field(examples=[1764000000.0])
    actor: str = Field(examples=["mira"])
    action: str = Field(examples=["profile.changed"])
    target: str = Field(examples=["3"])
    detail: dict[str, Any] = Field(examples=[{"version": 4}])
    address: str = Field(examples=["203.0.113.7"])
