"""What is known of a pool's workers: from their reports alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.link.worker_messages import DEAD_AFTER, WorkerHello, WorkerReport

GONE_AFTER = 2.0
"""Seconds after its connection has closed in which a worker that lives is back."""
MAX_WORKERS = 200
"""Workers that are listened to at the same time."""

Start = tuple[str, int]
"""One start of a session: its id, and which it is."""


@dataclass(frozen=True, slots=True)
class Known:
    """A worker as it reported last.

    Attributes:
        hello: What it said of itself.
        report: Its newest report; None before the first.
        heard: Unix seconds of its last word.
        since: Unix seconds since which it is known.
        left: Unix seconds at which its connection closed; None while it is on the line.
        told_to_drain: Somebody drains it from here; it learns so again on each connection.
    """

    hello: WorkerHello
    report: WorkerReport | None
    heard: float
    since: float
    left: float | None = None
    told_to_drain: bool = False

    @property
    def draining(self) -> bool:
        """Whether it accepts nothing more."""
        return self.told_to_drain or bool(self.report and self.report.draining)

    @property
    def free(self) -> int:
        """Slots for more sessions."""
        return 0 if self.draining or self.report is None else max(0, self.hello.slots - self.report.taken)

    def holds(self) -> frozenset[Start]:
        """The sessions in its slots."""
        return frozenset((held.session, held.start) for held in self.report.sessions) if self.report else frozenset()

    def alive(self, now: float) -> bool:
        """Whether it is taken to live."""
        return now - self.heard < DEAD_AFTER and (self.left is None or now - self.left < GONE_AFTER)


class Workers:
    """All workers of a pool.

    Args:
        wall: Unix seconds of this moment.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._known: dict[str, Known] = {}
        self._seen: dict[Start, str] = {}

    def living(self) -> tuple[Known, ...]:
        """The workers that live; one that is dead is forgotten here."""
        now = self._wall()
        self._known = {name: known for name, known in self._known.items() if known.alive(now)}
        return tuple(self._known.values())

    def get(self, worker: str) -> Known | None:
        """A worker that lives, by its id."""
        return next((known for known in self.living() if known.hello.worker == worker), None)

    def holder(self, start: Start) -> Known | None:
        """The worker in whose slots a session is."""
        return next((known for known in self.living() if start in known.holds()), None)

    def was_held(self, start: Start) -> str:
        """The worker that had this session in a slot at some time, or ""."""
        return self._seen.get(start, "")

    def forget(self, start: Start) -> None:
        """Nobody asks for this start of a session any more."""
        self._seen.pop(start, None)

    # --- what links tell --------------------------------------------------------------------------

    def joined(self, hello: WorkerHello) -> bool:
        """A worker is on the line; False where there are too many."""
        before = self.get(hello.worker)
        if before is None and len(self._known) >= MAX_WORKERS:
            return False
        now = self._wall()
        drained = bool(before and before.told_to_drain)
        since = before.since if before else now
        self._known[hello.worker] = Known(hello, before.report if before else None, now, since, None, drained)
        return True

    def reported(self, hello: WorkerHello, report: WorkerReport) -> None:
        """It told what is so now."""
        # One that was taken for dead, and is not, is known again.
        if self.get(hello.worker) is None and not self.joined(hello):
            return
        known = self._known[hello.worker]
        self._known[hello.worker] = replace(known, report=report, heard=self._wall(), left=None)
        for held in report.sessions:
            self._seen[held.session, held.start] = hello.worker

    def left(self, worker: str) -> None:
        """Its connection has closed, for whatever reason."""
        if known := self._known.get(worker):
            self._known[worker] = replace(known, left=self._wall())

    def ended(self, worker: str) -> None:
        """It has said goodbye."""
        self._known.pop(worker, None)

    def drain(self, worker: str) -> None:
        """It is to accept nothing more."""
        if known := self._known.get(worker):
            self._known[worker] = replace(known, told_to_drain=True)
