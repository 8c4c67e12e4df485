"""Memory over hours: summaries of chunks, blocks of summaries, questions and answers, all of it bounded.

turns of a chunk ──► summary (mid-term) ──► block (long-term) ──► archive (the keeper's)
                     made ahead             made in the background
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

from joyvl_core.memory.exchanges import ExchangeBounds, Exchanges
from joyvl_core.memory.items import MemoryItem, Summary, SummaryTask
from joyvl_core.memory.recall import HEADING, Exchange, Passage, Recall, cost, plain
from joyvl_core.memory.summarizing import Summarizing
from joyvl_core.memory.tokens import bounded, upper_bound
from joyvl_core.ports import MemoryKeeper, Summarizer

_END_WITHIN = 0.5
_LONGEST = 64_000
"""Characters of a kept passage that are looked at."""


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """Bounds of a session's memory.

    Attributes:
        chunk: Turns in a chunk, which is what leaves the prompt at once.
        lead: Turns before its end at which a chunk's summary is begun.
        chunks_per_block: Summaries that are compressed into one block.
        blocks: Blocks that stay.
        summary_tokens: Most tokens of a summary.
        block_tokens: Most tokens of a block.
        exchanges: Questions that stay, with their answers.
        exchange_tokens: Most tokens of all of them.
        deadline: Seconds in which a summary must be there.
    """

    chunk: int = 100
    lead: int = 10
    chunks_per_block: int = 5
    blocks: int = 15
    summary_tokens: int = 1_000
    block_tokens: int = 1_500
    exchanges: int = 40
    exchange_tokens: int = 2_000
    deadline: float = 60.0

    @property
    def tail_tokens(self) -> int:
        """Most tokens of what is added to a summary for turns that came after it was begun."""
        return self.summary_tokens // 4


@dataclass(slots=True, eq=False)
class _Chunk:
    """A chunk's summary under way; `stand_in` is what stands in its place once the chunk has been folded."""

    task: SummaryTask
    work: asyncio.Task[Summary]
    stand_in: Passage | None = None
    tail: Summary | None = None


@dataclass(slots=True, eq=False)
class _Block:
    """A block under way, and the summaries it is made of."""

    task: SummaryTask
    work: asyncio.Task[Summary]
    of: tuple[Passage, ...]


class TieredMemory:
    """Owner of a session's mid-term and long-term memory and of its questions and answers.

    Everything is handed to the keeper as it comes to be, so what leaves for lack of room is in the archive. Only
    `begin_summary` and `fold` need a running event loop.

    Args:
        summarizer: Makes summaries and blocks, in the background.
        fallback: Makes them where that fails; one that also has `summarize_now` stands in while a summary is late.
        count: Upper bound of a text's tokens, for what nobody measured.
        failed: Told, once a failure, why a summarizer was of no use.
        keeper: Where what is to be remembered goes.
        language: Of blocks, `en` or `zh`; a chunk's summary has its task's.

    Attributes:
        failed: The same, for an owner that comes to be after it.
    """

    def __init__(
        self,
        summarizer: Summarizer,
        *,
        fallback: Summarizer,
        settings: MemorySettings | None = None,
        count: Callable[[str], int] = upper_bound,
        failed: Callable[[Exception], None] = lambda error: None,
        keeper: MemoryKeeper | None = None,
        language: str = "en",
    ) -> None:
        self._settings = settings = settings or MemorySettings()
        self._count = count
        self._language = language
        self.failed = failed
        self._making = Summarizing(
            summarizer, fallback, deadline=settings.deadline, count=count, failed=lambda error: self.failed(error)
        )
        self._summaries: list[Passage] = []
        self._blocks: deque[Passage] = deque(maxlen=settings.blocks)
        self._exchanges = Exchanges(ExchangeBounds(settings.exchanges, settings.exchange_tokens), count)
        self._chunk: _Chunk | None = None
        self._block: _Block | None = None
        self._tasks: set[asyncio.Task[Summary]] = set()
        self._keeper: MemoryKeeper | None = None
        if keeper is not None:
            self.keep_in(keeper)

    @property
    def sizes(self) -> tuple[int, int]:
        """How many summaries and how many blocks it holds."""
        return len(self._summaries), len(self._blocks)

    # --- chunks -----------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """The summary that was begun for this chunk is there."""
        return self._chunk is not None and self._chunk.stand_in is None and self._chunk.work.done()

    def begin_summary(self, task: SummaryTask) -> None:
        """Starts the summary of the chunk, to be there when it is folded. A second call for a chunk does nothing."""
        if (self._chunk is not None and self._chunk.stand_in is None) or not (task.lines or task.pictures):
            return
        self._give_up()  # later than a whole chunk: what stands in its place stays
        task = self._within(task)
        chunk = self._chunk = _Chunk(task, self._start(task))
        chunk.work.add_done_callback(lambda _: self._late_summary(chunk))

    def fold(self, task: SummaryTask) -> None:
        """The chunk leaves the prompt. Never waits: a summary that isn't there yet takes its place when it comes.

        Args:
            task: The chunk as it leaves. Lines beyond those of the task that was begun are folded into the summary.
        """
        if self._chunk is not None and self._chunk.stand_in is None and not _begins(self._chunk.task, task):
            self._give_up()  # it was begun for turns that did not stay
        self.begin_summary(task)
        chunk = self._chunk
        if chunk is None or chunk.stand_in is not None:
            return  # there is nothing to fold
        chunk.tail = self._tail(chunk.task, task)
        done = chunk.work.done() and not chunk.work.cancelled()
        summary = chunk.work.result() if done else self._making.at_once(chunk.task)
        passage = self._passage("summary", task.t, task.until, _joined(summary, chunk.tail))
        self._summaries.append(passage)
        chunk.stand_in = passage
        if done:
            self._chunk = None
        self._shrink()
        self._compress()

    def _late_summary(self, chunk: _Chunk) -> None:
        """Puts a summary that came after its chunk was folded into its place."""
        if chunk is not self._chunk or chunk.stand_in is None or chunk.work.cancelled():
            return
        self._chunk = None
        place = _index(self._summaries, chunk.stand_in)
        if place is not None:
            late = chunk.stand_in
            joined = _joined(chunk.work.result(), chunk.tail)
            self._summaries[place] = self._passage("summary", late.t, late.until, joined)
        self._compress()

    def _give_up(self) -> None:
        """Whatever summary of a chunk is under way is not waited for any more."""
        if self._chunk is not None:
            self._chunk.work.cancel()
            self._chunk = None

    def _tail(self, begun: SummaryTask, whole: SummaryTask) -> Summary | None:
        """What came after the summary was begun."""
        later = whole.lines[len(begun.lines) :]
        if not later or not self._settings.tail_tokens:
            return None
        tail = replace(whole, t=begun.until, lines=later, pictures=(), tokens=self._settings.tail_tokens)
        return self._making.at_once(tail)

    # --- blocks -----------------------------------------------------------------------------

    def _compress(self) -> None:
        """Starts a block where there are enough summaries, none of them still standing in for a late one."""
        of = tuple(self._summaries[: self._settings.chunks_per_block])
        waiting = self._chunk.stand_in if self._chunk is not None else None
        if (
            self._block is not None
            or len(of) < self._settings.chunks_per_block
            or (waiting is not None and _index(of, waiting) is not None)
        ):
            return
        task = self._block_task(of)
        block = self._block = _Block(task, self._start(task), of)
        block.work.add_done_callback(lambda _: self._finish_block(block))

    def _finish_block(self, block: _Block) -> None:
        if block is not self._block or block.work.cancelled():
            return
        self._block = None
        self._into_block(block.of, block.work.result())
        self._compress()

    def _shrink(self) -> None:
        """Where blocks come too slowly, the oldest summaries are compressed without waiting."""
        while len(self._summaries) > 2 * self._settings.chunks_per_block:
            if self._block is not None:
                self._block.work.cancel()
                self._block = None
            of = tuple(self._summaries[: self._settings.chunks_per_block])
            self._into_block(of, self._making.at_once(self._block_task(of)))

    def _into_block(self, of: Sequence[Passage], summary: Summary) -> None:
        self._summaries = [passage for passage in self._summaries if _index(of, passage) is None]
        self._blocks.append(self._passage("block", of[0].t, of[-1].until, summary))

    def _block_task(self, of: Sequence[Passage]) -> SummaryTask:
        lines = tuple(f"<{passage.t:.1f} ~ {passage.until:.1f}> {passage.text}" for passage in of)
        return SummaryTask(
            "block", of[0].t, of[-1].until, lines, language=self._language, tokens=self._settings.block_tokens
        )

    # --- questions and answers --------------------------------------------------------------

    def asked(self, ref: str, t: float, author: str, text: str) -> None:
        """Somebody asked, or gave an instruction; `ref` is the id of the line or the instruction.

        Asked again under the same id, it is a question of its own: later answers are answers to the new one.
        """
        self._exchanges.asked(ref, t, author, text)

    def answered(self, ref: str | None, t: float, text: str) -> None:
        """The bot said something: in answer to the question of that id, or (None) of its own accord."""
        self._exchanges.answered(ref, t, text)

    # --- the prompt -------------------------------------------------------------------------

    def recall(self, budget: int) -> Recall:
        """What fits so many tokens. The same until something is folded, asked, answered or comes late.

        The newest summary comes first; then what was asked and answered last, in at most a third of the budget as
        long as history needs the rest; then older summaries; then blocks, the newest first. What is left out is at
        the old end of each tier, so a history has no holes.
        """
        newest = _newest(self._summaries[-1:], budget)
        left = budget - cost(newest)
        history = cost(chain(self._summaries[:-1], self._blocks)) if newest or not self._summaries else 0
        exchanges = self._exchanges.fitting(min(left, max(budget // 3, left - history)))
        left -= _total(exchanges)
        summaries = newest
        if newest:
            summaries = (*_newest(self._summaries[:-1], left), *newest)
            left -= cost(summaries) - cost(newest)
        whole = len(summaries) == len(self._summaries)
        blocks = _newest(tuple(self._blocks), left) if whole else ()
        return Recall(blocks, summaries, exchanges, cost(blocks) + cost(summaries) + _total(exchanges))

    # --- persistence ------------------------------------------------------------------------

    def keep_in(self, keeper: MemoryKeeper) -> None:
        """Where what is remembered goes, from now on."""
        self._keeper = self._exchanges.keeper = keeper

    def resume(self, items: Sequence[MemoryItem]) -> None:
        """Rebuilds the tiers from what was kept, oldest first.

        Of several passages that begin at the same second the last one counts: a late summary follows what stood in
        its place. Other kinds of items are passed over.
        """
        kept: dict[str, dict[float, Passage]] = {"summary": {}, "block": {}}
        for item in items:
            if item.kind in kept:
                kept[item.kind][item.t] = self._resumed(item)
        self._blocks.extend(sorted(kept["block"].values(), key=lambda passage: passage.t))
        covered = max((block.until for block in self._blocks), default=float("-inf"))
        later = [passage for passage in kept["summary"].values() if passage.until > covered]
        self._summaries.extend(sorted(later, key=lambda passage: passage.t))
        self._exchanges.resume([item for item in items if item.kind == "exchange"])
        self._shrink()

    def forget(self, since: float, until: float) -> None:
        """Forgets everything that overlaps a range of session seconds, what is under way included."""
        if self._chunk is not None and _overlaps(self._chunk.task, since, until):
            self._give_up()
        if self._block is not None and _overlaps(self._block.task, since, until):
            self._block.work.cancel()
            self._block = None
        self._summaries = [passage for passage in self._summaries if not passage.overlaps(since, until)]
        left = [passage for passage in self._blocks if not passage.overlaps(since, until)]
        self._blocks = deque(left, maxlen=self._settings.blocks)
        self._exchanges.forget(since, until)

    async def aclose(self) -> None:
        """Cancels what is under way and closes the summarizers. Idempotent."""
        self._chunk = self._block = None
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_END_WITHIN)
        await self._making.aclose()

    # --- what they share --------------------------------------------------------------------

    def _start(self, task: SummaryTask) -> asyncio.Task[Summary]:
        work = asyncio.create_task(self._making.make(task), name=f"summary {task.kind} {task.t:.0f}")
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)
        return work

    def _within(self, task: SummaryTask) -> SummaryTask:
        return replace(task, tokens=min(task.tokens, self._settings.summary_tokens))

    def _passage(self, kind: Literal["summary", "block"], t: float, until: float, summary: Summary) -> Passage:
        """The summary in its place, and kept."""
        tokens = self._count(summary.text) if summary.tokens is None else summary.tokens
        passage = Passage(t, until, summary.text, tokens)
        if self._keeper is not None:
            self._keeper.keep(MemoryItem(kind, t, until, summary.text, tokens))
        return passage

    def _resumed(self, item: MemoryItem) -> Passage:
        most = self._settings.block_tokens
        if item.kind == "summary":
            most = self._settings.summary_tokens + self._settings.tail_tokens + 1
        kept = bounded(Summary(plain(item.text, _LONGEST), item.tokens), most, self._count)
        return Passage(item.t, item.until, kept.text, kept.tokens or 0)


def _begins(begun: SummaryTask, whole: SummaryTask) -> bool:
    """Whether a task that was begun is the beginning of a chunk."""
    return begun.t == whole.t and begun.lines == whole.lines[: len(begun.lines)]


def _joined(summary: Summary, tail: Summary | None) -> Summary:
    if tail is None or not tail.text:
        return summary
    return Summary(f"{summary.text}\n{tail.text}", (summary.tokens or 0) + (tail.tokens or 0) + 1)


def _index(passages: Sequence[Passage], passage: Passage) -> int | None:
    return next((number for number, other in enumerate(passages) if other is passage), None)


def _newest(passages: Sequence[Passage], budget: int) -> tuple[Passage, ...]:
    """The newest that fit, up to the first one that doesn't."""
    first, left = len(passages), budget
    while first and (left := left - passages[first - 1].tokens - HEADING) >= 0:
        first -= 1
    return tuple(passages[first:])


def _total(exchanges: Sequence[Exchange]) -> int:
    return sum(exchange.cost for exchange in exchanges)


def _overlaps(task: SummaryTask, since: float, until: float) -> bool:
    return task.t <= until and task.until >= since
