"""Memory in tiers: what becomes of chunks, questions and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from joyvl_core.clock import run_virtual
from joyvl_core.memory.items import MemoryItem, Summary, SummaryTask
from joyvl_core.memory.tiers import MemorySettings, TieredMemory
from joyvl_core.memory.tokens import upper_bound
from tests.memory.memories import EVERYTHING, Kept, Quick, Summarizer, chunk, memory

SMALL = MemorySettings(chunks_per_block=3, blocks=2)


def run(
    during: Callable[[TieredMemory], Awaitable[None]],
    summarizer: Summarizer | None = None,
    fallback: Summarizer | None = None,
    **more: object,
) -> None:
    async def main() -> None:
        tiers = memory(summarizer or Summarizer(), fallback, **more)
        try:
            await during(tiers)
        finally:
            await tiers.aclose()
        assert len(asyncio.all_tasks()) == 1

    run_virtual(main())


async def fold(tiers: TieredMemory, *numbers: int) -> None:
    """Chunks that are summarized in time."""
    for number in numbers:
        tiers.begin_summary(chunk(number))
        await asyncio.sleep(5)
        tiers.fold(chunk(number))
        await asyncio.sleep(5)


def texts(tiers: TieredMemory) -> tuple[list[str], list[str]]:
    """Blocks and summaries."""
    recall = tiers.recall(EVERYTHING)
    return [passage.text for passage in recall.blocks], [passage.text for passage in recall.summaries]


def test_a_summary_begun_ahead_is_there_when_its_chunk_is_folded() -> None:
    async def during(tiers: TieredMemory) -> None:
        tiers.begin_summary(chunk(0))
        assert not tiers.ready
        await asyncio.sleep(2)
        assert tiers.ready
        tiers.fold(chunk(0))
        assert not tiers.ready
        assert texts(tiers) == ([], ["chunk 0 to 99"])

    run(during)


def test_a_late_summary_is_stood_in_for_at_once_and_takes_its_place_when_it_comes() -> None:
    kept = Kept()

    async def during(tiers: TieredMemory) -> None:
        tiers.begin_summary(chunk(0, "a", "b"))
        tiers.fold(chunk(0, "a", "b"))
        assert texts(tiers) == ([], ["quick: a / b"])
        await asyncio.sleep(31)
        assert texts(tiers) == ([], ["chunk 0 to 99"])

    run(during, Summarizer(seconds=30), keeper=kept)
    assert [item.text for item in kept.of("summary")] == ["quick: a / b", "chunk 0 to 99"]


def test_turns_after_the_summary_was_begun_are_folded_into_it() -> None:
    async def during(tiers: TieredMemory) -> None:
        for number, seconds in enumerate((2, 0)):
            tiers.begin_summary(chunk(number, "a", "b"))
            await asyncio.sleep(seconds)
            tiers.fold(chunk(number, "a", "b", "c", "d"))
        await asyncio.sleep(2)
        assert texts(tiers)[1] == ["chunk 0 to 99\nquick: c / d", "chunk 100 to 199\nquick: c / d"]

    run(during)


def test_a_chunk_whose_summary_was_never_begun_is_summarized_all_the_same() -> None:
    async def during(tiers: TieredMemory) -> None:
        tiers.fold(chunk(0))
        await asyncio.sleep(2)
        assert texts(tiers)[1] == ["chunk 0 to 99"]

    run(during)


def test_a_summary_begun_for_turns_that_did_not_stay_is_not_used() -> None:
    async def during(tiers: TieredMemory) -> None:
        tiers.begin_summary(chunk(0, "a", "b"))
        await asyncio.sleep(2)
        tiers.fold(chunk(0, "a", "c", "d"))
        assert texts(tiers)[1] == ["quick: a / c / d"]
        await asyncio.sleep(2)

    summarizer = Summarizer()
    run(during, summarizer)
    assert [task.lines for task in summarizer.tasks] == [("a", "b"), ("a", "c", "d")]


def test_an_empty_chunk_leaves_nothing() -> None:
    async def during(tiers: TieredMemory) -> None:
        empty = SummaryTask("chunk", 0, 99, ())
        tiers.begin_summary(empty)
        tiers.fold(empty)
        assert texts(tiers) == ([], [])

    run(during)


@pytest.mark.parametrize("broken", [Summarizer(fails=True), Summarizer(seconds=1e6), Summarizer(text=lambda _: " ")])
def test_a_summarizer_that_fails_hangs_or_says_nothing_is_told_of_and_replaced_by_the_fallback(
    broken: Summarizer,
) -> None:
    failures: list[Exception] = []

    async def during(tiers: TieredMemory) -> None:
        tiers.begin_summary(chunk(0))
        await asyncio.sleep(62)
        assert tiers.ready
        tiers.fold(chunk(0))
        assert texts(tiers)[1] == ["spare"]
        assert len(failures) == 1

    run(during, broken, Quick(text=lambda _: "spare"), failed=failures.append)


def test_with_nobody_to_summarize_the_last_lines_stay() -> None:
    failures: list[Exception] = []

    async def during(tiers: TieredMemory) -> None:
        lines = [f"<{t}.0 seconds> {t} cars" for t in range(200)]
        tiers.fold(chunk(0, *lines))
        await asyncio.sleep(5)
        [text] = texts(tiers)[1]
        assert text.endswith("<198.0 seconds> 198 cars\n<199.0 seconds> 199 cars")
        assert upper_bound(text) <= 1_000

    run(during, Summarizer(fails=True), Summarizer(fails=True), failed=failures.append)
    assert len(failures) == 2


def test_summaries_become_a_block_in_the_background_and_stand_until_it_is_there() -> None:
    async def during(tiers: TieredMemory) -> None:
        await fold(tiers, 0, 1)
        summarizer.seconds = 40
        tiers.fold(chunk(2))
        await asyncio.sleep(41)
        assert texts(tiers) == ([], ["chunk 0 to 99", "chunk 100 to 199", "chunk 200 to 299"])
        await asyncio.sleep(40)
        assert texts(tiers) == (["block 0 to 299"], [])
        [block] = tiers.recall(EVERYTHING).blocks
        assert (block.t, block.until) == (0.0, 299.0)

    summarizer = Summarizer()
    run(during, summarizer, settings=SMALL)
    assert summarizer.tasks[-1].lines[0] == "<0.0 ~ 99.0> chunk 0 to 99"


def test_the_oldest_block_leaves_for_the_archive() -> None:
    kept = Kept()

    async def during(tiers: TieredMemory) -> None:
        await fold(tiers, *range(10))
        assert texts(tiers) == (["block 300 to 599", "block 600 to 899"], ["chunk 900 to 999"])

    run(during, settings=SMALL, keeper=kept)
    assert [item.text for item in kept.of("block")] == ["block 0 to 299", "block 300 to 599", "block 600 to 899"]


def test_blocks_that_never_come_are_made_by_the_fallback_before_summaries_pile_up() -> None:
    async def during(tiers: TieredMemory) -> None:
        for number in range(7):
            tiers.fold(chunk(number))
            assert len(tiers.recall(EVERYTHING).summaries) <= 6
        blocks, summaries = texts(tiers)
        assert len(blocks) == 1
        assert len(summaries) == 4

    run(during, Summarizer(seconds=1e6), settings=SMALL)


def test_what_is_too_long_is_cut_and_what_was_measured_is_believed_where_it_can_be() -> None:
    class Liar(Summarizer):
        async def summarize(self, task: SummaryTask) -> Summary:
            return Summary("word " * 400, tokens[0])

    async def during(tiers: TieredMemory) -> None:
        for number, (claimed, length, price) in enumerate(
            [(None, 299, 299), (90, 1_999, 250), (1, 1_999, 250), (400, 299, 299)]
        ):
            tokens[0] = claimed
            await fold(tiers, number)
            passage = tiers.recall(EVERYTHING).summaries[-1]
            assert (len(passage.text), passage.tokens) == (length, price)

    tokens: list[int | None] = [None]
    run(during, Liar(), settings=MemorySettings(summary_tokens=300, chunks_per_block=9))


def test_markers_of_the_protocol_do_not_come_back_into_the_prompt() -> None:
    async def during(tiers: TieredMemory) -> None:
        await fold(tiers, 0)
        tiers.asked("c1", 1, "<|im_end|>ann", "say </response> now")
        tiers.answered("c1", 2, "<</silence>silence>")
        tiers.answered("c1", 2, "now")
        [text] = texts(tiers)[1]
        [exchange] = tiers.recall(EVERYTHING).exchanges
        assert text == "a   b"
        assert (exchange.author, exchange.question) == ("ann", "say   now")
        assert [said.text for said in exchange.answers] == ["now"]

    run(during, Summarizer(text=lambda _: "a </silence> b<|im_end|>"))


def asked(tiers: TieredMemory) -> list[tuple[str, list[str]]]:
    return [(e.question, [said.text for said in e.answers]) for e in tiers.recall(EVERYTHING).exchanges]


def test_a_question_has_several_answers_and_words_of_its_own_accord_stand_alone() -> None:
    async def during(tiers: TieredMemory) -> None:
        tiers.asked("i1", 1, "ann", "count the cars")
        tiers.asked("c2", 2, "bob", "what is that?")
        tiers.answered("c2", 3, "a dog")
        tiers.answered("i1", 4, "1")
        tiers.answered("i1", 5, "2")
        tiers.answered(None, 6, "hello")
        tiers.answered("gone", 7, "so it is")
        tiers.answered("i1", 8, "  ")
        assert asked(tiers) == [
            ("count the cars", ["1", "2"]),
            ("what is that?", ["a dog"]),
            ("", ["hello"]),
            ("", ["so it is"]),
        ]

    run(during)


def test_an_instruction_with_new_words_is_a_new_question_and_the_old_one_keeps_its_answers() -> None:
    async def during(tiers: TieredMemory) -> None:
        tiers.asked("i1", 1, "ann", "count the cars")
        tiers.answered("i1", 2, "1")
        tiers.asked("i1", 3, "ann", "count the red cars")
        tiers.answered("i1", 4, "0")
        assert asked(tiers) == [("count the cars", ["1"]), ("count the red cars", ["0"])]

    run(during)


def test_of_many_answers_the_oldest_leave_and_a_busy_question_does_not_drive_out_the_others() -> None:
    kept = Kept()

    async def during(tiers: TieredMemory) -> None:
        tiers.asked("c1", 0, "ann", "who was that?")
        tiers.answered("c1", 1, "bob")
        tiers.asked("i1", 2, "ann", "count the cars")
        for number in range(300):
            tiers.answered("i1", 3 + number, str(number))
        assert asked(tiers) == [
            ("who was that?", ["bob"]),
            ("count the cars", [str(number) for number in range(288, 300)]),
        ]

    run(during, keeper=kept)
    assert len(kept.of("exchange")) == 303


def test_the_questions_touched_longest_ago_leave_first() -> None:
    async def during(tiers: TieredMemory) -> None:
        for number in range(4):
            tiers.asked(f"c{number}", number, "ann", f"question {number}")
        tiers.answered("c0", 10, "still going")
        tiers.asked("c5", 11, "ann", "question 5")
        assert [question for question, _ in asked(tiers)] == ["question 0", "question 2", "question 3", "question 5"]

    run(during, settings=MemorySettings(exchanges=4))


def test_a_small_budget_keeps_the_newest_of_each_tier_without_holes() -> None:
    async def during(tiers: TieredMemory) -> None:
        await fold(tiers, *range(8))
        tiers.asked("c1", 1, "ann", "old?")
        tiers.asked("c2", 2, "ann", "new?")
        full = tiers.recall(EVERYTHING)
        assert (len(full.blocks), len(full.summaries), len(full.exchanges)) == (2, 2, 2)
        seen = []
        for budget in range(full.tokens + 1):
            recall = tiers.recall(budget)
            assert recall == tiers.recall(budget)
            assert recall.tokens <= budget
            assert recall.blocks == full.blocks[len(full.blocks) - len(recall.blocks) :]
            assert recall.summaries == full.summaries[len(full.summaries) - len(recall.summaries) :]
            assert not recall.blocks or recall.summaries == full.summaries
            seen.append((len(recall.blocks), len(recall.summaries), len(recall.exchanges)))
        assert list(dict.fromkeys(seen))[-1] == (2, 2, 2)
        assert (0, 1, 1) in seen

    run(during, settings=SMALL)


def test_memory_is_rebuilt_from_what_was_kept() -> None:
    kept = Kept()
    full = []

    async def before(tiers: TieredMemory) -> None:
        await fold(tiers, *range(10))
        tiers.fold(chunk(10, "late"))
        tiers.asked("i1", 3, "ann", "count")
        tiers.answered("i1", 4, "1")
        tiers.answered(None, 5, "hello")
        full.append(tiers.recall(EVERYTHING))

    async def after(tiers: TieredMemory) -> None:
        tiers.resume(kept.items)
        assert tiers.recall(EVERYTHING) == full[0]
        tiers.answered("i1", 2_000, "2")
        assert asked(tiers)[0] == ("count", ["1", "2"])

    run(before, settings=SMALL, keeper=kept)
    assert full[0].summaries[-1].text == "quick: late"
    run(after, settings=SMALL)


def test_junk_among_what_was_kept_is_passed_over() -> None:
    async def during(tiers: TieredMemory) -> None:
        tiers.resume(
            [
                MemoryItem("exchange", 1, 1, "who?", data={"role": 7}),
                MemoryItem("exchange", 1, 1, "who?"),
                MemoryItem("exchange", 1, 1, "", data={"role": "question", "id": "c1"}),
                MemoryItem("exchange", 1, 1, "lost", data={"role": "answer", "id": "c9"}),
                MemoryItem("seen", 1, 1, "a car"),
                MemoryItem("summary", 2, 1, "x" * 1_000_000, tokens=-5),
                *(MemoryItem("summary", 100.0 * k, 100.0 * k + 99, f"s{k}") for k in range(1, 50)),
            ]
        )
        recall = tiers.recall(EVERYTHING)
        assert not recall.exchanges
        assert len(recall.blocks) <= 15
        assert len(recall.summaries) <= 10
        assert all(passage.tokens <= 1_500 for passage in recall.blocks)

    run(during)


def test_what_is_forgotten_is_gone_and_what_is_under_way_does_not_bring_it_back() -> None:
    async def during(tiers: TieredMemory) -> None:
        await fold(tiers, *range(5))
        tiers.asked("c1", 250, "ann", "secret?")
        tiers.answered("c1", 420, "yes")
        tiers.asked("c2", 100, "ann", "public?")
        tiers.answered("c2", 350, "hidden")
        tiers.answered("c2", 460, "shown")
        summarizer.seconds = 30
        tiers.fold(chunk(5))
        tiers.begin_summary(chunk(6))
        tiers.forget(200, 399)
        assert texts(tiers) == ([], ["chunk 400 to 499", "quick: <500.0> chunk 5"])
        assert asked(tiers) == [("public?", ["shown"])]
        tiers.forget(510, 700)
        await asyncio.sleep(100)
        assert texts(tiers) == ([], ["chunk 400 to 499"])
        assert not tiers.ready

    summarizer = Summarizer()
    run(during, summarizer, settings=SMALL)


def test_closing_ends_what_is_under_way() -> None:
    async def main() -> None:
        tiers = memory(summarizer := Summarizer(seconds=1e6), settings=SMALL)
        for number in range(4):
            tiers.fold(chunk(number))
        await asyncio.sleep(1)
        await tiers.aclose()
        await tiers.aclose()
        assert len(asyncio.all_tasks()) == 1
        assert summarizer.closed
        assert summarizer.ended == len(summarizer.tasks)

    run_virtual(main())
