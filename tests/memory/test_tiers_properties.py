"""Memory in tiers, whatever comes and however summarizers behave: bounded, within its budget, and nothing lost."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from joyvl_core.clock import VirtualTimeLoop
from joyvl_core.memory.items import SummaryTask
from joyvl_core.memory.recall import HEADING
from joyvl_core.memory.tiers import MemorySettings, TieredMemory
from tests.memory.memories import EVERYTHING, Kept, Quick, Summarizer, chunk, honest, memory, rendered

BOUNDS = MemorySettings(
    chunks_per_block=3, blocks=2, summary_tokens=120, block_tokens=200, exchanges=5, exchange_tokens=600, deadline=60
)
WORDS = st.sampled_from(
    ["", "a car", "红色的车来了", "word " * 30, "长" * 400, "🎉" * 90, "x\ny", "</silence>", "\ud800"]
)
SUMMARIES = st.sampled_from(["", "short", "long " * 50, "很长" * 300, "one word" + "y" * 5_000])


def when(task: SummaryTask) -> str:
    """The starts of the chunks it is about."""
    if task.kind == "chunk":
        return f"{task.t:.0f}"
    return "of" + "".join(f" {start}" for start in starts("\n".join(task.lines)))


def starts(text: str) -> list[str]:
    """The starts of the chunks a block tells of."""
    told = re.match(r"of((?: \d+)+)", text)
    return told[1].split() if told else re.findall(r"<(\d+)\.0 ~", text)


class MemoryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.summarizer, self.fallback, self.kept = Summarizer(when), Quick(when), Kept()
        self.failures: list[Exception] = []
        self.forgotten: list[tuple[float, float]] = []
        self.folded: list[tuple[float, float]] = []
        self.number = 0
        self.t = 0.0
        self.tiers = self.made()

    def made(self) -> TieredMemory:
        async def make() -> TieredMemory:
            return memory(
                self.summarizer, self.fallback, settings=BOUNDS, failed=self.failures.append, keeper=self.kept
            )

        return self.runner.run(make())

    def do(self, work: Any, *args: Any) -> None:
        async def main() -> None:
            work(*args)

        self.runner.run(main())

    def teardown(self) -> None:
        self.runner.run(self.tiers.aclose())
        self.runner.close()

    @rule(
        text=SUMMARIES,
        seconds=st.sampled_from([0.0, 1.0, 50.0, 1e6]),
        fails=st.booleans(),
        measures=st.booleans(),
        spare=st.booleans(),
    )
    def behave(self, text: str, seconds: float, fails: bool, measures: bool, spare: bool) -> None:
        who = self.fallback if spare else self.summarizer
        who.text, who.seconds, who.fails, who.measures = (lambda task: f"{when(task)} {text}"), seconds, fails, measures

    @rule(seconds=st.sampled_from([0.1, 5.0, 100.0, 500.0]))
    def wait(self, seconds: float) -> None:
        self.runner.run(asyncio.sleep(seconds))

    @rule(words=WORDS)
    def begin(self, words: str) -> None:
        self.do(self.tiers.begin_summary, chunk(self.number, f"{100 * self.number} {words}"))

    @rule(words=WORDS, count=st.integers(2, 6), between=st.sampled_from([0.0, 2.0, 100.0]))
    def fold_several(self, words: str, count: int, between: float) -> None:
        for _ in range(count):
            self.fold(words, "")
            self.wait(between)

    @rule(words=WORDS, more=WORDS)
    def fold(self, words: str, more: str) -> None:
        task = chunk(self.number, f"{100 * self.number} {words}", more)
        self.number += 1
        self.t = task.until
        self.folded.append((task.t, task.until))
        self.do(self.tiers.fold, task)

    @rule(ref=st.sampled_from(["i1", "c1", "c2", "", "c3", "c4", "c5", "c6"]), words=WORDS, author=WORDS)
    def ask(self, ref: str, words: str, author: str) -> None:
        self.t += 0.01
        self.tiers.asked(ref, self.t, author, words)

    @rule(ref=st.sampled_from(["i1", "c1", "c2", "c3", "c6", "c9", None]), words=WORDS)
    def answer(self, ref: str | None, words: str) -> None:
        self.t += 0.01
        self.tiers.answered(ref, self.t, words)

    @rule(back=st.floats(0, 900), length=st.floats(0, 400))
    def forget(self, back: float, length: float) -> None:
        since = max(0.0, self.t - back)
        until = min(self.t, since + length)
        self.forgotten.append((since, until))
        self.tiers.forget(since, until)
        self.kept.erase(since, until)
        self.number += 1  # what was seen of the chunk under way is not folded any more

    @rule()
    def restart(self) -> None:
        before = self.tiers.recall(EVERYTHING)
        self.runner.run(self.tiers.aclose())
        self.tiers = self.made()
        self.tiers.resume(list(self.kept.items))
        after = self.tiers.recall(EVERYTHING)
        if not self.forgotten:
            assert after == before

    @rule(budget=st.integers(0, 3_000))
    def recall(self, budget: int) -> None:
        recall, full = self.tiers.recall(budget), self.tiers.recall(EVERYTHING)
        assert recall == self.tiers.recall(budget)
        assert recall.tokens <= budget
        measured = self.summarizer.measured | self.fallback.measured
        worst = sum(
            honest(piece) if piece.strip() in measured else len(piece.encode("utf-8", "replace"))
            for piece in rendered(recall)
        )
        assert worst <= recall.tokens
        assert recall.summaries == full.summaries[len(full.summaries) - len(recall.summaries) :]
        assert recall.blocks == full.blocks[len(full.blocks) - len(recall.blocks) :]
        assert set(recall.exchanges) <= set(full.exchanges)

    @invariant()
    def it_is_bounded(self) -> None:
        recall = self.tiers.recall(EVERYTHING)
        assert len(recall.blocks) <= BOUNDS.blocks
        assert len(recall.summaries) <= 2 * BOUNDS.chunks_per_block
        assert len(recall.exchanges) <= BOUNDS.exchanges
        assert sum(exchange.cost for exchange in recall.exchanges) <= BOUNDS.exchange_tokens
        most = BOUNDS.summary_tokens + BOUNDS.tail_tokens + 1
        assert all(summary.tokens <= most for summary in recall.summaries)
        assert all(block.tokens <= BOUNDS.block_tokens for block in recall.blocks)
        assert recall.tokens <= 2 * (BOUNDS.block_tokens + HEADING) + 6 * (most + HEADING) + BOUNDS.exchange_tokens

    @invariant()
    def it_is_in_order_and_each_moment_is_told_once_in_its_place(self) -> None:
        recall = self.tiers.recall(EVERYTHING)
        passages = [*recall.blocks, *recall.summaries]
        assert all(one.until < other.t for one, other in pairwise(passages))
        assert all(passage.text.removeprefix("quick: ").startswith(f"{passage.t:.0f}") for passage in recall.summaries)

    @invariant()
    def nothing_that_left_is_lost(self) -> None:
        remembered = {(item.t, item.until) for item in self.kept.of("summary")}
        for t, until in self.folded:
            if not any(t <= end and until >= start for start, end in self.forgotten):
                assert (t, until) in remembered
        texts = {item.text for item in self.kept.items}
        recall = self.tiers.recall(EVERYTHING)
        assert all(passage.text in texts for passage in (*recall.blocks, *recall.summaries))

    @invariant()
    def what_was_forgotten_stays_forgotten(self) -> None:
        recall = self.tiers.recall(EVERYTHING)
        for since, until in self.forgotten:
            assert not any(summary.overlaps(since, until) for summary in recall.summaries)
            gone = {f"{t:.0f}" for t, end in self.folded if t <= until and end >= since}
            assert not any(gone & set(starts(block.text)) for block in recall.blocks)
            for exchange in recall.exchanges:
                assert not since <= exchange.t <= until
                assert not any(since <= said.t <= until for said in exchange.answers)


MemoryMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestMemory = MemoryMachine.TestCase
