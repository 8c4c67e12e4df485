"""Six hours of a session through the tiers, with the summarizer that needs no model."""

from __future__ import annotations

import asyncio

from joyvl_core.clock import run_virtual
from joyvl_core.memory.items import SummaryTask
from joyvl_core.memory.tiers import TieredMemory
from joyvl_core.models.embedded.summarizer import ExtractiveSummarizer
from tests.memory.memories import Kept

BUDGET = 60_000


def test_six_hours_stay_bounded_and_nothing_of_them_is_lost() -> None:
    kept = Kept()
    tokens: list[int] = []

    async def chunk(memory: TieredMemory, start: int) -> None:
        lines = [f"{start + t} s: {(start + t) // 20}" for t in range(0, 90, 20)]
        lines += [f"{start + 30} s: ann: what is on platform {start // 100}?", f"{start + 40} s: a train"]
        memory.asked(f"c{start}", start + 30, "ann", f"what is on platform {start // 100}?")
        memory.answered(f"c{start}", start + 40, "a train")
        task = SummaryTask("chunk", start, start + 99, tuple(lines))
        await asyncio.sleep(90)
        memory.begin_summary(task)
        await asyncio.sleep(10)
        memory.fold(task)
        tokens.append(memory.recall(BUDGET).tokens)

    async def main() -> None:
        memory = TieredMemory(ExtractiveSummarizer(), fallback=ExtractiveSummarizer(), keeper=kept)
        for start in range(0, 6 * 3_600, 100):
            await chunk(memory, start)
        await asyncio.sleep(1)
        full = memory.recall(BUDGET)
        assert (len(full.blocks), len(full.summaries)) == (15, 1)
        assert full.blocks[0].t == 6 * 3_600 - 100 - 15 * 500
        assert f"platform {full.blocks[-1].until // 100:.0f}?" in full.blocks[-1].text
        resumed = TieredMemory(ExtractiveSummarizer(), fallback=ExtractiveSummarizer())
        resumed.resume(kept.items)
        assert resumed.recall(BUDGET) == full
        await memory.aclose()

    run_virtual(main())
    assert max(tokens[150:]) <= max(tokens[90:150]) * 1.1
    assert [item.t for item in kept.of("summary")] == list(range(0, 6 * 3_600, 100))
    assert [item.t for item in kept.of("block")] == list(range(0, 6 * 3_600 - 100, 500))
    assert len(kept.of("exchange")) == 2 * 216
