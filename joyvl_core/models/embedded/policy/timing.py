"""Wishes about time: every so often, and once after a while."""

from __future__ import annotations

import math
from collections.abc import Sequence

from joyvl_core.models.embedded.percepts import Percept
from joyvl_core.models.embedded.policy import phrases
from joyvl_core.models.embedded.policy.proposing import Moment, Priority, Served, Utterance, WishPolicy
from joyvl_core.models.embedded.wishes import Wish

_EXACT = 1e-3
"""Seconds by which a timer may be early: floating point, not policy."""
_SHORTEST = 1.0
"""Nobody wants to hear something more often than this."""


class TimeEvery(WishPolicy):
    """Speaks at start + k·every. Where moments were missed, once for the last of them."""

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._every = max(served.wish.every or served.wish.within or 60.0, _SHORTEST)
        self._next = 1

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        passed = math.floor((moment.now + _EXACT - self.served.start) / self._every)
        if passed < self._next:
            return []
        self._next = passed + 1
        due = self.served.start + passed * self._every
        words = spoken(self.wish) or self._time(due, moment)
        key = f"{self.served.id}:time"
        return [self.utter(words, Priority.TIME, moment.now, f"due at {phrases.clock(due)}", lifetime=2.0, replace=key)]

    def wake_at(self) -> float | None:
        return self.served.start + self._next * self._every

    def _time(self, due: float, moment: Moment) -> str:
        if self.served.wall_time:
            return phrases.wall_clock(moment.wall - (moment.now - due))
        return phrases.duration(due, self.wish.language)


class TimeIn(WishPolicy):
    """Speaks once, `within` seconds after the wish was made."""

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._within = served.wish.within or served.wish.every or 0.0

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> list[Utterance]:
        if self.done or moment.now + _EXACT < self.served.start + self._within:
            return []
        self.done = True
        words = spoken(self.wish) or self._up()
        # A reminder that comes late is still wanted.
        return [self.utter(words, Priority.ALERT, moment.now, "the time is up", lifetime=60.0)]

    def wake_at(self) -> float | None:
        return None if self.done else self.served.start + self._within

    def _up(self) -> str:
        time = phrases.duration(self._within, self.wish.language)
        if self.wish.language != "zh":
            time = f"{time} {'is' if time.startswith('1 ') and time.count(' ') == 1 else 'are'}"
        return phrases.line("time_up", self.wish.language, time=time)


def spoken(wish: Wish) -> str:
    """What a timed wish wants said: its quote, or the topic it is about; "" for the time itself."""
    if wish.quote:
        return wish.quote
    if wish.topic and not wish.say_time:
        return phrases.line("topic", wish.language, topic=wish.topic.strip(" .。!！"))
    return ""
