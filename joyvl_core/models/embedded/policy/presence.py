"""Wishes about coming and going: tell, and greet."""

from __future__ import annotations

import re
from collections.abc import Sequence

from joyvl_core.models.embedded import cues
from joyvl_core.models.embedded.percepts import Percept, PerceptKind, Thing
from joyvl_core.models.embedded.policy import colours, nouns, phrases
from joyvl_core.models.embedded.policy.arrivals import Arrivals
from joyvl_core.models.embedded.policy.proposing import Moment, Priority, Served, Utterance, WishPolicy
from joyvl_core.models.embedded.wishes import Category, Wish

_AGAIN = 5.0
"""Seconds in which a second newcomer is called another one."""
_GREETING_HOLDS = 3.0
"""Seconds in which people who come together are greeted once."""
_EMPTY_HOLDS = 1.0
"""Seconds that nothing must be there before everyone is gone."""

_MORNING = re.compile(r"\bgood (morning|afternoon|evening|night|day)\b", re.IGNORECASE)
_ZH_GREETING = re.compile(r"(?:早上好|上午好|下午好|晚上好|早安|欢迎光临|欢迎)")


class Appear(WishPolicy):
    """Tells of each appearance once, at once."""

    kinds = frozenset({PerceptKind.APPEAR})

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._arrivals = Arrivals(served.wish, served.start)
        self._row = _Row()

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        if self.done:
            return []
        come = self._arrivals.take(percepts, moment.present, moment.now)
        if self.wish.first and come:
            self.done = True
            come = come[:1]
        return [self._tell(thing, moment.now) for thing in come]

    def wake_at(self) -> float | None:
        return self._arrivals.wake_at()

    def _tell(self, thing: Thing, now: float) -> Utterance:
        words = self.wish.quote or _line("appear", self.wish, self._row.place(now))
        return self.utter(words, Priority.ALERT, now, f"appeared at {phrases.clock(thing.since)}")


class _Row:
    """Things that come or go shortly after one another: each is told in other words than the one before."""

    def __init__(self) -> None:
        self._told = float("-inf")
        self._place = 0

    def place(self, now: float) -> int:
        """The place of the one that is told now in the row, 0 for the first."""
        self._place = self._place + 1 if now - self._told < _AGAIN else 0
        self._told = now
        return self._place


def _line(event: str, wish: Wish, place: int) -> str:
    """Who came or left, named no more surely than seen; a colour only where the wish names one."""
    again = "_again" if place else ""
    maybe = "" if nouns.is_plain(wish) else "_maybe"
    somebody = "_somebody" if nouns.is_somebody(wish) or (maybe and wish.category is Category.PERSON) else ""
    return phrases.line(
        f"{event}{maybe}{somebody}{again}",
        wish.language,
        turn=place - 1 if place else 0,
        a=nouns.perhaps(wish) if maybe else nouns.a_thing(wish, wish.colour),
        the=nouns.the_thing(wish, wish.colour),
        noun=f"{wish.colour} {nouns.noun(wish) or 'thing'}".strip(),
    )


class Leave(WishPolicy):
    """Tells of each departure once."""

    kinds = frozenset({PerceptKind.LEAVE})

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._row = _Row()

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        if self.done:
            return []
        gone = [
            p.thing
            for p in self.wanted(percepts)
            if p.thing is not None and colours.fits(self.wish.colour, p.thing.colour)
        ]
        if self.wish.first and gone:
            self.done = True
            gone = gone[:1]
        return [self._tell(thing, moment.now) for thing in gone]

    def _tell(self, thing: Thing, now: float) -> Utterance:
        words = self.wish.quote or _line("leave", self.wish, self._row.place(now))
        return self.utter(words, Priority.ALERT, now, f"left at {phrases.clock(thing.last)}")


class Emptied(WishPolicy):
    """Tells once each time that the last one has gone."""

    kinds = frozenset({PerceptKind.APPEAR, PerceptKind.LEAVE})

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._occupied = False
        self._empty_since: float | None = None

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        wanted = self.wanted(percepts)
        if moment.present:
            self._occupied, self._empty_since = True, None
            return []
        self._occupied = self._occupied or bool(wanted)
        if not self._occupied:
            return []
        if self._empty_since is None or any(p.kind is PerceptKind.APPEAR for p in wanted):
            self._empty_since = moment.now
        if moment.now - self._empty_since < _EMPTY_HOLDS:
            return []
        self._occupied, self._empty_since = False, None
        words = self.wish.quote or phrases.line("empty", self.wish.language)
        return [self.utter(words, Priority.ALERT, moment.now, "nobody is left")]

    def wake_at(self) -> float | None:
        return None if self._empty_since is None else self._empty_since + _EMPTY_HOLDS


def leave_policy(served: Served) -> Leave | Emptied:
    """The policy for a wish about leaving: each one's, or the last one's."""
    asked = f"{served.wish.object} {served.wish.text}".lower()
    return Emptied(served) if cues.everyone(asked) else Leave(served)


class Greet(WishPolicy):
    """Greets who comes; says goodbye to who leaves, where that is wished for."""

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._goodbyes = cues.goodbye(served.wish.text.lower())
        self.kinds = frozenset({PerceptKind.APPEAR} | ({PerceptKind.LEAVE} if self._goodbyes else set()))
        self._arrivals = Arrivals(served.wish, served.start)
        self._greeted = float("-inf")

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        if self.done:
            return []
        said = []
        if self._arrivals.take(percepts, moment.present, moment.now):
            if moment.now - self._greeted >= _GREETING_HOLDS:
                said.append(self.utter(self._greeting(), Priority.ALERT, moment.now, "somebody came"))
                self.done = self.wish.first and not self._goodbyes
            self._greeted = moment.now
        if self._goodbyes and any(p.kind is PerceptKind.LEAVE for p in self.wanted(percepts)):
            words = phrases.line("goodbye", self.wish.language)
            said.append(self.utter(words, Priority.ALERT, moment.now, "somebody left"))
        return said

    def wake_at(self) -> float | None:
        return self._arrivals.wake_at()

    def _greeting(self) -> str:
        if self.wish.quote and not cues.goodbye(self.wish.quote.lower()):
            return self.wish.quote
        if self.wish.language == "zh":
            named = _ZH_GREETING.search(self.wish.text)
            if named and named[0] != "欢迎":
                return f"{named[0]}！"
            return "欢迎！" if named else phrases.line("hello", "zh")
        if named := _MORNING.search(self.wish.text):
            return f"{named[0].capitalize()}!"
        return "Welcome!" if "welcome" in self.wish.text.lower() else phrases.line("hello", "en")
