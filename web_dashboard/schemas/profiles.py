"""A bot profile: who the bot is, what it is to do, and with which model, voice and delegate."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
InstructionText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]
Id = Annotated[int, Field(ge=1, le=2**53)]
"""What a database and JavaScript both count exactly."""
Part = Literal["model", "summary", "delegate", "livekit", "voice"]
"""What needs a credential."""


class ProfileBody(BaseModel):
    """What a profile holds.

    Attributes:
        instructions: What a session is sent in with.
        settings: Values of `bot.settings.Settings`, by field name: those of `services.profiles.EDITABLE` alone.
        credentials: Id of the credential for each part that needs one: model, summary, delegate, livekit, voice.
        alerts: Every spoken line is an alert; else only those of instructions that ask to be alerted.
        seconds: Ends a session so many seconds after it joined.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "instructions": ["Count the cars that pass."],
                    "settings": {"language": "en", "talkativeness": 0.5},
                    "credentials": {},
                    "alerts": False,
                    "seconds": None,
                }
            ]
        },
    )

    instructions: tuple[InstructionText, ...] = Field(default=(), max_length=32)
    settings: dict[str, Any] = Field(default_factory=dict, max_length=100)
    credentials: dict[Part, Id] = Field(default_factory=dict, max_length=10)
    alerts: bool = False
    seconds: float | None = Field(default=None, gt=0, le=604_800)


class ProfileIn(BaseModel):
    """A profile to be made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = Field(examples=["Car counter"])
    body: ProfileBody = ProfileBody()


class ProfileChange(ProfileIn):
    """A profile as it is to be. `version`: that of the profile which was edited."""

    version: int = Field(ge=1, examples=[1])


class ProfileView(BaseModel):
    """A profile as it is. Times are unix seconds."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str = Field(examples=["Car counter"])
    body: ProfileBody
    version: int
    created: float
    updated: float


class ProfileFile(BaseModel):
    """A profile as a file, to be taken elsewhere. Credentials stay behind: their ids mean nothing there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    joyvl_profile: Literal[1] = 1
    name: Name = Field(examples=["Car counter"])
    body: ProfileBody


class FieldView(BaseModel):
    """A setting that a profile may hold, as a form needs it.

    Attributes:
        default: What holds where the profile says nothing: this installation's value.
        least: Bounds of a number, and its own value may be one of them only where `open_below` is false.
        longest: Most characters of a text.
    """

    model_config = ConfigDict(frozen=True)

    name: str = Field(examples=["talkativeness"])
    group: str = Field(examples=["behaviour"])
    type: Literal["choice", "number", "whole", "text", "long_text", "bool"] = Field(examples=["number"])
    description: str
    default: Any = None
    least: float | None = None
    most: float | None = None
    open_below: bool = False
    optional: bool = False
    longest: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
