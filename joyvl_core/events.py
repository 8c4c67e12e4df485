"""The session's log: one schema, one ordered writer.

Everything that happened is one JSON object a line, with both clocks. The dashboard, replay and the
metrics read this log and nothing else.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from math import isfinite
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    model_serializer,
)

from joyvl_core.actions import ActionName
from joyvl_core.clock import Clock
from joyvl_core.observation import FrameKind, TicketState, Trigger
from joyvl_core.text import whole

if TYPE_CHECKING:
    from joyvl_core.ports import Ledger

SCHEMA_VERSION: Literal[1] = 1

Words = Annotated[str, BeforeValidator(lambda value: whole(value) if isinstance(value, str) else value)]
"""Text that any file and network takes."""
Figure = Annotated[
    float | None, BeforeValidator(lambda value: None if isinstance(value, float) and not isfinite(value) else value)
]
"""A number where there is one: JSON knows neither infinity nor what is no number."""

Gate = Literal["rate", "duplicate", "mute", "quiet", "threshold"]


class Event(BaseModel):
    """What every line has: schema version, kind, unix seconds and session seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    v: Literal[1] = SCHEMA_VERSION
    kind: str
    wall: float
    t: float


class TrackCost(BaseModel):
    """What one track's newest frame was to a tick. `age_ms` is null without a frame."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: Words
    frame: FrameKind
    tokens: int
    age_ms: Figure = None


class TickEvent(Event):
    """One tick. `action` is what people get, `decided` what the model said; they differ where a gate closed."""

    kind: Literal["tick"] = "tick"
    n: int
    triggers: tuple[Trigger, ...]
    action: ActionName
    decided: ActionName
    gate: Gate | None = None
    text: Words = ""
    raw: Words = ""
    note: Words | None = None
    question: Words | None = None
    ticket: Words | None = None
    instruction: Words | None = None
    reply_to: Words | None = None
    p_silence: Figure = None
    latency_ms: float
    tracks: tuple[TrackCost, ...] = ()
    frame: FrameKind = FrameKind.NONE
    tokens: int = 0

    @model_serializer(mode="wrap")
    def _without_empty_delegation(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        if self.decided != "delegate":
            for name in ("note", "question", "ticket"):
                fields.pop(name)
        return fields


class ClauseEvent(Event):
    """A part of what a tick says, spoken before the rest is known. The tick's own line, with the whole, follows."""

    kind: Literal["clause"] = "clause"
    tick: int
    text: Words


class DeliveryEvent(Event):
    """An act reached a sink: `t` is its first sound or text out. Or it was dropped, with the reason."""

    kind: Literal["delivery"] = "delivery"
    tick: int
    sink: Words
    dropped: Words | None = None


class InstructionEvent(Event):
    """A standing wish was added, changed or cancelled."""

    kind: Literal["instruction"] = "instruction"
    id: Words
    state: Literal["added", "changed", "cancelled"]
    text: Words
    author: Words


class ChatEvent(Event):
    """A line of chat came in."""

    kind: Literal["chat"] = "chat"
    id: Words
    author: Words
    text: Words
    addressed: bool


class SpeechEvent(Event):
    """A person said something."""

    kind: Literal["speech"] = "speech"
    id: Words
    speaker: Words
    text: Words
    final: bool


class TicketEvent(Event):
    """A delegation moved on.

    `full` is the whole answer where it is longer than the digest. `spent_tokens` and `cost` are what it took, where
    that is known. Fields that say nothing are left out of the line.
    """

    kind: Literal["ticket"] = "ticket"
    id: Words
    state: TicketState
    question: Words
    digest: Words = ""
    full: Annotated[Words | None, Field(max_length=100_000)] = None
    spent_tokens: int | None = None
    cost: Figure = None

    @model_serializer(mode="wrap")
    def _without_what_says_nothing(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        for name in ("full", "spent_tokens", "cost"):
            if fields[name] is None:
                fields.pop(name)
        return fields


class StatusEvent(Event):
    """The state of a part, with its reason and what a person can do."""

    kind: Literal["status"] = "status"
    state: Words
    reason: Words
    remedy: Words = ""
    instruction: Words | None = None


AnyEvent = Annotated[
    TickEvent | ClauseEvent | DeliveryEvent | InstructionEvent | ChatEvent | SpeechEvent | TicketEvent | StatusEvent,
    Field(discriminator="kind"),
]
_ANY: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


def read_event(line: str | bytes) -> AnyEvent:
    """One line of a log, validated.

    Raises:
        pydantic.ValidationError: It is no event of this schema.
    """
    return _ANY.validate_json(line)


_LINE_ENDS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "\x85\u2028\u2029"}
"""What JSON leaves as it is, and some readers take for the end of a line."""


def encode(event: Event) -> str:
    """The event as one line of JSON, without the line end. Numbers carry at most 4 decimals."""
    fields = event.model_dump(mode="json")
    line = json.dumps(_rounded(fields), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return line if line.isascii() else line.translate(_LINE_ENDS)


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, 4)
        case dict():
            return {key: _rounded(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_rounded(inner) for inner in value]
        case _:
            return value


class Stamp(TypedDict):
    """Unix seconds and session seconds of one moment."""

    wall: float
    t: float


class EventLog:
    """The one ordered log of a session: bounded in memory, whole on disk.

    A line is written and flushed before `write` returns, so an act that is sent is in the log first.
    A stream that fails (disk full, closed pipe) is given up and reported once, as a status.
    """

    def __init__(self, clock: Clock, *, keep: int = 2_000) -> None:
        self._clock = clock
        self._recent: deque[AnyEvent] = deque(maxlen=keep)
        self._streams: list[IO[str]] = []
        self._owned: list[IO[str]] = []
        self._listeners: list[Callable[[AnyEvent], None]] = []
        self._unheard: deque[AnyEvent] = deque()
        self._telling = False
        self._complained: set[int] = set()
        self._ledger: Ledger | None = None

    def to_ledger(self, ledger: Ledger) -> None:
        """Hands every event to a durable copy too, from now on."""
        self._ledger = ledger

    async def committed(self) -> None:
        """Returns once everything written so far would survive the end of this process.

        Raises:
            JoyVLError: The durable copy fails.
        """
        if self._ledger is not None:
            await self._ledger.committed()

    def to_file(self, path: Path) -> None:
        """Appends every line to `path` from now on.

        Raises:
            OSError: It cannot be opened.
        """
        stream = path.open("a", encoding="utf-8")
        self._owned.append(stream)
        self._streams.append(stream)

    def to_stream(self, stream: IO[str]) -> None:
        """Writes every line to an open text stream, which stays the caller's to close."""
        self._streams.append(stream)

    def subscribe(self, listener: Callable[[AnyEvent], None]) -> None:
        """Calls `listener` with every event, in order, on the event loop. It must be quick.

        What it raises is reported once, as a status; it is called again with the next event.
        """
        self._listeners.append(listener)

    def stamp(self) -> Stamp:
        """Both clocks, now: the fields every event starts with."""
        return {"wall": self._clock.wall(), "t": self._clock.now()}

    def write(self, event: AnyEvent) -> None:
        """Adds one event to the end of the log."""
        self._recent.append(event)
        if self._ledger is not None:
            self._ledger.write(event)
        broken = self._write_line(encode(event) + "\n") if self._streams else []
        self._unheard.append(event)
        for error in broken:
            self.status("log.failed", f"the log can no longer be written: {error}", "free the disk and start again")
        self._tell()

    def status(self, state: str, reason: str, remedy: str = "", *, instruction: str | None = None) -> None:
        """Writes a status."""
        event = StatusEvent(**self.stamp(), state=state, reason=reason, remedy=remedy, instruction=instruction)
        self.write(event)

    def recent(self) -> Iterator[AnyEvent]:
        """The events still in memory, oldest first."""
        return iter(tuple(self._recent))

    def forget(self, since: float, until: float) -> None:
        """Drops from memory what happened between two session seconds; copies are erased by their owners."""
        left = [event for event in self._recent if not since <= event.t <= until]
        self._recent = deque(left, maxlen=self._recent.maxlen)

    def close(self) -> None:
        """Closes the files it opened. Idempotent."""
        for stream in self._owned:
            try:
                stream.close()
            except OSError:  # nothing is left to tell it to: the loss was reported when the stream failed
                continue
        self._owned.clear()
        self._streams.clear()

    def _write_line(self, line: str) -> list[Exception]:
        """Writes a line everywhere. Streams that fail are given up; returns why."""
        broken: list[Exception] = []
        for stream in tuple(self._streams):
            try:
                stream.write(line)
                stream.flush()
            except (OSError, ValueError) as error:
                self._streams.remove(stream)
                broken.append(error)
        return broken

    def _tell(self) -> None:
        """Calls the listeners. An event that one of them writes comes after the one it was told of."""
        if self._telling:
            return
        self._telling = True
        try:
            while self._unheard:
                event = self._unheard.popleft()
                for number, listener in enumerate(self._listeners):
                    try:
                        listener(event)
                    except Exception as error:  # whoever listens must not end the session
                        self._complain(number, error)
        finally:
            self._telling = False

    def _complain(self, number: int, error: Exception) -> None:
        if number not in self._complained:
            self._complained.add(number)
            self.status("log.unheard", f"a listener of the log failed: {type(error).__name__}: {error}"[:300])
