"""What perception tells: the seam between seeing and deciding."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PerceptKind(StrEnum):
    """Kinds of things that can be seen to happen.

    Two pairs of brackets, each with one `Thing`:

    - `APPEAR` … `LEAVE`: a thing came by itself, over the edge or at once in the middle, and is gone. Every thing
      that comes is told once, so counting APPEAR counts what came.
    - `PUT` … `TAKEN`: a thing has lain still since it came. What popped up and stays is told as APPEAR at once and as
      PUT a second later, with the same id; what somebody else put down is told as PUT alone. What was in the scene
      from the start and is taken away is told as TAKEN alone.

    `PASS` comes with the LEAVE of a thing that went through the picture, not just in and out.
    `MOTION`: a thing that had stood for so long that it had become part of the scene moves again.
    `SCENE`: the whole picture is another; what was present before is void, without a LEAVE.
    `TEXT`, `TEXT_GONE`: words on the picture.
    """

    APPEAR = "appear"
    LEAVE = "leave"
    PASS = "pass"  # noqa: S105 - no password
    PUT = "put"
    TAKEN = "taken"
    SCENE = "scene"
    MOTION = "motion"
    TEXT = "text"
    TEXT_GONE = "text_gone"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in shares of the picture, 0 to 1."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that moves or was put there, followed from frame to frame.

    Attributes:
        id: Unique in the session.
        track: The video track it is on.
        since: Session second when a part of it was first visible.
        last: Session second when it was last seen.
        box: Where it is.
        colour: Its name in English ("red", "light blue", "white"), or "" when there is none to speak of.
        share: Its area as a share of the picture.
        speed: Widths of the picture it travels a second, smoothed.
        heading: Which way it goes: `left`, `right`, `up`, `down`, or "" when it stands.
        travelled: Widths of the picture it has come so far from where it was first seen.
    """

    id: int
    track: str
    since: float
    last: float
    box: Box
    colour: str = ""
    share: float = 0.0
    speed: float = 0.0
    heading: str = ""
    travelled: float = 0.0


@dataclass(frozen=True, slots=True)
class Percept:
    """Something that was seen to happen.

    Attributes:
        t: Session second at which it happened, as well as that can be told (for APPEAR: first visible).
        known: Session second of the frame that made it sure.
        thing: What it happened to, for APPEAR, LEAVE, PASS, PUT and TAKEN.
        text: The words, for TEXT and TEXT_GONE.
        area: Where, for TEXT, PUT and TAKEN.
    """

    kind: PerceptKind
    track: str
    t: float
    known: float
    thing: Thing | None = None
    text: str = ""
    area: Box | None = None
    score: float = 1.0
