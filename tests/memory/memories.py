"""Stand-ins for who summarizes and who keeps, and a counter that knows nothing of the memory's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from joyvl_core.errors import UnavailableError
from joyvl_core.memory.items import MemoryItem, Summary, SummaryTask
from joyvl_core.memory.recall import Recall
from joyvl_core.memory.tiers import MemorySettings, TieredMemory

EVERYTHING = 10_000_000


def honest(text: str) -> int:
    """Tokens of a text by a tokenizer that takes four bytes a token."""
    return -(-len(text.encode()) // 4)


@dataclass
class Summarizer:
    """Writes `text(task)` after some seconds, or fails. Keeps what it was asked, and what it measured."""

    text: Callable[[SummaryTask], str] = lambda task: f"{task.kind} {task.t:.0f} to {task.until:.0f}"
    seconds: float = 1.0
    measures: bool = False
    fails: bool = False
    tasks: list[SummaryTask] = field(default_factory=list)
    measured: set[str] = field(default_factory=set)
    ended: int = 0
    closed: int = 0

    async def summarize(self, task: SummaryTask) -> Summary:
        self.tasks.append(task)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.ended += 1
        if self.fails:
            raise UnavailableError("no model", source="test", kind="down", hint="start it")
        text = self.text(task)
        if not self.measures:
            return Summary(text)
        self.measured.add(text.strip())
        return Summary(text, honest(text))

    async def aclose(self) -> None:
        self.closed += 1


class Quick(Summarizer):
    """One that can also do it at once."""

    def summarize_now(self, task: SummaryTask) -> Summary:
        return Summary("quick: " + " / ".join(task.lines)[:200])


@dataclass
class Kept:
    """Keeps items in a list, and erases as the owner of a database would."""

    items: list[MemoryItem] = field(default_factory=list)

    def keep(self, item: MemoryItem) -> None:
        self.items.append(item)

    def erase(self, since: float, until: float) -> None:
        self.items = [item for item in self.items if not (item.t <= until and item.until >= since)]

    def of(self, kind: str) -> list[MemoryItem]:
        return [item for item in self.items if item.kind == kind]


def chunk(number: int, *lines: str, length: float = 100.0) -> SummaryTask:
    start = number * length
    return SummaryTask("chunk", start, start + length - 1, lines or (f"<{start}> chunk {number}",))


def memory(summarizer: Summarizer, fallback: Summarizer | None = None, **more: object) -> TieredMemory:
    settings = more.pop("settings", None)
    assert settings is None or isinstance(settings, MemorySettings)
    return TieredMemory(summarizer, fallback=fallback or Quick(), settings=settings, **more)  # type: ignore[arg-type]  # passed on as they are


def rendered(recall: Recall) -> list[str]:
    """A prompt of it, as the released format heads it, in pieces."""
    pieces = []
    for passage in (*recall.blocks, *recall.summaries):
        pieces += [f"<{passage.t:.1f} ~ {passage.until:.1f}>\n", *passage.text.splitlines(keepends=True), "\n\n"]
    for number, exchange in enumerate(recall.exchanges, 1):
        if exchange.question:
            pieces += [f"#{number} [Query@{exchange.t:.1f}] ", exchange.author, ": ", exchange.question, "\n"]
        for said in exchange.answers:
            pieces += [f"[Response@{said.t:.1f}] ", said.text, "\n"]
    return pieces
