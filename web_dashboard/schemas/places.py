"""Where a session goes: a room that it is invited to, or a stream that it is attached to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

RoomName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
Url = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]


class Place(BaseModel):
    """Any place."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LiveKitPlace(Place):
    """A room of a LiveKit server. `url`: another server than the one that is configured."""

    kind: Literal["livekit"] = "livekit"
    room: RoomName
    url: Url = ""


class StreamPlace(Place):
    """A stream's URL: rtmp, rtsp, or http(s) with HLS or a file."""

    kind: Literal["stream"] = "stream"
    url: Annotated[Url, Field(min_length=1)]


class UploadPlace(Place):
    """An uploaded file. `repeat`: it begins again at its end."""

    kind: Literal["upload"] = "upload"
    upload: int
    repeat: bool = False


class CallPlace(Place):
    """A browser's call, through a share link. `share` is 0 for the "try it" pane."""

    kind: Literal["call"] = "call"
    share: int = 0


AnyPlace = Annotated[LiveKitPlace | StreamPlace | UploadPlace | CallPlace, Field(discriminator="kind")]
