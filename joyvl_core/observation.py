"""What one tick shows the model, and what the model answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from joyvl_core.actions import Action, Silence
from joyvl_core.media import Frame


class Trigger(StrEnum):
    """Why a tick happened."""

    START = "start"
    INTERVAL = "interval"
    CHANGE = "change"
    SPEECH = "speech"
    CHAT = "chat"
    RESULT = "result"
    TIMER = "timer"
    INSTRUCTION = "instruction"
    OPERATOR = "operator"


class FrameKind(StrEnum):
    """How a frame would be sent to a model that pays by the token."""

    I = "I"  # noqa: E741 - the field's own name for an intra-coded frame
    P = "P"
    SKIP = "skip"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Instruction:
    """A standing wish.

    Attributes:
        id: Short and unique in the session, e.g. `i1`.
        text: The wish in the person's own words.
        author: Who said it.
        t: Session second of its start, or of its last change.
    """

    id: str
    text: str
    author: str
    t: float


@dataclass(frozen=True, slots=True)
class ChatLine:
    """One line of chat. `addressed`: it is meant for the bot (a mention, or a private line)."""

    id: str
    author: str
    text: str
    t: float
    addressed: bool = False


@dataclass(frozen=True, slots=True)
class SpeechLine:
    """What a person said, transcribed. `final`: the utterance has ended."""

    id: str
    speaker: str
    text: str
    t: float
    final: bool = True
    addressed: bool = False


class TicketState(StrEnum):
    """Where a delegation stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class TicketNews:
    """Something happened to a delegation. `digest` is the bounded answer, or the reason of a failure."""

    id: str
    state: TicketState
    question: str
    digest: str
    t: float
    instruction: str | None = None
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class TrackView:
    """One video track as a tick sees it.

    Attributes:
        id: The track's id.
        label: Whose picture it is, in words.
        frame: The newest frame, or None when there was none yet.
        kind: What the codec makes of the newest frame.
        tokens: What that would cost.
        age_ms: How old the newest frame is; None without one.
        changed: For a P-frame, where it differs from the frame before: left, top, right, bottom as shares of the
            picture, 0 to 1. None for the others.
    """

    id: str
    label: str
    frame: Frame | None
    kind: FrameKind = FrameKind.NONE
    tokens: int = 0
    age_ms: float | None = None
    changed: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Recollection:
    """Something from the archive that a question about the past brought up.

    Attributes:
        t: Session second at which it happened; for a summary, at which it begins.
        kind: What it is: said, heard, chat, text, seen, summary, block.
        text: In words.
        until: Session second at which it ends.
        thumbnail: A small JPEG of the moment, where one was kept.
        score: How well it fits the question, higher is better.
    """

    t: float
    kind: str
    text: str
    until: float | None = None
    thumbnail: bytes | None = None
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Observation:
    """All that a tick shows the model.

    Attributes:
        n: Number of the tick, event ticks counted.
        t: Session second of the newest picture shown, else of the tick itself.
        now: Session second of the tick.
        wall: The same moment in unix seconds.
        triggers: Why the tick happened.
        skipped: Interval ticks that passed unseen since the last one, because the model was late.
        language: The language to answer in where a wish names none, `en` or `zh`.
        recalled: What the archive holds on the questions that were asked, best first.
        talkativeness: The dial, 0 to 1: 0.5 leaves the model to itself.
    """

    n: int
    t: float
    now: float
    wall: float
    triggers: tuple[Trigger, ...]
    skipped: int = 0
    tracks: tuple[TrackView, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    chat: tuple[ChatLine, ...] = ()
    speech: tuple[SpeechLine, ...] = ()
    results: tuple[TicketNews, ...] = ()
    can_delegate: bool = False
    language: str = "en"
    recalled: tuple[Recollection, ...] = ()
    talkativeness: float = 0.5


@dataclass(frozen=True, slots=True)
class Edit:
    """A change the model makes to the standing instructions, because somebody asked for it.

    `add` takes `text`; `change` takes `id` and `text`; `cancel` takes `id`.
    """

    kind: Literal["add", "change", "cancel"]
    text: str = ""
    id: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """Something a person asked of the participant itself. `quiet` and `mute` take `seconds` (None: until told)."""

    kind: Literal["leave", "quiet", "talk"]
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A status the model reports: not something it says in its own voice."""

    state: str
    reason: str
    remedy: str = ""
    instruction: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the model answers to one observation.

    Attributes:
        action: Silence, speech or delegation.
        raw: The answer as the model wrote it.
        instruction: The instruction it serves, if any.
        reply_to: The chat or speech line it answers, if any.
        why: The reason in a few words, for people who look at the timeline.
        p_silence: Probability of silence, where the backend tells.
        priority: Higher speaks over lower.
        replace: Utterances with the same key replace one another ("" never).
        more: The model has more to say and asks for another tick at once.
        wake_at: Session second at which the model wants a tick. Each decision sets the timer anew; None clears it.
        tracks: The tracks as they were really shown, where that is not what the observation offered.
    """

    action: Action = field(default_factory=Silence)
    raw: str = ""
    instruction: str | None = None
    reply_to: str | None = None
    why: str = ""
    p_silence: float | None = None
    priority: int = 0
    replace: str = ""
    more: bool = False
    wake_at: float | None = None
    edits: tuple[Edit, ...] = ()
    requests: tuple[Request, ...] = ()
    notices: tuple[Notice, ...] = ()
    tracks: tuple[TrackView, ...] | None = None


Witness = Callable[[Observation, Decision], None]
"""Sees what every tick showed the model and what it decided; quick, on the event loop."""
