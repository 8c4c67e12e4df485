"""Gates between deciding and speaking: they protect people, the model decides when.

A gated act is logged with the gate that closed, so that nothing is lost unseen.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from joyvl_core.events import Gate

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How talkative the bot may be.

    Attributes:
        per_minute: Most acts in any 60 seconds, replies to people not counted.
        duplicate_s: Seconds in which the same words for the same instruction are not said twice.
        threshold: An act passes only while P(silence), where known, is at most this: the talkativeness dial.
        quiet_hours: Local hours [from, to) in which nothing is said unasked, e.g. (22, 7); None for never.
    """

    per_minute: int = 40
    duplicate_s: float = 3.0
    threshold: float = 1.0
    quiet_hours: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An act before the gates.

    Attributes:
        timed: A timer the person asked for, which may well repeat itself.
        begun: The text is only the beginning of what will be said.
    """

    text: str
    t: float
    hour: int = 12
    instruction: str | None = None
    reply: bool = False
    timed: bool = False
    p_silence: float | None = None
    begun: bool = False


class Gates:
    """Decides whether an act passes. Owns mute, quiet and what was said lately."""

    def __init__(self, settings: GateSettings | None = None) -> None:
        self._settings = settings or GateSettings()
        self._said: deque[tuple[float, str, str | None]] = deque()
        self.muted = False
        self._quiet_until = float("-inf")

    def quiet(self, until: float) -> None:
        """Unasked speech is gated before session second `until` (infinity: until told otherwise)."""
        self._quiet_until = until

    def talk(self) -> None:
        """Ends `quiet` and mute."""
        self._quiet_until = float("-inf")
        self.muted = False

    def check(self, act: Candidate) -> Gate | None:
        """The gate that closes on this act; None lets it pass and remembers it."""
        gate = self._closed(act)
        if gate is None and not act.reply:
            self._said.append((act.t, act.text, act.instruction))
        return gate

    def _closed(self, act: Candidate) -> Gate | None:
        settings = self._settings
        # What counts for neither filter is forgotten; the rate bounds what is left.
        while self._said and act.t - self._said[0][0] >= max(_MINUTE, settings.duplicate_s):
            self._said.popleft()
        if self.muted:
            return "mute"
        if act.reply:
            return None
        if act.t < self._quiet_until or _within(act.hour, settings.quiet_hours):
            return "quiet"
        if act.p_silence is not None and act.p_silence > settings.threshold:
            return "threshold"
        if not act.timed and any(
            act.t - t < settings.duplicate_s and instruction == act.instruction and _same(text, act)
            for t, text, instruction in self._said
        ):
            return "duplicate"
        if sum(act.t - t < _MINUTE for t, _, _ in self._said) >= settings.per_minute:
            return "rate"
        return None


def _same(said: str, act: Candidate) -> bool:
    return said.startswith(act.text) if act.begun else said == act.text


def _within(hour: int, hours: tuple[int, int] | None) -> bool:
    if hours is None:
        return False
    start, end = hours
    return start <= hour < end if start <= end else hour >= start or hour < end
