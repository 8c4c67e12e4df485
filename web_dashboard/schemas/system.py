"""What works here, and where sessions run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FindingView(BaseModel):
    """What was found of one part. `verdict`: ok, partly or missing; `needed`: nothing works without it."""

    model_config = ConfigDict(frozen=True)

    part: str = Field(examples=["Video"])
    verdict: str = Field(examples=["ok"])
    detail: str
    fix: str = ""
    needed: bool = False


class Findings(BaseModel):
    """All findings. `wall`: unix seconds of when this machine was looked at."""

    model_config = ConfigDict(frozen=True)

    wall: float
    version: str
    findings: tuple[FindingView, ...]


class WorkerView(BaseModel):
    """Where sessions run: this machine, or a worker of the pool."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(examples=["this machine"])
    kind: str = Field(examples=["processes"])
    state: str = Field(examples=["ready"])
    sessions: int
    slots: int | None = None
    detail: str = ""
