"""Alerts: what the bot was asked to raise, and sessions in trouble."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["info", "warning", "critical"]
AlertKind = Literal["instruction", "spoken", "session.failed", "session.lost"]


class AlertView(BaseModel):
    """An alert. `t` is the session's second, `wall` and `acknowledged` are unix seconds."""

    model_config = ConfigDict(frozen=True)

    id: int
    session: str
    kind: str = Field(examples=["instruction"])
    severity: str = Field(examples=["warning"])
    text: str = Field(examples=["A person is at the door."])
    wall: float
    t: float
    acknowledged: float | None = None
    acknowledged_by: str | None = None
