"""What a session's past looks like from outside."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Cursor = Annotated[str, Field(pattern=r"^\d{1,9}\.\d{1,18}$", examples=["1.204"])]
"""A place in a session's log: its epoch and the number in it."""
ExportForm = Literal["jsonl", "srt", "csv", "marks"]


class View(BaseModel):
    """Any of these."""

    model_config = ConfigDict(frozen=True)


class ErasureView(View):
    """That something was erased; both ends are None for everything. Unix seconds in `wall`."""

    since: float | None
    until: float | None
    wall: float


class HistoryView(View):
    """What there is of a session.

    Attributes:
        began: Unix seconds of session second 0.
        t: The last session second that is known.
        ended: The session second of its end; None while it runs, or where it was cut off.
    """

    id: str = Field(examples=["bado-kimu"])
    room: str
    began: float
    t: float
    ended: float | None
    epochs: int
    events: int
    pictures: int
    frames: int
    erased: tuple[ErasureView, ...] = ()


class Cell(View):
    """A tick, short: what the timeline draws and says. What says nothing is left out.

    Attributes:
        kind: silence, speak, delegate or gated.
        why: Its triggers, without the plain interval.
        ms: Milliseconds from its earliest trigger to the decision.
        p: Probability of silence.
        raw: The model's own words, where they are not plain silence.
    """

    epoch: int = 1
    n: int = Field(examples=[14])
    t: float = Field(examples=[14.8])
    kind: str = "silence"
    text: str = ""
    question: str = ""
    ticket: str = ""
    raw: str = ""
    gate: str = ""
    why: tuple[str, ...] = ()
    instruction: str = ""
    reply_to: str = ""
    ms: int = 0
    p: float | None = None
    frame: str = "none"
    tokens: int = 0


class CellPage(View):
    """Ticks in their order. `before` is the cursor of what came earlier, where there is more."""

    cells: tuple[Cell, ...]
    before: str | None = None
    after: str | None = None


class TickPage(View):
    """Ticks as they are in the log, in their order."""

    ticks: tuple[dict[str, Any], ...]
    before: str | None = None
    after: str | None = None


class Delivered(View):
    """How a line reached people: `t` is its first sound or text out; or why it was dropped."""

    sink: str
    t: float
    dropped: str = ""


class Line(View):
    """A line of the transcript.

    Attributes:
        at: Its cursor.
        kind: said (by the bot), gated (held back), delegated, heard (a person spoke), chat.
        who: Author or speaker; "" for the bot.
    """

    at: str
    epoch: int
    t: float
    kind: Literal["said", "gated", "delegated", "heard", "chat"]
    text: str
    who: str = ""
    n: int | None = None
    gate: str = ""
    addressed: bool = False
    delivered: tuple[Delivered, ...] = ()


class LinePage(View):
    """Lines in their order."""

    lines: tuple[Line, ...]
    before: str | None = None
    after: str | None = None


class InstructionChange(View):
    """A change of an instruction."""

    t: float
    state: str
    text: str
    author: str


class InstructionView(View):
    """A standing wish with what came of it.

    Attributes:
        understood: What the bot understood, or why it can't do it, with the remedy.
        acts: How often it spoke for it; `last_act` the session second of the last time.
        timed: Some of it came from a timer.
        counted: How far it counted, where it counts.
    """

    id: str = Field(examples=["i1"])
    text: str
    author: str
    state: str
    since: float
    changes: tuple[InstructionChange, ...]
    understood: str = ""
    remedy: str = ""
    acts: int = 0
    last_act: float | None = None
    timed: bool = False
    counted: int | None = None


class TicketStep(View):
    """How a delegation moved on."""

    t: float
    state: str
    digest: str = ""


class TicketView(View):
    """A delegation. `full` is the whole answer, where it is longer than the digest."""

    id: str = Field(examples=["d1"])
    question: str
    state: str
    t: float
    digest: str = ""
    full: str = ""
    spent_tokens: int | None = None
    cost: float | None = None
    steps: tuple[TicketStep, ...] = ()


class StatusView(View):
    """The state of a part, with its reason and what helps."""

    t: float
    state: str
    reason: str
    remedy: str = ""
    instruction: str = ""


class MemoryView(View):
    """Something that a session remembers."""

    id: int
    kind: str
    t: float
    until: float
    text: str
    tokens: int | None = None


class MemoryPage(View):
    """Memory items of a kind, newest first. `kinds`: how many there are of each."""

    kinds: dict[str, int]
    items: tuple[MemoryView, ...]
    before: int | None = None


class FoundView(View):
    """What a question brought up. `picture` is a data URL of the moment, where one was kept."""

    t: float
    until: float | None
    kind: str
    text: str
    score: float
    picture: str = ""


class PictureView(View):
    """A picture that was kept; the picture itself is at `…/pictures/{id}`."""

    id: int
    t: float
    kind: Literal["thumbnail", "frame"]
    track: str = ""


class PicturePage(View):
    """Pictures in their order. `next`: from which session second to ask on."""

    pictures: tuple[PictureView, ...]
    next: float | None = None


class TokenMinute(View):
    """Tokens that the pictures of one minute cost, and what they would have cost whole."""

    minute: int
    coded: int
    dense: int
