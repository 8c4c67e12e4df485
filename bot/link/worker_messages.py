"""What a worker and the control plane tell each other, and what a job is told when it is handed out.

A worker offers slots, each for one session. It tells of itself over a WebSocket of its own; the sessions in its slots
have theirs (`messages.py`), as everywhere.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from bot.link.messages import Message, Name, Text

PATH = "/link/worker"
"""Where the control plane takes workers' links, below its address."""
REPORT_EVERY = 2.0
"""Seconds between two reports."""
DEAD_AFTER = 6.0
"""Seconds without a report after which the control plane takes a worker, and all that it holds, for dead."""
MAX_SLOTS = 1_000
MAX_MESSAGE = 262_144
"""Bytes of one message."""

Profile = Annotated[int, Field(ge=1, le=2**53)]
Overrides = dict[str, str | int | float | bool]


class Held(Message):
    """A session in a slot, by its id and which start of it this is."""

    session: Name
    start: int


class WorkerHello(Message):
    """The first message on every connection."""

    kind: Literal["hello"] = "hello"
    worker: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,80}$")]
    host: Name = ""
    pid: int = 0
    version: Name = ""
    agent: Name = ""
    slots: Annotated[int, Field(ge=1, le=MAX_SLOTS)]


class WorkerReport(Message):
    """What is so now; sent every `REPORT_EVERY` seconds, and at once when a slot was taken or given back.

    Attributes:
        sessions: What is in its slots, what was accepted a moment ago too.
        taken: How many slots are taken, those included that hold no session of the control plane's.
        draining: It accepts nothing more.
        cpu: Busy share of its machine's cores, 0 to 1.
        rss: Bytes of memory of it and its processes; pages that they share count more than once.
    """

    kind: Literal["report"] = "report"
    sessions: tuple[Held, ...] = Field(default=(), max_length=MAX_SLOTS)
    taken: Annotated[int, Field(ge=0, le=MAX_SLOTS)] = 0
    draining: bool = False
    cpu: float = 0.0
    rss: int = 0


class WorkerGoodbye(Message):
    """It has ended in an orderly way, and holds nothing any more."""

    kind: Literal["goodbye"] = "goodbye"


class Drain(Message):
    """Accept nothing more; end when the slots are empty."""

    kind: Literal["drain"] = "drain"


class StartWanted(Message):
    """A job that was dispatched to this worker names a profile: the control plane is asked for a session of it.

    Attributes:
        id: The job's; the answer has the same.
        room: The room of the worker's LiveKit server that it was dispatched to.
        dispatch: The dispatch, by which it is taken back.
        profile: Whose settings the session gets, with `instructions` and `overrides` above them.
    """

    kind: Literal["start_wanted"] = "start_wanted"
    id: Name
    room: Name
    dispatch: Name
    profile: Profile
    instructions: tuple[Text, ...] = Field(default=(), max_length=32)
    overrides: Overrides = Field(default_factory=dict, max_length=32)


class StartMade(Message):
    """The session that was asked for: to be run as if it had been dispatched with this `seal`."""

    kind: Literal["start_made"] = "start_made"
    id: Name
    session: Name
    start: int
    seal: Annotated[str, Field(max_length=2_000)]


class StartRefused(Message):
    """Why there is no session; `retryable`: another worker, or a later try, may do."""

    kind: Literal["start_refused"] = "start_refused"
    id: Name
    reason: Text
    hint: Text = ""
    retryable: bool = False


FromWorker = Annotated[WorkerHello | WorkerReport | WorkerGoodbye | StartWanted, Field(discriminator="kind")]
ToWorker = Annotated[Drain | StartMade | StartRefused, Field(discriminator="kind")]

_UP: TypeAdapter[FromWorker] = TypeAdapter(FromWorker)
_DOWN: TypeAdapter[ToWorker] = TypeAdapter(ToWorker)


def read_from_worker(text: str | bytes) -> FromWorker:
    """A message from a worker.

    Raises:
        pydantic.ValidationError: It is none.
    """
    return _UP.validate_json(text)


def read_to_worker(text: str | bytes) -> ToWorker:
    """A message to a worker.

    Raises:
        pydantic.ValidationError: It is none.
    """
    return _DOWN.validate_json(text)


class JobMetadata(BaseModel):
    """What comes with a dispatch, as JSON. Whoever may call the LiveKit server's API can read it, and make one.

    With a `seal` the job is a session of the control plane's: its process connects there, at the address that its
    worker was given, and is told what to do. With a `profile` it becomes one: its worker asks the control plane.
    Else it is a plain participant of the room, as with `joyvl join`.

    Attributes:
        v: Version of this form.
        session: The session; for a plain participant the id it is kept under, or "".
        start: Which start of the session this is.
        seal: The token of the session's link, of use to those alone who have the workers' token (`sealing.py`).
        profile: A profile of the control plane's, by its id.
        instructions: Standing instructions, beside the profile's.
        overrides: Settings by name, above the profile's; those in `OVERRIDABLE`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    session: Annotated[str, Field(max_length=64, pattern=r"^[^\s/]*$")] = ""
    start: Annotated[int, Field(ge=0)] = 0
    seal: Annotated[str, Field(max_length=2_000)] = ""
    profile: Profile | None = None
    instructions: tuple[Text, ...] = Field(default=(), max_length=32)
    overrides: Overrides = Field(default_factory=dict, max_length=32)

    @model_validator(mode="after")
    def _check(self) -> JobMetadata:
        if self.linked and not self.session:
            raise ValueError("a session of the control plane's has an id")
        if self.profile is not None and self.session:
            raise ValueError("the control plane makes a session for a profile: none may be named")
        if unknown := sorted(self.overrides.keys() - OVERRIDABLE):
            raise ValueError(f"not to be set by a dispatch: {', '.join(unknown)[:200]}")
        return self

    @property
    def linked(self) -> bool:
        """Whether it is a session of the control plane's."""
        return bool(self.seal)


OVERRIDABLE = frozenset(
    {
        "name", "language", "talkativeness", "voice", "interval", "events", "per_minute", "threshold", "quiet_hours",
        "keep", "linger", "alone_after",
    }
)  # fmt: skip
"""Settings that whoever makes a dispatch may set: no address, no file, no program, no key."""


def read_metadata(text: str) -> JobMetadata:
    """The metadata of a job; none at all is a plain participant.

    Raises:
        pydantic.ValidationError: It is none.
    """
    return JobMetadata.model_validate_json(text or "{}")
