"""When a picture is due, on the loop's clock."""

from __future__ import annotations

from bot.rooms.livestream.address import Pace

LEAP = 10.0
"""Seconds a stream may jump ahead; more is a gap it has left out, not one to wait through."""


class Playout:
    """Maps a stream's own seconds onto the loop's."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._origin: float | None = None
        self._newest = 0.0

    def due(self, pts: float, now: float) -> float:
        """When the picture at `pts` is to be shown; it has been decoded at `now`."""
        if self._origin is None or self._restarts(pts, now):
            self._origin = now - pts
        self._newest = pts
        return self._origin + pts

    def heard(self, pts: float, now: float) -> float:
        """When sound at `pts` is to be heard. Pictures alone set the time."""
        return now if self._origin is None or self._pace is Pace.ARRIVAL else self._origin + pts

    def _restarts(self, pts: float, now: float) -> bool:
        """Whether time is counted anew from this picture."""
        origin = self._origin or 0.0
        match self._pace:
            case Pace.ARRIVAL:
                return True
            case Pace.ELASTIC:
                # Whoever is late once would be late for ever: what follows is shown as much later.
                return pts < self._newest or pts > self._newest + LEAP or origin + pts < now
            case Pace.FIXED:
                return pts < self._newest
