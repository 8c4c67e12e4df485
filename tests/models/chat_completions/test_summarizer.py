"""Summaries by a chat model."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from joyvl_core.clock import run_virtual
from joyvl_core.errors import BadInputError, UnavailableError
from joyvl_core.memory.items import Summary, SummaryTask
from joyvl_core.memory.tokens import upper_bound
from joyvl_core.models.chat_completions.completing import Completion, Rank
from joyvl_core.models.chat_completions.faults import UnknownFieldError
from joyvl_core.models.chat_completions.summarizer import ChatSummarizer
from tests.conformance.summarizer import BLOCK, CHUNK, SummarizerConformance


@dataclass
class Scripted:
    """Writes the same answer to everything, and keeps what it was asked."""

    answer: Completion | Exception = field(default_factory=lambda: Completion("At 62 s a glass broke.", 12))
    asked: list[tuple[Sequence[Mapping[str, Any]], dict[str, Any]]] = field(default_factory=list)

    async def complete(self, messages: Sequence[Mapping[str, Any]], **more: Any) -> Completion:
        self.asked.append((messages, more))
        await asyncio.sleep(1)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Verbose(Scripted):
    """Writes as much as it may, markers among it."""

    async def complete(self, messages: Sequence[Mapping[str, Any]], **more: Any) -> Completion:
        return Completion("</response> A man came. He left again. <|im_end|> " * 500, None)


class TestOne(SummarizerConformance):
    def make(self) -> ChatSummarizer:
        return ChatSummarizer(Scripted(Completion("A man came.", None)))


class TestOneThatWritesTooMuch(SummarizerConformance):
    def make(self) -> ChatSummarizer:
        return ChatSummarizer(Verbose())


def summary(answer: Completion | Exception, task: SummaryTask = CHUNK, **more: Any) -> tuple[Summary, Scripted]:
    model = Scripted(answer)
    return run_virtual(ChatSummarizer(model, **more).summarize(task)), model


def test_the_request_is_sampled_and_ranked_as_a_summary() -> None:
    said, model = summary(Completion("A glass broke.", 5))
    [(messages, more)] = model.asked
    assert said == Summary("A glass broke.", 5)
    assert more["max_tokens"] == CHUNK.tokens
    assert more["priority"] == Rank.SUMMARY > Rank.REPLY > Rank.TICK
    assert more["sampling"]["temperature"] == 0.8
    assert more["deadline"] > 0
    assert [message["role"] for message in messages] == ["system", "user"]
    assert "{words}" not in messages[0]["content"]
    assert all(line in messages[1]["content"][0]["text"] for line in CHUNK.lines)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_chunks_and_blocks_have_their_own_prompts_in_the_persona_s_language(language: str) -> None:
    prompts = []
    for task in (CHUNK, BLOCK):
        _, model = summary(Completion("ok", 1), replace(task, language=language))
        prompts.append(model.asked[0][0][0]["content"])
    assert prompts[0] != prompts[1]
    assert all(("秒" in prompt) == (language == "zh") for prompt in prompts)


def test_at_most_eight_key_pictures_go_along_the_newest_among_them() -> None:
    pictures = tuple(bytes([k]) * 3 for k in range(30))
    _, model = summary(Completion("ok", 1), replace(CHUNK, pictures=pictures))
    urls = [part["image_url"]["url"] for part in model.asked[0][0][1]["content"] if part["type"] == "image_url"]
    sent = [base64.b64decode(url.removeprefix("data:image/jpeg;base64,")) for url in urls]
    assert len(sent) == 8
    assert sent[0] == pictures[0]
    assert sent[-1] == pictures[-1]
    assert sent == sorted(sent)


def test_markers_in_lines_are_not_sent_and_long_histories_lose_their_beginning() -> None:
    lines = (*(f"<{k}.0 seconds> </silence> line {k}<|im_end|>" for k in range(5_000)),)
    _, model = summary(Completion("ok", 1), replace(CHUNK, lines=lines), characters=2_000)
    text = model.asked[0][0][1]["content"][0]["text"]
    assert len(text) < 2_100
    assert text.endswith("line 4999")
    assert "silence" not in text
    assert "im_end" not in text


def test_an_answer_cut_at_its_bound_ends_with_a_sentence() -> None:
    task = replace(CHUNK, tokens=20)
    said, _ = summary(Completion("A man came in. He sat down at the ta", 20), task)
    assert said.text == "A man came in."


def test_a_longer_answer_than_asked_for_is_cut_whatever_the_server_says_of_it() -> None:
    said, _ = summary(Completion("word " * 3_000, 3_000), replace(CHUNK, tokens=50))
    assert upper_bound(said.text) <= 50
    said, _ = summary(Completion("字" * 3_000, 1), replace(CHUNK, tokens=50))
    assert upper_bound(said.text) <= 50


@pytest.mark.parametrize("empty", ["", "   ", "</silence>", "<|im_end|>"])
def test_no_summary_is_an_error(empty: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        summary(Completion(empty, 1))
    assert caught.value.hint


def test_a_server_that_does_not_know_every_field_of_sampling_is_asked_without_from_then_on() -> None:
    class Plain(Scripted):
        async def complete(self, messages: Sequence[Mapping[str, Any]], **more: Any) -> Completion:
            answer = await super().complete(messages, **more)
            if "top_k" in more["sampling"]:
                raise UnknownFieldError("no top_k", source="model", kind="refused")
            return answer

    async def main() -> None:
        summarizer = ChatSummarizer(model)
        for task in (CHUNK, BLOCK):
            assert (await summarizer.summarize(task)).text

    model = Plain()
    run_virtual(main())
    assert [sorted(more["sampling"]) for _, more in model.asked[1:]] == [
        ["presence_penalty", "temperature", "top_p"]
    ] * 2


def test_own_prompts_are_taken_from_a_folder_and_must_be_there(tmp_path: Path) -> None:
    for language in ("en", "zh"):
        (tmp_path / language).mkdir()
        for kind in ("chunk", "block"):
            (tmp_path / language / f"{kind}.txt").write_text(f"{language} {kind} in {{words}} words {{other}}")
    _, model = summary(Completion("ok", 1), replace(CHUNK, tokens=100), prompts=tmp_path)
    assert model.asked[0][0][0]["content"] == "en chunk in 60 words {other}"
    (tmp_path / "zh" / "block.txt").unlink()
    with pytest.raises(BadInputError) as caught:
        ChatSummarizer(Scripted(), prompts=tmp_path)
    assert "zh/block.txt" in caught.value.hint
