"""What a running session tells, gathered for one page."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from web_dashboard.services import history_views as views

if TYPE_CHECKING:
    from web_dashboard.fleet.fleet import Fleet
    from web_dashboard.fleet.hub import Live

_CELLS = 1_000
_LINES = 300
_LOOK_AGAIN = 0.5
"""Seconds until a session that is not under way yet is looked for again."""
_ABOUT = {"instruction": "instructions", "ticket": "tickets", "status": "health"}


class Following:
    """Gathers what happens until the page takes it; what nobody takes gives way, the oldest first.

    Attributes:
        cells: Ticks for the timeline.
        lines: For the transcript.
        delivered: Epoch, tick, sink, session second and why it was dropped.
        changed: Which parts of the page have something new.
        minutes: Tokens by minute, gone on with as ticks come.
    """

    def __init__(self, fleet: Fleet, session: str) -> None:
        self._fleet = fleet
        self._session = session
        self.cells: deque[dict[str, Any]] = deque(maxlen=_CELLS)
        self.lines: deque[dict[str, Any]] = deque(maxlen=_LINES)
        self.delivered: deque[tuple[int, int, str, float, str]] = deque(maxlen=_LINES)
        self.changed: set[str] = set()
        self.minutes: views.TokenMeter | None = None

    @property
    def live(self) -> Live | None:
        """What is known of the session right now."""
        return self._fleet.live(self._session)

    async def run(self) -> None:
        """Listens until it is cancelled; a session that starts again is listened to again."""
        while True:
            live = self.live
            if live is not None:
                with live.subscribe() as lines:
                    async for line in lines:
                        self._take(line, live.epoch)
            await asyncio.sleep(_LOOK_AGAIN)

    def _take(self, line: dict[str, Any], epoch: int) -> None:
        kind = line.get("kind")
        if kind == "tick":
            self.cells.append(views.cell_of(line, epoch).model_dump(mode="json", exclude_defaults=True))
            if self.minutes is not None:
                self.minutes.add(line)
            if line.get("action") != "silence":
                self.changed.add("instructions")
        elif kind == "delivery":
            words = (str(line.get("sink") or ""), float(line["t"]), str(line.get("dropped") or ""))
            self.delivered.append((epoch, int(line["tick"]), *words))
        elif kind in _ABOUT:
            self.changed.add(_ABOUT[kind])
        shown = views.line_of(line, epoch, "")
        if shown is not None:
            self.lines.append(shown.model_dump(mode="json"))

    def take_cells(self) -> list[dict[str, Any]]:
        """What came since the last time."""
        return _emptied(self.cells)

    def take_lines(self) -> list[dict[str, Any]]:
        """What came since the last time."""
        return _emptied(self.lines)

    def take_delivered(self) -> list[tuple[int, int, str, float, str]]:
        """What came since the last time."""
        return _emptied(self.delivered)


def _emptied(waiting: deque[Any]) -> list[Any]:
    taken = list(waiting)
    waiting.clear()
    return taken
