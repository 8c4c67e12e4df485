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


class MachineView(BaseModel):
    """This machine as a place where sessions run. `slots`: how many it takes; `detail`: why it takes no more."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(examples=["this machine"])
    kind: str = Field(examples=["processes"])
    state: str = Field(examples=["ready"])
    sessions: int
    slots: int
    detail: str = ""
