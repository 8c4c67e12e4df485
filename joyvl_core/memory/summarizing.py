"""Summaries that come in any case: in time, within their bound, by somebody else where the first one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from joyvl_core.errors import UnavailableError
from joyvl_core.memory.items import Summary, SummaryTask
from joyvl_core.memory.recall import plain
from joyvl_core.memory.tokens import Count, bounded, cut
from joyvl_core.ports import Summarizer

_CHARACTERS = 8
"""Characters a token of which a text is looked at; what is longer is no summary."""


@runtime_checkable
class Immediate(Protocol):
    """A summarizer that can do it at once, if less well."""

    def summarize_now(self, task: SummaryTask) -> Summary:
        """The summary. Quick enough for the event loop."""
        ...


class Summarizing:
    """Makes summaries, each with its tokens.

    Args:
        deadline: Seconds a summarizer may take.
        failed: Told why a summarizer was of no use.
    """

    def __init__(
        self,
        summarizer: Summarizer,
        fallback: Summarizer,
        *,
        deadline: float,
        count: Count,
        failed: Callable[[Exception], None],
    ) -> None:
        self._summarizers = (summarizer,) if fallback is summarizer else (summarizer, fallback)
        self._fallback = fallback
        self._deadline = deadline
        self._count = count
        self._failed = failed

    async def make(self, task: SummaryTask) -> Summary:
        """The best summary to be had in time. Never fails."""
        for summarizer in self._summarizers:
            try:
                async with asyncio.timeout(self._deadline):
                    return self._bounded(await summarizer.summarize(task), task)
            except TimeoutError:
                self._failed(TimeoutError(f"no summary within {self._deadline:.0f} s"))
            except Exception as error:  # whatever is behind the port: somebody else makes the summary
                self._failed(error)
        return self.at_once(task)

    def at_once(self, task: SummaryTask) -> Summary:
        """A summary without waiting for anybody. Never fails."""
        if isinstance(self._fallback, Immediate):
            try:
                return self._bounded(self._fallback.summarize_now(task), task)
            except Exception as error:  # as above; what is left is what happened last
                self._failed(error)
        newest: list[str] = []
        left = task.tokens
        for line in reversed(task.lines):
            words = cut(plain(line, left * _CHARACTERS), left, self._count)
            left -= self._count(words) + 1
            newest.insert(0, words)
            if left <= 0:
                break
        return bounded(Summary("\n".join(newest)), task.tokens, self._count)

    async def aclose(self) -> None:
        """Closes the summarizers. Idempotent."""
        for summarizer in self._summarizers:
            try:
                await summarizer.aclose()
            except Exception as error:  # the session is over: the other one is closed all the same
                self._failed(error)

    def _bounded(self, summary: Summary, task: SummaryTask) -> Summary:
        text = plain(summary.text, task.tokens * _CHARACTERS)
        if not text:
            raise UnavailableError("the summary is empty", source="memory", kind="empty", retryable=True)
        measured = summary.tokens if text == summary.text.strip() else None
        return bounded(Summary(text, measured), task.tokens, self._count)
