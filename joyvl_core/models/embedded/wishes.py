"""What understanding tells: the seam between what is asked and what is decided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Intent(StrEnum):
    """What a person can want of the bot."""

    APPEAR = "appear"
    LEAVE = "leave"
    COUNT_PASSING = "count_passing"
    COUNT_STANDING = "count_standing"
    READ_TEXT = "read_text"
    TRANSLATE_TEXT = "translate_text"
    SCENE_CHANGE = "scene_change"
    MOTION_ALERT = "motion_alert"
    STATIC_CHANGE = "static_change"
    TIME_EVERY = "time_every"
    TIME_IN = "time_in"
    TIME_ELAPSED = "time_elapsed"
    GREET = "greet"
    COMMENTARY = "commentary"
    PAST_WHAT = "past_what"
    PAST_WHEN = "past_when"
    COUNT_SO_FAR = "count_so_far"
    CANCEL = "cancel"
    CHANGE = "change"
    QUIET = "quiet"
    LEAVE_ROOM = "leave_room"
    UNJUDGEABLE = "unjudgeable"
    OTHER = "other"


STANDING = frozenset(
    {
        Intent.APPEAR,
        Intent.LEAVE,
        Intent.COUNT_PASSING,
        Intent.COUNT_STANDING,
        Intent.READ_TEXT,
        Intent.TRANSLATE_TEXT,
        Intent.SCENE_CHANGE,
        Intent.MOTION_ALERT,
        Intent.STATIC_CHANGE,
        Intent.TIME_EVERY,
        Intent.TIME_IN,
        Intent.GREET,
        Intent.COMMENTARY,
        Intent.UNJUDGEABLE,
    }
)
"""Intents that can be served again and again, as a standing instruction. The others are answered once."""


class Category(StrEnum):
    """What sort of thing a wish is about, as far as words tell. The eye cannot verify it."""

    ANYTHING = "anything"
    PERSON = "person"
    VEHICLE = "vehicle"
    ANIMAL = "animal"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish or question in a form that can be acted on.

    Attributes:
        intent: What is wanted.
        language: `en` or `zh`, the language it was said in (and is answered in).
        text: The person's own words.
        object: What it is about, in the person's words ("red car", "有人"), or "".
        category: The sort of thing that is.
        colour: English colour name where the wish names one ("red"), or "".
        event: For PAST_WHEN and TIME_ELAPSED: which kind of happening is asked about (APPEAR, LEAVE,
            SCENE_CHANGE, STATIC_CHANGE, COUNT_PASSING or READ_TEXT); else None.
        quote: Words to say verbatim ("say 'here he is'"; "remind me to drink": "drink" is the `topic`).
        topic: What a reminder is about, or "".
        every: Seconds between two sayings, for TIME_EVERY.
        within: Seconds until the saying (TIME_IN), of silence (QUIET), or back in time (PAST_WHAT).
        first: Only the first one counts ("the first person who shows up").
        ordinal: Which one is asked about, 1 the first, -1 the last; None when not said.
        standing: It is meant to be served from now on, not answered once.
        say_time: The time itself is to be said ("say the time every minute").
    """

    intent: Intent
    language: str
    text: str
    object: str = ""
    category: Category = Category.ANYTHING
    colour: str = ""
    event: Intent | None = None
    quote: str = ""
    topic: str = ""
    every: float | None = None
    within: float | None = None
    first: bool = False
    ordinal: int | None = None
    standing: bool = True
    say_time: bool = False


class Sureness(StrEnum):
    """How far a reading can be trusted."""

    SURE = "sure"
    ASK = "ask"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a person's words were understood.

    Attributes:
        wish: The best reading.
        sureness: SURE: act. ASK: ask back with `question` first. UNCLEAR: say what can be understood.
        understood: The reading in one plain line, in the person's language, to be shown always.
        question: For ASK, the line to ask back ("Did you mean: …?").
        runner_up: The next best intent, if any.
        targets: For CANCEL: ids of the running instructions that end. For a change: the one that `wish` replaces;
            `wish` is then the whole new wish with its own intent ("make it 5 seconds": TIME_EVERY, every=5, same
            quote). A wish of intent CHANGE or CANCEL without targets found nothing running that it could mean.
        margin: How far the best reading is ahead of the next, 0 to 1.
    """

    wish: Wish
    sureness: Sureness
    understood: str
    question: str = ""
    runner_up: Intent | None = None
    targets: tuple[str, ...] = ()
    margin: float = 1.0


@dataclass(frozen=True, slots=True)
class Running:
    """A wish that is being served now: what "stop that" can mean."""

    id: str
    wish: Wish
