"""Sessions: what starts one, and what is shown of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from bot.link.messages import Heartbeat
from web_dashboard.fleet.states import State, Wanted
from web_dashboard.schemas.places import AnyPlace
from web_dashboard.schemas.profiles import Id, InstructionText, Part

Title = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]

_PLACE: TypeAdapter[AnyPlace] = TypeAdapter(AnyPlace)


def read_place(text: str) -> AnyPlace:
    """A place as it is kept.

    Raises:
        pydantic.ValidationError: It is none.
    """
    return _PLACE.validate_json(text)


def write_place(place: AnyPlace) -> str:
    """A place as it is kept."""
    return place.model_dump_json()


class Given(BaseModel):
    """What people and programs send."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Shown(BaseModel):
    """What they get."""

    model_config = ConfigDict(frozen=True)


class StartSession(Given):
    """Invites the bot into a room, or attaches it to a stream.

    Attributes:
        place: Where it goes.
        profile: Who it is there; none takes this installation's settings as they are.
        credential: The LiveKit server's key, where it is not the profile's.
        title: What people call it.
        instructions: What it is to do there, beside the profile's.
        overrides: Settings of the profile that are different this time.
        credentials: Credentials of the profile, by part, that are different this time.
        seconds: Ends it so many seconds after it joined; None leaves it to the profile.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"place": {"kind": "livekit", "room": "standup"}, "instructions": ["Tell me when somebody arrives"]},
                {"place": {"kind": "stream", "url": "rtsp://camera.example/street"}, "profile": 1, "title": "Street"},
            ]
        },
    )

    place: AnyPlace
    profile: int | None = None
    credential: int | None = None
    title: Title = ""
    instructions: tuple[InstructionText, ...] = Field(default=(), max_length=32)
    overrides: dict[str, Any] = Field(default_factory=dict, max_length=100)
    credentials: dict[Part, Id] = Field(default_factory=dict, max_length=10)
    seconds: float | None = Field(default=None, gt=0, le=604_800)


class LiveView(Shown):
    """What a session's process tells right now.

    Attributes:
        connected: It is on the line.
        began: Unix seconds of session second 0.
        last_words: What it said last.
        heartbeat: Its counters and its standing; none before the first.
    """

    connected: bool
    epoch: int
    began: float
    last_words: str = ""
    heartbeat: Heartbeat | None = None
    tracks: tuple[str, ...] = ()

    @property
    def next_tick(self) -> float:
        """Session second of its next regular tick; 0 where that is not known."""
        return self.heartbeat.next_tick if self.heartbeat else 0.0


class SessionView(Shown):
    """A session as the control plane sees it. Times are unix seconds.

    Attributes:
        state: Where it stands; `since` when, and why in `reason`, with a `remedy`.
        wanted: What people want of it.
        runner: Where it runs: process or pool.
        start: Which start of the session this is; each after the first took up where the one before was.
        live: What its process tells, while it is under way.
    """

    id: str = Field(examples=["bado-kimu"])
    title: str
    place: AnyPlace
    profile: int | None
    credential: int | None
    state: State
    since: float
    reason: str = ""
    remedy: str = ""
    wanted: Wanted
    created: float
    created_by: str
    ended: float | None = None
    runner: str = ""
    start: int = 0
    failures: int = 0
    live: LiveView | None = None


class StopIn(Given):
    """Ends a session. `words`: what the bot says before it goes."""

    words: Words = Field("", examples=["Goodbye, I was called away."])


class TextIn(Given):
    """A line of text."""

    text: Line = Field(examples=["Count the cars that pass"])


class TalkativenessIn(Given):
    """The dial: 0 says the least, 1 the most; 0.5 leaves the model to itself."""

    value: float = Field(ge=0, le=1, examples=[0.5])


class EraseIn(Given):
    """Session seconds to erase, both included; everything where neither is given."""

    since: float | None = Field(None, ge=0, le=1e9, examples=[0.0])
    until: float | None = Field(None, ge=0, le=1e9, examples=[60.0])


class InstructionMade(Shown):
    """A standing instruction was taken."""

    id: str = Field(examples=["i1"])


class Done(Shown):
    """It was done; `data` is what the session said about it."""

    data: dict[str, Any] = Field(default_factory=dict)
