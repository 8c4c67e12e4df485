"""Acts that wait for the voice: few, ordered, and dropped rather than late."""

from __future__ import annotations

from joyvl_core.ports import Act

Dropped = tuple[Act, str]
"""An act that will not be heard, and why."""


class Waiting:
    """At most `room` acts: higher priority first, then older first; one per replace key.

    Args:
        room: How many may wait.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._acts: list[Act] = []

    def __len__(self) -> int:
        return len(self._acts)

    def add(self, act: Act) -> list[Dropped]:
        """Takes an act in; returns those that give way to it, itself perhaps among them."""
        dropped = [(old, "replaced") for old in self._acts if act.replace and old.replace == act.replace]
        self._acts = [old for old in self._acts if not (act.replace and old.replace == act.replace)]
        self._acts.append(act)
        while len(self._acts) > self._room:
            least = min(self._acts, key=lambda each: each.priority)
            self._acts.remove(least)
            dropped.append((least, "surplus"))
        return dropped

    def take(self, now: float) -> tuple[Act | None, list[Dropped]]:
        """The act whose turn it is, if any, and those that are too old to be said."""
        dropped = [(act, "stale") for act in self._acts if act.expires < now]
        self._acts = [act for act in self._acts if act.expires >= now]
        if not self._acts:
            return None, dropped
        first = max(self._acts, key=lambda each: each.priority)
        self._acts.remove(first)
        return first, dropped

    def clear(self) -> list[Act]:
        """Empties it and returns what was in it."""
        acts, self._acts = self._acts, []
        return acts
