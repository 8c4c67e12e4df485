"""Utterances that wait for the voice: few, ordered, and dropped rather than late."""

from __future__ import annotations

from collections.abc import Iterator

from joyvl_core.acts.utterance import Utterance

Dropped = tuple[Utterance, str]
"""An utterance that will not be heard, and why."""


class Waiting:
    """At most `room` utterances: higher priority first, then older first; one per replace key.

    Args:
        room: How many may wait.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._all: list[Utterance] = []

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self._all)

    def add(self, utterance: Utterance) -> list[Dropped]:
        """Takes an utterance in; returns those that give way to it, itself perhaps among them."""
        replace = utterance.act.replace
        replaced = [old for old in self._all if replace and old.act.replace == replace]
        self._all = [*(old for old in self._all if old not in replaced), utterance]
        dropped = [(old, "replaced") for old in replaced]
        while len(self._all) > self._room:
            least = min(self._all, key=lambda each: each.act.priority)
            self._all.remove(least)
            dropped.append((least, "surplus"))
        return dropped

    def take(self, now: float) -> tuple[Utterance | None, list[Dropped]]:
        """The utterance whose turn it is, if any, and those that are too old to be said."""
        dropped = [(each, "stale") for each in self._all if each.act.expires < now]
        self._all = [each for each in self._all if each.act.expires >= now]
        if not self._all:
            return None, dropped
        first = max(self._all, key=lambda each: each.act.priority)
        self._all.remove(first)
        return first, dropped

    def clear(self) -> list[Utterance]:
        """Empties it and returns what was in it."""
        gone, self._all = self._all, []
        return gone
