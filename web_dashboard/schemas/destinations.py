"""Saved places, and the rooms that invite the bot by themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from web_dashboard.schemas.places import AnyPlace
from web_dashboard.schemas.profiles import Id, Name

Pattern = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class DestinationIn(BaseModel):
    """A place to be saved.

    Attributes:
        profile: Who the bot is there.
        credential: The LiveKit server's key, where it is not this installation's.
        pattern: Of room names, as in a shell (`standup-*`): a room that starts with such a name invites the bot by
            itself, once the LiveKit server tells this one (docs/webhooks.md). For LiveKit places alone.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Stand-ups",
                    "place": {"kind": "livekit", "room": "standup"},
                    "profile": 1,
                    "pattern": "standup-*",
                }
            ]
        },
    )

    name: Name
    place: AnyPlace
    profile: Id | None = None
    credential: Id | None = None
    pattern: Pattern | None = None


class DestinationView(DestinationIn):
    """A saved place. `created` in unix seconds."""

    id: int
    created: float = Field(examples=[1764000000.0])
