"""What the embedded model remembers beyond its process: its archive, and how far it has counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from joyvl_core.memory.archive import Event, EventArchive, EventKind
from joyvl_core.memory.items import MemoryItem
from joyvl_core.models.embedded.policy import colours
from joyvl_core.observation import Instruction
from joyvl_core.ports import MemoryKeeper

_LONGEST = 2_000
_Words = Annotated[str, Field(max_length=4_000)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]

_TOLD: dict[EventKind, tuple[str, str]] = {
    EventKind.APPEAR: ("{something} came", "来了{something}"),
    EventKind.LEAVE: ("{something} left", "{something}走了"),
    EventKind.PASS: ("{something} passed", "{something}经过了"),
    EventKind.PUT: ("{something} was put down", "放下了{something}"),
    EventKind.TAKEN: ("{something} was taken away", "{something}被拿走了"),
    EventKind.SCENE: ("the picture changed", "画面变了"),
    EventKind.MOTION: ("{something} moved", "{something}动了"),
    EventKind.TEXT: ("the text “{text}” could be read", "读到文字“{text}”"),
    EventKind.TEXT_GONE: ("the text “{text}” was gone", "文字“{text}”没了"),
}


class _Kept(BaseModel):
    """An event as it is kept. `thing` is unique over all processes; `nth` of its kind, from 1."""

    model_config = ConfigDict(extra="ignore")

    event: EventKind
    track: _Words = ""
    thing: Annotated[int, Field(ge=0)] | None = None
    text: _Words = ""
    author: _Words = ""
    colour: _Words = ""
    nth: Annotated[int, Field(ge=1)] = 1


class _Total(BaseModel):
    """How far a wish with these words has been counted."""

    model_config = ConfigDict(extra="ignore")

    instruction: _Words
    words: _Words
    total: Annotated[int, Field(ge=0)]


class _When(BaseModel):
    t: _Finite


class Remembered:
    """The archive, with a copy of what goes into it for the keeper.

    What was said and heard has no text of its own among the items: its words are in the session's log, which is
    searched too. Things of earlier processes have negative ids in the archive, so that they are never taken for what
    is seen now.

    Attributes:
        keeper: Where copies go; None keeps none.
        language: Of the words by which what was seen is found again, `en` or `zh`.
    """

    def __init__(self, archive: EventArchive) -> None:
        self._archive = archive
        self.keeper: MemoryKeeper | None = None
        self.language = "en"
        self._made: Counter[EventKind] = Counter()
        self._things_before = 0
        self._totals_before: dict[str, _Total] = {}
        self._totals_kept: dict[str, tuple[str, int]] = {}

    def add(self, event: Event) -> None:
        """Remembers an event."""
        self._archive.add(event)
        self._made[event.kind] += 1
        if self.keeper is None:
            return
        colour = self._archive.colour_of(event.thing)
        kept = _Kept.model_construct(
            event=event.kind,
            track=event.track[:_LONGEST],
            thing=None if event.thing is None else event.thing + self._things_before,
            text=event.text[:_LONGEST],
            author=event.author[:_LONGEST],
            colour=colour,
            nth=self._made[event.kind],
        )
        kind = _item_kind(event.kind)
        text = self._told(event, colour) if kind == "seen" else ""
        self.keeper.keep(MemoryItem(kind, event.t, event.t, text, data=kept.model_dump(mode="json")))

    def note_colour(self, thing: int, colour: str) -> None:
        """What is known now of the colour of a thing. It is kept with the next event of the thing."""
        self._archive.note_colour(thing, colour)

    def note_total(self, instruction: Instruction, total: int, now: float) -> None:
        """How far a wish has been counted."""
        state = (instruction.text, total)
        if self.keeper is None or self._totals_kept.get(instruction.id) == state:
            return
        self._totals_kept[instruction.id] = state
        counted = _Total.model_construct(instruction=instruction.id, words=instruction.text[:_LONGEST], total=total)
        self.keeper.keep(MemoryItem("total", now, now, "", data=counted.model_dump()))

    def take_total(self, instruction: Instruction) -> int | None:
        """How far the same wish was counted before the restart, once; None for others."""
        before = self._totals_before.pop(instruction.id, None)
        return before.total if before is not None and before.words == instruction.text[:_LONGEST] else None

    def resume(self, items: Sequence[MemoryItem]) -> None:
        """Takes up what was kept. Items of other kinds, and those that can't be read, are passed over."""
        first: dict[EventKind, int] = {}
        for item in items:
            try:
                t = _When(t=item.t).t
                if item.kind == "total":
                    total = _Total.model_validate(item.data)
                    self._totals_before[total.instruction] = total
                elif item.kind in ("seen", "said", "heard"):
                    kept = _Kept.model_validate(item.data)
                    first[kept.event] = min(kept.nth, first.get(kept.event, kept.nth))
                    self._made[kept.event] = max(kept.nth, self._made[kept.event])
                    self._take_up(kept, t)
            except ValidationError:
                continue
        for kind, nth in first.items():
            self._archive.note_dropped(kind, nth - 1)

    def forget(self, since: float, until: float) -> None:
        """Forgets the events of a range of session seconds. Totals stay, and are kept anew."""
        self._archive.forget(since, until)
        self._totals_kept.clear()

    def _take_up(self, kept: _Kept, t: float) -> None:
        thing = None
        if kept.thing is not None:
            thing = -1 - kept.thing
            self._things_before = max(self._things_before, kept.thing + 1)
        self._archive.add(Event(kept.event, t, kept.track, thing=thing, text=kept.text, author=kept.author))
        if thing is not None:
            self._archive.note_colour(thing, kept.colour)

    def _told(self, event: Event, colour: str) -> str:
        if self.language == "zh":
            something = f"{colours.in_chinese(colour)}的东西" if colour else "东西"
            return _TOLD[event.kind][1].format(something=something, text=event.text[:_LONGEST])
        return _TOLD[event.kind][0].format(something=f"something {colour}".strip(), text=event.text[:_LONGEST])


def _item_kind(kind: EventKind) -> Literal["seen", "said", "heard"]:
    match kind:
        case EventKind.SAID:
            return "said"
        case EventKind.HEARD:
            return "heard"
        case _:
            return "seen"
