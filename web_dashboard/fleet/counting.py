"""What the fleet counts, for metrics and the system page."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bot.link.messages import Heartbeat

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the buckets of a command's time, in seconds."""


@dataclass
class Latency:
    """A histogram of seconds. `buckets` counts those up to each of `BOUNDS`, the last all that took longer."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    count: int = 0
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """Counts one."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.count += 1
        self.total += seconds


@dataclass
class Totals:
    """What sessions have used."""

    ticks: int = 0
    skipped: int = 0
    tokens: int = 0
    tokens_dense: int = 0
    spent_tokens: int = 0
    cost: float = 0.0

    def add(self, heartbeat: Heartbeat | None) -> None:
        """Adds what a process told last."""
        if heartbeat is None:
            return
        self.ticks += heartbeat.ticks
        self.skipped += heartbeat.skipped
        self.tokens += heartbeat.tokens
        self.tokens_dense += heartbeat.tokens_dense
        self.spent_tokens += heartbeat.spent_tokens
        self.cost += heartbeat.cost


@dataclass
class Counts:
    """Counters since the start of this server; `states` is of this moment."""

    states: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    restarts: int = 0
    lost: int = 0
    failed: int = 0
    links: int = 0
    reconnects: int = 0
    dismissed: int = 0
    junk: int = 0
    commands: Counter[tuple[str, str]] = field(default_factory=Counter)  # by name and outcome
    latency: Latency = field(default_factory=Latency)
    past: Totals = field(default_factory=Totals)  # of processes that are gone

    def snapshot(self) -> dict[str, Any]:
        """All of them as plain values."""
        return {
            "sessions": dict(self.states),
            "starts": self.starts,
            "restarts": self.restarts,
            "lost": self.lost,
            "failed": self.failed,
            "links": self.links,
            "reconnects": self.reconnects,
            "dismissed": self.dismissed,
            "junk": self.junk,
            "commands": {f"{name}:{outcome}": n for (name, outcome), n in self.commands.items()},
            "command_seconds": {
                "bounds": list(BOUNDS),
                "buckets": list(self.latency.buckets),
                "count": self.latency.count,
                "sum": self.latency.total,
            },
        }
