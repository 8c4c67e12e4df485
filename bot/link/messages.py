"""What is said over a link, as JSON: from the session's process upwards, and from the control plane downwards."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

PATH = "/link/session"
"""Where the control plane takes links, below its address."""
HEARTBEAT_EVERY = 2.0
"""Seconds between two heartbeats."""
DEAD_AFTER = 6.0
"""Seconds without a word after which the control plane takes a process for dead."""
RECENT = 600
"""Most of the newest events that a process tells of when it connects again."""
MAX_MESSAGE = 1_048_576
"""Bytes of one message, or of one binary frame."""

Text = Annotated[str, Field(max_length=4_000)]
Name = Annotated[str, Field(max_length=200)]


class Message(BaseModel):
    """Any message; unknown fields are left out, so that both sides may be of neighbouring versions."""

    model_config = ConfigDict(frozen=True, extra="ignore")


# --- upwards --------------------------------------------------------------------------------


class Hello(Message):
    """The first message on every connection.

    Attributes:
        session: Id of the session.
        start: Which start of the session this process is; the control plane counts them.
        epoch: The epoch it holds, once it does: then it is running, and needs no order.
        recent: Its newest events, when it is running: lines of the log, oldest first.
        worker: The worker that it runs under, or "".
    """

    kind: Literal["hello"] = "hello"
    session: Name
    start: int
    epoch: int | None = None
    version: Name = ""
    pid: int = 0
    host: Name = ""
    worker: Name = ""
    recent: tuple[dict[str, Any], ...] = Field(default=(), max_length=RECENT)


class Begun(Message):
    """The session is open in the store; its participant is about to join. `began`: unix seconds of its second 0."""

    kind: Literal["begun"] = "begun"
    epoch: int
    began: float
    room: Name


class Standing(Message):
    """A standing instruction, or a ticket, as it is now."""

    id: Name
    text: Text
    author: Name = ""
    state: Name = ""
    since: float = 0.0


class Heartbeat(Message):
    """What is so now; sent every `HEARTBEAT_EVERY` seconds, and at once where a command changed it.

    Attributes:
        t: Session second.
        room: State of the room (`joyvl_core.ports.RoomState`), with its reason and remedy.
        next_tick: Session second of the next regular tick.
        ticks: Ticks made so far in this epoch; `skipped` of them were missed.
        tokens: Tokens that pictures cost so far, and what the same pictures would have cost whole, every second.
        tokens_dense: See above.
        spent_tokens: What delegations took, and their cost in money.
        memory: Memory items by tier, their count: working, mid_term, long_term, archive.
        cpu: Share of a core over the last seconds.
        rss: Bytes of memory.
    """

    kind: Literal["heartbeat"] = "heartbeat"
    t: float
    room: Name = ""
    reason: Name = ""
    remedy: Text = ""
    muted: bool = False
    paused: bool = False
    talkativeness: float = 0.5
    next_tick: float = 0.0
    ticks: int = 0
    skipped: int = 0
    tokens: int = 0
    tokens_dense: int = 0
    spent_tokens: int = 0
    cost: float = 0.0
    model: Name = ""
    tracks: tuple[Name, ...] = Field(default=(), max_length=32)
    people: tuple[Name, ...] = Field(default=(), max_length=100)
    instructions: tuple[Standing, ...] = Field(default=(), max_length=64)
    tickets: tuple[Standing, ...] = Field(default=(), max_length=64)
    memory: dict[str, int] = Field(default_factory=dict, max_length=16)
    cpu: float = 0.0
    rss: int = 0


class Happened(Message):
    """One event of the log, in the log's order."""

    kind: Literal["happened"] = "happened"
    event: dict[str, Any]


class Reply(Message):
    """The answer to a command, after what it changed is committed. `error` and `hint` where it was refused."""

    kind: Literal["reply"] = "reply"
    to: int
    data: dict[str, Any] = Field(default_factory=dict)
    error: Text = ""
    error_kind: Name = ""
    hint: Text = ""


class Over(Message):
    """The stay has ended by itself; the process ends after this. `state`: left or failed."""

    kind: Literal["over"] = "over"
    state: Literal["left", "failed"]
    reason: Name
    remedy: Text = ""
    t: float = 0.0


Upward = Annotated[Hello | Begun | Heartbeat | Happened | Reply | Over, Field(discriminator="kind")]


# --- downwards ------------------------------------------------------------------------------


class LiveKitTarget(Message):
    """A room of a LiveKit server; the server and its key are settings of the order."""

    kind: Literal["livekit"] = "livekit"
    room: Name
    identity: Name = ""


class StreamTarget(Message):
    """A stream or a file: a URL, or a path on this machine. `repeat`: a file begins again at its end."""

    kind: Literal["stream"] = "stream"
    source: Annotated[str, Field(max_length=2_000)]
    label: Name = ""
    repeat: bool = False


class CallTarget(Message):
    """A browser's call: the process waits for its offer (the command `answer`)."""

    kind: Literal["call"] = "call"
    name: Name = "call"


Target = Annotated[LiveKitTarget | StreamTarget | CallTarget, Field(discriminator="kind")]


class Order(Message):
    """What a process is to do, told once after its first hello. It holds secrets: it is never logged.

    Attributes:
        settings: Values of `bot.settings.Settings` by field name; they stand above the process's own.
        instructions: What the session is sent in with.
        seconds: Ends the stay so many seconds after joining.
        chat: Whether it announces itself and posts in the room's chat.
    """

    kind: Literal["order"] = "order"
    session: Name
    target: Target
    settings: dict[str, Any] = Field(default_factory=dict, repr=False)
    instructions: tuple[Text, ...] = Field(default=(), max_length=32)
    seconds: float | None = None
    chat: bool = True


CommandName = Literal[
    "instruct",  # text, author -> {id}
    "change",  # id, text, author
    "cancel",  # id, author: an instruction
    "cancel_ticket",  # id
    "mute",
    "unmute",
    "pause",  # stays in the room, looks at nothing
    "resume",
    "talkativeness",  # value
    "ask",  # text, author: a chat line to the bot, as if it was written in the room
    "say",  # text: the bot says it now
    "erase",  # since, until: session seconds, or neither for everything
    "answer",  # offer, sources, address -> {sdp}: a browser's call
    "view",  # width, every, seconds: pictures are sent for so long
    "listen",  # seconds: sound is sent for so long
    "stop",  # words, language: says the words (if any) and leaves
]


class Command(Message):
    """Something to do; answered by a `Reply` with the same number."""

    kind: Literal["command"] = "command"
    id: int
    name: CommandName
    args: dict[str, Any] = Field(default_factory=dict)


class Welcome(Message):
    """The answer to the hello of a process that is running already: it goes on."""

    kind: Literal["welcome"] = "welcome"


class Dismissed(Message):
    """The process is not wanted (another start of the session holds it, or it was stopped): it leaves at once."""

    kind: Literal["dismissed"] = "dismissed"
    reason: Name = ""


Downward = Annotated[Order | Command | Welcome | Dismissed, Field(discriminator="kind")]

_UP: TypeAdapter[Upward] = TypeAdapter(Upward)
_DOWN: TypeAdapter[Downward] = TypeAdapter(Downward)


def read_upward(text: str | bytes) -> Upward:
    """A message from a session's process.

    Raises:
        pydantic.ValidationError: It is none.
    """
    return _UP.validate_json(text)


def read_downward(text: str | bytes) -> Downward:
    """A message from the control plane.

    Raises:
        pydantic.ValidationError: It is none.
    """
    return _DOWN.validate_json(text)
