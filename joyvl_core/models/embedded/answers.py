"""Answers to questions about the past and the present, from memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from joyvl_core.media import Frame
from joyvl_core.memory.archive import EventArchive, EventKind, Record
from joyvl_core.memory.working import WorkingMemory
from joyvl_core.models.embedded.percepts import Thing
from joyvl_core.models.embedded.policy import Moment, colours, nouns, phrases
from joyvl_core.models.embedded.wishes import Category, Intent, Running, Wish

_KINDS: dict[Intent, tuple[EventKind, ...]] = {
    Intent.APPEAR: (EventKind.APPEAR,),
    Intent.GREET: (EventKind.APPEAR,),
    Intent.COUNT_PASSING: (EventKind.APPEAR,),
    Intent.LEAVE: (EventKind.LEAVE,),
    Intent.SCENE_CHANGE: (EventKind.SCENE,),
    Intent.STATIC_CHANGE: (EventKind.PUT, EventKind.TAKEN),
    Intent.READ_TEXT: (EventKind.TEXT,),
    Intent.MOTION_ALERT: (EventKind.MOTION, EventKind.APPEAR),
}
_HAPPENED = (
    EventKind.APPEAR,
    EventKind.LEAVE,
    EventKind.SCENE,
    EventKind.PUT,
    EventKind.TAKEN,
    EventKind.TEXT,
    EventKind.MOTION,
)
_ASKED = re.compile(r"\b(?:i|we) (?:asked|told)\b|问你|我说")
_THAT = re.compile(r"\b(?:that|this|it)\b|那|这|刚才|刚刚")
_THERE = re.compile(r"\b(?:there|here|parked|standing|sitting|waiting)\b|在那|在这|停|站|坐|待")
_SINCE_LAST = re.compile(r"\bsince (?:the |an?|any|some|we|you|i)|\blast time\b|离上|距上|距离上|上一|上次|上个")
_WAS = re.compile(r"\b(?:was|were|did)\b|待了|停了|站了|呆了|坐了")
_EMPTY = re.compile(r"\b(?:empty|deserted|nobody|no one)\b|空|没人")

_RECENT = 3600.0
"""Seconds for which it is said how long ago something was."""
_LISTED = 4
"""How many things of a kind a summary tells apart."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and the archive's event it is about, if it is about one."""

    text: str
    about: int | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What an answer needs to know beside the past.

    Attributes:
        running: The wishes that are being served, oldest first.
        totals: The running totals of those that count, by instruction id.
        asked: Session second at which the oldest running wish was made, None without one.
        instructions: The words of every instruction in force, by id.
        frames: The newest picture of every track.
        wall_time: Times are told by the time of day, not by the session's clock.
    """

    moment: Moment
    language: str = "en"
    running: tuple[Running, ...] = ()
    totals: Mapping[str, int] = field(default_factory=dict)
    asked: float | None = None
    instructions: Mapping[str, str] = field(default_factory=dict)
    frames: tuple[Frame, ...] = ()
    wall_time: bool = False


class Answers:
    """Answers one question at a time; owns nothing, reads the memories."""

    def __init__(self, archive: EventArchive, working: WorkingMemory) -> None:
        self._archive = archive
        self._working = working

    def answer(self, wish: Wish, situation: Situation) -> Answer:
        """The answer to a question, in the language it was asked in."""
        match wish.intent:
            case Intent.COUNT_SO_FAR:
                return self._so_far(wish, situation)
            case Intent.PAST_WHEN:
                return self._when(wish, situation)
            case Intent.PAST_WHAT if wish.event is Intent.READ_TEXT:
                return self._read(wish, situation)
            case Intent.PAST_WHAT:
                return self._what(wish, situation)
            case Intent.TIME_ELAPSED:
                return self._elapsed(wish, situation)
            case _:
                return self._present(wish, situation)

    def _so_far(self, wish: Wish, situation: Situation) -> Answer:
        counted = self._counted(wish, situation)
        if counted is not None:
            total = situation.totals[counted.id]
        else:
            kinds = _KINDS.get(wish.event or Intent.APPEAR, (EventKind.APPEAR,))
            total = self._archive.count(kinds, fits=_colour_filter(wish))
        if total == 0:
            return Answer(phrases.line("none_so_far", wish.language))
        about = counted.wish if counted and wish.category is Category.ANYTHING else wish
        plain = about.language != wish.language or about.category is Category.ANYTHING
        named = f"{total}{'个' * (wish.language == 'zh')}" if plain else nouns.several(about, total)
        return Answer(phrases.line("so_far", wish.language, n=named))

    def _counted(self, wish: Wish, situation: Situation) -> Running | None:
        """The running count that is meant: the one about the same, else the newest one."""
        counting = [running for running in situation.running if running.id in situation.totals]
        same = [r for r in counting if r.wish.colour == wish.colour and r.wish.category is wish.category]
        if wish.object and not same:
            # "How many dogs" while cars are counted: only a count of anything answers for them.
            same = [r for r in counting if r.wish.colour == wish.colour and _vague(r.wish, wish)]
        chosen = same or ([] if wish.object else counting)
        return chosen[-1] if chosen else None

    def _when(self, wish: Wish, situation: Situation) -> Answer:
        if wish.event is Intent.LEAVE and wish.ordinal and wish.ordinal > 0:
            return self._when_left(wish, situation)
        found = self._about(wish, situation)
        if not found:
            return Answer(phrases.line("never_seen", wish.language))
        index = wish.ordinal - 1 if wish.ordinal and wish.ordinal > 0 else (wish.ordinal or -1)
        if wish.first:
            index = 0
        if not -len(found) <= index < len(found):
            return Answer(phrases.line("never_seen", wish.language))
        record = found[index]
        text = self._tell_when(wish, record, situation)
        if len(found) > 1 and wish.ordinal is None and not wish.first and (wish.object or wish.event):
            text = f"{text}{'' if wish.language == 'zh' else ' '}" + phrases.line(
                "last_of", wish.language, n=str(len(found))
            )
        return Answer(text, record.id)

    def _when_left(self, wish: Wish, situation: Situation) -> Answer:
        """When the second one to come left: not the second that left."""
        came = self._find(wish, (EventKind.APPEAR,))
        nth = (wish.ordinal or 1) - 1
        if nth >= len(came):
            return Answer(phrases.line("never_seen", wish.language))
        thing = came[nth].event.thing
        gone = [record for record in self._archive.find((EventKind.LEAVE,)) if record.event.thing == thing]
        if gone:
            return Answer(self._tell_when(wish, gone[-1], situation), gone[-1].id)
        there = any(present.id == thing for present in situation.moment.present)
        return Answer(phrases.line("still_there" if there else "never_seen", wish.language), came[nth].id)

    def _read(self, wish: Wish, situation: Situation) -> Answer:
        found = self._archive.find((EventKind.TEXT,))
        back = -wish.ordinal if wish.ordinal and wish.ordinal < 0 else 1
        if len(found) < back:
            return Answer(phrases.line("nothing_read", wish.language))
        return Answer(self._tell_when(wish, found[-back], situation), found[-back].id)

    def _about(self, wish: Wish, situation: Situation) -> list[Record]:
        """The events a question about a moment can mean, oldest first."""
        if wish.event is None and wish.category is Category.ANYTHING and not wish.colour:
            if wish.object and not _THAT.search(wish.text.lower()):
                return []
            subject = self._archive.get(self._working.subject())
            return [subject] if subject else self._archive.find(_HAPPENED)[-1:]
        kinds = _KINDS.get(wish.event or Intent.APPEAR, (EventKind.APPEAR,))
        return self._find(wish, kinds)

    def _find(self, wish: Wish, kinds: Collection[EventKind]) -> list[Record]:
        found = self._archive.find(kinds, fits=_colour_filter(wish))
        if not found and wish.colour:
            found = self._archive.find(kinds, fits=lambda seen: colours.kin(wish.colour, seen))
        return found

    def _tell_when(self, wish: Wish, record: Record, situation: Situation) -> str:
        event = record.event
        return phrases.line(
            f"when_{event.kind.value}",
            wish.language,
            the=nouns.spoken_of(wish, wish.colour or record.colour),
            at=told_at(event.t, situation),
            ago=_ago(event.t, situation, wish.language),
            text=event.text,
        )

    def _elapsed(self, wish: Wish, situation: Situation) -> Answer:
        now, language = situation.moment.now, wish.language
        if situation.asked is not None and _ASKED.search(wish.text.lower()):
            time = phrases.duration(now - situation.asked, language)
            return Answer(phrases.line("since_asked", language, time=time))
        if wish.event in (Intent.LEAVE, Intent.SCENE_CHANGE, Intent.STATIC_CHANGE, Intent.READ_TEXT):
            return self._since_event(wish, situation)
        if _SINCE_LAST.search(wish.text.lower()):
            return self._since_event(wish, situation)
        if _WAS.search(wish.text.lower()) and (stayed := self._stayed(wish, situation)):
            return stayed
        if wish.category is not Category.ANYTHING or _THERE.search(wish.text.lower()):
            moment = situation.moment
            seen = moment.placed if wish.category is Category.OBJECT else moment.present
            there = _matching(wish, seen)
            if not there:
                return self._stayed(wish, situation) or Answer(phrases.line("not_there", language))
            since = min(thing.since for thing in there)
            time = phrases.duration(now - since, language)
            return Answer(phrases.line("for_time", language, time=time, at=told_at(since, situation)))
        return Answer(phrases.line("watching", language, time=phrases.duration(now, language)))

    def _stayed(self, wish: Wish, situation: Situation) -> Answer | None:
        """How long the one that left last was there: of what was spoken of before, where that is meant."""
        gone = self._archive.find((EventKind.LEAVE,), fits=_colour_filter(wish))
        subject = self._archive.get(self._working.subject())
        if subject is not None and wish.category is Category.ANYTHING and not wish.colour:
            gone = [record for record in gone if record.event.thing == subject.event.thing] or gone
        for left in reversed(gone):
            came = [r for r in self._archive.find((EventKind.APPEAR,)) if r.event.thing == left.event.thing]
            if came and left.event.thing is not None:
                start, end = came[-1].event.t, left.event.t
                at, until = told_at(start, situation), told_at(end, situation)
                time = phrases.duration(end - start, wish.language)
                return Answer(phrases.line("stayed", wish.language, time=time, at=at, until=until), left.id)
        return None

    def _since_event(self, wish: Wish, situation: Situation) -> Answer:
        if wish.event is Intent.LEAVE and situation.moment.present and _EMPTY.search(wish.text.lower()):
            return Answer(phrases.line("not_empty", wish.language))
        kinds = _KINDS.get(wish.event or Intent.APPEAR, (EventKind.APPEAR,))
        found = self._find(wish, kinds)
        if not found:
            return Answer(phrases.line("never_seen", wish.language))
        record = found[-1]
        time = phrases.duration(situation.moment.now - record.event.t, wish.language)
        return Answer(
            phrases.line("since_event", wish.language, time=time, at=told_at(record.event.t, situation)), record.id
        )

    def _what(self, wish: Wish, situation: Situation) -> Answer:
        now, language = situation.moment.now, wish.language
        since = now - wish.within if wish.within else float("-inf")
        time = phrases.duration(wish.within or 0.0, language)
        # "In the last minute", but "in the last 1 minute 5 seconds".
        time = time.removeprefix("1 ") if time.count(" ") == 1 else time
        window = phrases.line("window", language, time=time) if wish.within else ""
        window = f" {window[:1].lower()}{window[1:]}" if window and language != "zh" else window
        found = self._archive.find(_HAPPENED, since=since, fits=_colour_filter(wish))
        parts = self._summary(found, wish, situation)
        if not parts:
            return Answer(phrases.line("nothing_happened", language, window=window))
        return Answer(
            phrases.line("summary", language, parts=phrases.joined(parts, language), window=window), found[-1].id
        )

    def _summary(self, found: Sequence[Record], wish: Wish, situation: Situation) -> list[str]:
        """What happened, one part a kind of event."""
        by_kind: dict[EventKind, list[Record]] = {}
        for record in found:
            by_kind.setdefault(record.event.kind, []).append(record)
        parts = []
        for kind in _HAPPENED:
            if not (records := by_kind.get(kind)):
                continue
            if kind is EventKind.MOTION and EventKind.APPEAR in by_kind:
                continue
            # What is no longer remembered whole still counts.
            n = len(records) if wish.within else self._archive.count((kind,), fits=_colour_filter(wish))
            parts.append(_part(kind, n, records, situation, zh=wish.language == "zh"))
        return parts

    def _present(self, wish: Wish, situation: Situation) -> Answer:
        number = len(_matching(wish, situation.moment.present))
        if number == 0:
            key = "see_nobody" if nouns.is_somebody(wish) else "see_none"
            return Answer(phrases.line(key, wish.language))
        return Answer(phrases.line("see", wish.language, n=nouns.several(wish, number)))


def _colour_filter(wish: Wish) -> _Fits | None:
    return _Fits(wish.colour) if wish.colour else None


@dataclass(frozen=True, slots=True)
class _Fits:
    asked: str

    def __call__(self, seen: str) -> bool:
        return colours.fits(self.asked, seen)


def _vague(counted: Wish, asked: Wish) -> bool:
    return Category.ANYTHING in (counted.category, asked.category)


def _matching(wish: Wish, present: Sequence[Thing]) -> list[Thing]:
    return [thing for thing in present if colours.fits(wish.colour, thing.colour)]


def told_at(t: float, situation: Situation) -> str:
    """A moment as people are told it: on the session's clock, or as the time of day."""
    if situation.wall_time:
        return phrases.wall_clock(situation.moment.wall - (situation.moment.now - t))
    return phrases.clock(t)


def _ago(t: float, situation: Situation, language: str) -> str:
    passed = situation.moment.now - t
    if passed > _RECENT:
        return ""
    return phrases.line("ago", language, time=phrases.duration(passed, language))


_PARTS = {
    EventKind.APPEAR: ("{n} {things} came{details}", "来了{n}个{details}"),
    EventKind.LEAVE: ("{n} left{details}", "走了{n}个{details}"),
    EventKind.SCENE: ("the picture changed {times}{details}", "画面变了{n}次{details}"),
    EventKind.PUT: ("something was put down {times}{details}", "放下东西{n}次{details}"),
    EventKind.TAKEN: ("something was taken away {times}{details}", "东西被拿走{n}次{details}"),
    EventKind.TEXT: ("I read {details}", "读到{details}"),
    EventKind.MOTION: ("something moved {times}{details}", "有{n}次动静{details}"),
}


def _part(kind: EventKind, n: int, records: Sequence[Record], situation: Situation, *, zh: bool) -> str:
    language = "zh" if zh else "en"
    if kind is EventKind.TEXT:
        newest = list(Counter(record.event.text for record in records))[-_LISTED:]
        details = ("、" if zh else ", ").join(f"“{text}”" for text in newest)
    else:
        named = [_named(record, situation, language) for record in records[-_LISTED:]]
        earlier = ("…" if zh else "… ") if n > len(named) else ""
        details = f"（{earlier}{'、'.join(named)}）" if zh else f" ({earlier}{', '.join(named)})"
    times = {1: "once", 2: "twice"}.get(n, f"{n} times")
    return _PARTS[kind][zh].format(n=n, things="thing" if n == 1 else "things", times=times, details=details)


def _named(record: Record, situation: Situation, language: str) -> str:
    colour = colours.in_chinese(record.colour) if language == "zh" else record.colour
    return f"{colour} {told_at(record.event.t, situation)}".strip()
