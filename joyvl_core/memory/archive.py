"""The event archive: what happened and when, to be asked about later. Bounded; sums survive what is dropped."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """Kinds of things worth remembering."""

    APPEAR = "appear"
    LEAVE = "leave"
    PASS = "pass"  # noqa: S105 - no password
    PUT = "put"
    TAKEN = "taken"
    SCENE = "scene"
    MOTION = "motion"
    TEXT = "text"
    TEXT_GONE = "text_gone"
    SAID = "said"
    HEARD = "heard"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        t: Session second at which it happened (for things that come: first visible).
        track: The video track it was seen on, or "".
        thing: Id of what it happened to, or None.
        text: The words, for what was read, said or heard.
        author: Who said it, for what was heard.
    """

    kind: EventKind
    t: float
    track: str = ""
    thing: int | None = None
    text: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """An event and its number in the archive, from 1."""

    id: int
    event: Event
    colour: str = ""


class EventArchive:
    """Remembers the newest events whole, and of older ones how many there were of each kind and colour."""

    def __init__(self, limit: int = 20_000) -> None:
        self._events: deque[tuple[int, Event]] = deque()
        self._limit = limit
        self._made = 0
        # A thing's colour is learned while it is watched, after the event that it appeared.
        self._colours: dict[int, str] = {}
        self._dropped: Counter[tuple[EventKind, str]] = Counter()

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: Event) -> int:
        """Remembers an event and returns its number."""
        if len(self._events) >= self._limit:
            self._drop_oldest()
        self._made += 1
        self._events.append((self._made, event))
        return self._made

    def note_colour(self, thing: int, colour: str) -> None:
        """What is known now of the colour of a thing; an empty name changes nothing."""
        if colour:
            self._colours.pop(thing, None)
            self._colours[thing] = colour
            if len(self._colours) > self._limit:
                del self._colours[next(iter(self._colours))]

    def colour_of(self, thing: int | None) -> str:
        """The last known colour of a thing, or ""."""
        return self._colours.get(thing, "") if thing is not None else ""

    def get(self, number: int | None) -> Record | None:
        """The event of that number, if it is still remembered whole."""
        if number is None:
            return None
        index = bisect_left(self._events, number, key=lambda numbered: numbered[0])
        found = self._events[index] if index < len(self._events) else None
        return self._record(*found) if found and found[0] == number else None

    def find(
        self,
        kinds: Collection[EventKind],
        *,
        since: float = float("-inf"),
        until: float = float("inf"),
        fits: Callable[[str], bool] | None = None,
    ) -> list[Record]:
        """Events of these kinds in a window of session time, in the order they happened.

        Args:
            kinds: Which kinds.
            since: First session second.
            until: Last session second.
            fits: Whether a colour name is one that is looked for; None takes every colour, unknown ones too.
        """
        found = (
            self._record(number, event)
            for number, event in self._events
            if event.kind in kinds and since <= event.t <= until
        )
        return sorted((r for r in found if fits is None or fits(r.colour)), key=lambda r: (r.event.t, r.id))

    def count(self, kinds: Collection[EventKind], *, fits: Callable[[str], bool] | None = None) -> int:
        """How many events of these kinds there were from the start, dropped ones included."""
        dropped = sum(
            number
            for (kind, colour), number in self._dropped.items()
            if kind in kinds and (fits is None or fits(colour))
        )
        return dropped + len(self.find(kinds, fits=fits))

    def note_dropped(self, kind: EventKind, number: int) -> None:
        """So many events of a kind, of unknown colour, came before all that is remembered."""
        self._dropped[kind, ""] += max(0, number)

    def forget(self, since: float, until: float) -> None:
        """Forgets the events between two session seconds; they don't count any more either."""
        self._events = deque(numbered for numbered in self._events if not since <= numbered[1].t <= until)
        left = {event.thing for _, event in self._events}
        self._colours = {thing: colour for thing, colour in self._colours.items() if thing in left}

    def _record(self, number: int, event: Event) -> Record:
        return Record(number, event, self.colour_of(event.thing))

    def _drop_oldest(self) -> None:
        _, event = self._events.popleft()
        self._dropped[event.kind, self.colour_of(event.thing)] += 1
