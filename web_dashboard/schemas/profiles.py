"""A bot profile: who the bot is, what it is to do, and with which model, voice and delegate."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
InstructionText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]


class ProfileBody(BaseModel):
    """What a profile holds.

    Attributes:
        instructions: What a session is sent in with.
        settings: Values of `bot.settings.Settings`, by field name: those of `services.profiles.EDITABLE` alone.
        credentials: Id of the credential for each part that needs one: model, summary, delegate, livekit, voice.
        alerts: Every spoken line is an alert; else only those of instructions that ask to be alerted.
        seconds: Ends a session so many seconds after it joined.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    instructions: tuple[InstructionText, ...] = Field((), max_length=32)
    settings: dict[str, Any] = Field(default_factory=dict, max_length=100)
    credentials: dict[str, int] = Field(default_factory=dict, max_length=10)
    alerts: bool = False
    seconds: float | None = Field(None, gt=0, le=604_800)
