"""Which statuses the people in a room are told, and how often."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from joyvl_core.clock import Clock
from joyvl_core.events import AnyEvent, StatusEvent
from joyvl_core.text import tidy

PRIVATE = (
    *("room.", "track.", "log.", "voice.", "codec.", "look.", "sink.", "chat.", "asked.", "unmuted"),
    *("session.", "store.", "archive.", "recording.", "delegate.", "model.hampered", "link.", "talkativeness"),
)
"""Statuses of these parts concern whoever runs the bot, not the people in the room."""
_STOPS = (".", "!", "?", "…", "。", "！", "？")
_EACH_TIME = ("paused", "resumed")
"""The room must know at every moment whether it is watched: these are told however often they come."""
_LONGEST = 500
_REMEMBERED = 256
_SAME_AFTER = 60.0
"""Seconds after which the room is told the same again, unless it is about a wish: that is told once."""


class Notices:
    """Makes a line of chat of a status about a wish, or about the model. Subscribe `hear` to an `EventLog`.

    Args:
        clock: The session's clock.
        say: Takes the line.
        asked_here: Whether the wish of that id was typed in this room: what was understood of it is answered here.
    """

    def __init__(self, clock: Clock, say: Callable[[str], None], asked_here: Callable[[str], bool]) -> None:
        self._clock = clock
        self._say = say
        self._asked_here = asked_here
        self._told_at: OrderedDict[tuple[str, str, str | None], float] = OrderedDict()

    def hear(self, event: AnyEvent) -> None:
        """Takes in one event of the log."""
        if isinstance(event, StatusEvent) and not event.state.startswith(PRIVATE) and not self._told(event):
            reason = event.reason if event.reason.endswith(_STOPS) else f"{event.reason}."
            self._say(tidy(f"ℹ {reason} {event.remedy}".strip(), _LONGEST))

    def _told(self, event: StatusEvent) -> bool:
        """Whether the room knows this already."""
        if event.state == "understood" and event.instruction and self._asked_here(event.instruction):
            return True
        if event.state in _EACH_TIME:
            return False
        same, now = (event.state, event.reason, event.instruction), self._clock.now()
        before = self._told_at.get(same)
        if before is not None and (event.instruction or now - before < _SAME_AFTER):
            return True
        self._told_at[same] = now
        if len(self._told_at) > _REMEMBERED:
            self._told_at.popitem(last=False)
        return False
