"""The summarizer that picks lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.errors import UnavailableError
from joyvl_core.memory.items import SummaryTask
from joyvl_core.memory.tokens import upper_bound
from joyvl_core.models.embedded.summarizer import ExtractiveSummarizer
from tests.conformance.summarizer import BLOCK, CHUNK, SummarizerConformance


class SameWords:
    """Texts that begin with the same word mean the same."""

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[float(text.split()[0] == word) for word in ("the", "a", "ann")] for text in texts]


class Missing:
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise UnavailableError("no wheel", source="embedder", kind="missing")


class TestByWords(SummarizerConformance):
    def make(self) -> ExtractiveSummarizer:
        return ExtractiveSummarizer()


class TestByMeaning(SummarizerConformance):
    def make(self) -> ExtractiveSummarizer:
        return ExtractiveSummarizer(SameWords())


class TestWithAnEmbedderThatIsNotThere(SummarizerConformance):
    def make(self) -> ExtractiveSummarizer:
        return ExtractiveSummarizer(Missing())


def short(task: SummaryTask) -> list[str]:
    return ExtractiveSummarizer().summarize_now(task).text.splitlines()


def test_the_end_the_question_the_sign_and_what_broke_stay_and_counts_are_told_as_they_stood_last() -> None:
    assert short(CHUNK) == [
        "3 s: ann asked: count the red cars",
        '41 s: the sign reads "EXIT 12"',
        "62 s: A man drops a glass; it breaks on the floor.",
        "80 s (8 times since 10 s): said: 8",
        "At the end, 97 s: The man sweeps up the pieces.",
    ]


def test_with_little_room_the_end_is_what_is_left() -> None:
    assert short(replace(CHUNK, tokens=50)) == ["At the end, 97 s: The man sweeps up the pieces."]


def test_what_connects_the_lines_is_in_the_language_asked_for() -> None:
    lines = ("<10.0 秒> 小明问：现在几点？", "<20.0 秒> 说：三点", "<60.0 秒> 杯子打破了", "<80.0 秒> 有人在扫地")
    text = "\n".join(short(SummaryTask("chunk", 0, 99, lines, language="zh", tokens=400)))
    assert text == "10 秒：小明问：现在几点？\n20 秒：说：三点\n60 秒：杯子打破了\n最后，80 秒：有人在扫地"


def test_a_block_of_its_own_summaries_keeps_their_times_and_says_each_thing_once() -> None:
    first, second = short(CHUNK), short(replace(CHUNK, t=100, until=199, lines=("<150.0 seconds> The lamp is lit.",)))
    task = replace(
        BLOCK, lines=("<0.0 ~ 99.0> " + "\n".join(first), "<100.0 ~ 199.0> " + "\n".join(second)), tokens=400
    )
    told = short(task)
    assert told[-1] == "At the end, 150 s: The lamp is lit."
    assert "62 s: A man drops a glass; it breaks on the floor." in told
    assert "97 s: The man sweeps up the pieces." in told
    assert all(line.count(" s: ") == 1 for line in told if "times" not in line)


def test_moments_are_spread_over_the_whole_span() -> None:
    lines = tuple(f"<{t}.0 seconds> {word} on the table" for t, word in enumerate("abcdefghijklmnopqrstuvwxyz"))
    told = short(SummaryTask("chunk", 0, 25, lines, tokens=140))
    times = [int(line.removeprefix("At the end, ").split()[0]) for line in told]
    assert times == sorted(times)
    assert len({time * 4 // 26 for time in times}) == 4


def test_lines_without_words_are_refused() -> None:
    with pytest.raises(UnavailableError, match="in words") as caught:
        short(SummaryTask("chunk", 0, 99, ("<1.0 seconds> </silence>", "<2.0 seconds>")))
    assert caught.value.hint


@given(
    st.lists(st.text(max_size=80) | st.from_regex(r"<\d{1,3}\.0 seconds> .{0,60}", fullmatch=True), max_size=40),
    st.integers(1, 400),
    st.sampled_from(["en", "zh"]),
)
def test_whatever_the_lines_the_bound_holds(lines: list[str], tokens: int, language: str) -> None:
    task = SummaryTask("chunk", 0, 99, tuple(lines), language=language, tokens=tokens)
    try:
        summary = ExtractiveSummarizer().summarize_now(task)
    except UnavailableError:
        return
    assert upper_bound(summary.text) <= tokens
    assert summary.text == ExtractiveSummarizer().summarize_now(task).text
