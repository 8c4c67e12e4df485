"""What a person thinks of a decision."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Verdict = Literal["right", "wrong", "late", "missing"]
Correction = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]


class MarkIn(BaseModel):
    """A judgement of a tick, or of a second at which something is missing.

    Attributes:
        n: Number of the tick in its epoch; none where something is missing.
        t: Session second at which something is missing.
        correction: What it should have said.
        consent: The person consents to its use as data.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"epoch": 1, "n": 14, "verdict": "wrong", "correction": "3", "consent": True}]},
    )

    epoch: int = Field(1, ge=1, le=2**31 - 1)
    n: int | None = Field(None, ge=0, le=2**53)
    t: float | None = Field(None, ge=0, le=1e9)
    verdict: Verdict
    correction: Correction = ""
    consent: bool = False

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if self.verdict == "missing" and (self.t is None or self.n is not None):
            raise ValueError("what is missing is missing at a second: give t, and no n")
        if self.verdict != "missing" and self.n is None:
            raise ValueError("give n, the number of the tick")
        return self


class MarkView(BaseModel):
    """A judgement that was made. `mine`: by who is asking."""

    model_config = ConfigDict(frozen=True)

    id: int
    epoch: int
    n: int | None
    t: float
    verdict: Verdict
    correction: str
    consent: bool
    by: str
    wall: float
    mine: bool = False
