"""A session's log, read back into what each tick had before it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from joyvl_core.events import (
    AnyEvent,
    ChatEvent,
    InstructionEvent,
    SpeechEvent,
    StatusEvent,
    TicketEvent,
    TickEvent,
)
from joyvl_core.inbox import Item
from joyvl_core.observation import ChatLine, FrameKind, Instruction, SpeechLine, TicketNews, TicketState

_WAITING = 1_000
_SHOWN = (InstructionEvent, ChatEvent, SpeechEvent, TicketEvent)
SLACK = 1e-4
"""Seconds: times in the log are rounded to this."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A recorded tick.

    Attributes:
        now: Session second of the tick; its own `t` is that of the picture it showed.
        instructions: Those in force.
        arrived: Lines and results that came since the tick before, in order.
    """

    tick: TickEvent
    now: float
    instructions: tuple[Instruction, ...]
    arrived: tuple[Item, ...]


class Reading:
    """Turns a log, event by event, into moments."""

    def __init__(self) -> None:
        self._waiting: deque[AnyEvent] = deque(maxlen=_WAITING)
        self._standing: dict[str, Instruction] = {}
        self._tickets: dict[str, TickEvent] = {}
        self._began: float | None = None

    def read(self, event: AnyEvent) -> Moment | None:
        """Takes the next event; returns the moment where it is a tick.

        What came in while the model was at a tick stands before it in the log, and belongs to the next one.
        """
        if not isinstance(event, TickEvent):
            self._began = event.wall - event.t
            if isinstance(event, _SHOWN):
                self._waiting.append(event)
            return None
        arrived: list[Item] = []
        while self._waiting and self._waiting[0].wall <= event.wall + SLACK:
            if item := self._take_in(self._waiting.popleft()):
                arrived.append(item)
        if event.ticket:
            self._tickets[event.ticket] = event
        began = event.wall - event.t if self._began is None else self._began
        now = max(event.t, round(event.wall - began, 4))
        return Moment(event, now, tuple(self._standing.values()), tuple(arrived))

    def _take_in(self, event: AnyEvent) -> Item | None:
        """What of an event a model is shown. What was erased since is nothing."""
        match event:
            case InstructionEvent(state="cancelled"):
                self._standing.pop(event.id, None)
            case InstructionEvent() if event.text:
                self._standing[event.id] = Instruction(event.id, event.text, event.author, event.t)
            case ChatEvent() if event.text:
                return ChatLine(event.id, event.author, event.text, event.t, event.addressed)
            case SpeechEvent() if event.text:
                return SpeechLine(event.id, event.speaker, event.text, event.t, event.final)
            case TicketEvent():
                return self._news(event)
        return None

    def _news(self, event: TicketEvent) -> TicketNews | None:
        if event.state is TicketState.RUNNING and not event.digest:
            return None  # it was opened, of which the model is not told
        over = event.state is not TicketState.RUNNING
        tick = self._tickets.pop(event.id, None) if over else self._tickets.get(event.id)
        wish, line = (tick.instruction, tick.reply_to) if tick else (None, None)
        return TicketNews(event.id, event.state, event.question, event.digest, event.t, wish, line)


@dataclass(slots=True)
class Survey:
    """What a log holds, before it is replayed.

    Attributes:
        ticks: How many.
        video: A tick showed a picture.
        delegated: Somebody answered delegated questions.
        seconds: Session second of the last tick.
        labels: Whose picture a track is, in words, where the log tells.
    """

    ticks: int = 0
    video: bool = False
    delegated: bool = False
    seconds: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)


async def survey(events: AsyncIterator[AnyEvent]) -> Survey:
    """Reads a log through once."""
    found = Survey()
    added: dict[str, None] = {}
    tracks: dict[str, None] = {}
    async for event in events:
        match event:
            case TickEvent():
                found.ticks += 1
                found.seconds = event.t
                found.video = found.video or any(cost.frame is not FrameKind.NONE for cost in event.tracks)
                tracks |= dict.fromkeys(cost.id for cost in event.tracks)
            case TicketEvent():
                found.delegated = True
            case StatusEvent(state="track.added"):
                added[event.reason] = None
    # The log doesn't tell which label belongs to which track, but both come in the same order.
    if len(added) == len(tracks):
        found.labels = dict(zip(tracks, added, strict=True))
    return found
