"""The slots of a worker, and what it and its jobs take of the machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import psutil

from bot.link.worker_messages import JobMetadata

_METERED_EVERY = 2.0


class Slots:
    """Which jobs may be accepted: one a slot, those counted that are being accepted, and none while draining.

    Args:
        slots: How many there are.
        running: Ids of the jobs that have a process now.
        changed: Called when one was taken or given back.
    """

    def __init__(self, slots: int, running: Callable[[], Iterable[str]], changed: Callable[[], None]) -> None:
        self.draining = False
        self._slots = slots
        self._running = running
        self._changed = changed
        self._accepting: dict[str, JobMetadata] = {}
        self._jobs: dict[str, JobMetadata] = {}

    def taken(self) -> dict[str, JobMetadata]:
        """What is in the slots, by the jobs' ids."""
        running = set(self._running())
        self._jobs = {job: metadata for job, metadata in self._jobs.items() if job in running}
        return self._jobs | self._accepting

    def free(self) -> int:
        """How many jobs may be accepted now."""
        return 0 if self.draining else max(0, self._slots - len(self.taken()))

    @contextlib.contextmanager
    def accepting(self, job: str, metadata: JobMetadata) -> Iterator[Callable[[JobMetadata], None]]:
        """Holds a slot while a job is being accepted; afterwards it is held as long as the job runs.

        What it yields is told what the job has become, where that turns out only then.
        """
        self._accepting[job] = metadata
        self._changed()
        try:
            yield partial(self._accepting.__setitem__, job)
            self._jobs[job] = self._accepting[job]
        finally:
            del self._accepting[job]
            self._changed()


class Meter:
    """How busy the machine is, and how much memory this process and its children hold.

    Attributes:
        now: Busy share of the machine's cores since the last look, and bytes of memory.
    """

    def __init__(self) -> None:
        self.now = (0.0, 0)
        self._looked = -_METERED_EVERY

    async def look(self) -> None:
        """Measures, if it was not done a moment ago."""
        now = asyncio.get_running_loop().time()
        if now - self._looked >= _METERED_EVERY:
            self._looked = now
            self.now = await asyncio.to_thread(_measure)


def _measure() -> tuple[float, int]:
    rss = 0
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            rss += process.memory_info().rss
    return psutil.cpu_percent(None) / 100, rss
