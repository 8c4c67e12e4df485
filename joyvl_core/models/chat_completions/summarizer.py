"""Summaries by a chat model: prompts from files, key pictures along, the answer within its bound."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from joyvl_core.errors import BadInputError, UnavailableError
from joyvl_core.memory.items import Summary, SummaryTask
from joyvl_core.memory.recall import plain
from joyvl_core.memory.tokens import bounded
from joyvl_core.models.chat_completions.completing import Completes, Completion, Rank
from joyvl_core.models.chat_completions.faults import UnknownFieldError

MAX_PICTURES = 8
_PROMPT = 16_000
"""Characters of a prompt file."""
_STOPS = ".!?。！？"

SAMPLING: Mapping[str, Mapping[str, Any]] = {
    "chunk": {
        "temperature": 0.8,
        "top_p": 0.9,
        "top_k": 40,
        "repetition_penalty": 1.1,
        "presence_penalty": 1.0,
    },
    "block": {
        "temperature": 0.3,
        "top_p": 0.7,
        "top_k": 30,
        "repetition_penalty": 1.1,
        "presence_penalty": 0.5,
    },
}
"""How the released system samples its summaries."""
_OWN = ("top_k", "repetition_penalty")
"""Of these, what only some servers take."""


class ChatSummarizer:
    """Has summaries written by whoever completes chats.

    Args:
        completer: Asks the model; whoever made it closes it.
        prompts: A folder with `en/chunk.txt`, `en/block.txt`, `zh/chunk.txt` and `zh/block.txt` in it, where `{words}`
            stands for the longest a summary may be; those that ship with the bot by default.
        characters: Most characters of the lines that are sent; of longer ones the oldest are left out.
        deadline: Seconds a summary may take.

    Raises:
        BadInputError: A prompt can't be read.
    """

    def __init__(
        self,
        completer: Completes,
        *,
        prompts: Traversable | None = None,
        characters: int = 24_000,
        deadline: float = 45.0,
    ) -> None:
        self._completer = completer
        self._characters = characters
        self._deadline = deadline
        self._plain = False
        folder = prompts or files("joyvl_core.models.chat_completions") / "prompts" / "summary"
        self._prompts = {
            (language, kind): _read(folder / language / f"{kind}.txt")
            for language in ("en", "zh")
            for kind in ("chunk", "block")
        }

    async def summarize(self, task: SummaryTask) -> Summary:
        """The model's summary, without markers of the protocol.

        Raises:
            JoyVLError: The model gave none.
        """
        messages = self._messages(task)
        if not self._plain:
            try:
                return _within(await self._complete(messages, task, SAMPLING[task.kind]), task)
            except UnknownFieldError:
                self._plain = True
        fewer = {name: value for name, value in SAMPLING[task.kind].items() if name not in _OWN}
        return _within(await self._complete(messages, task, fewer), task)

    async def aclose(self) -> None:
        """Holds nothing. Idempotent."""

    async def _complete(
        self, messages: Sequence[Mapping[str, Any]], task: SummaryTask, sampling: Mapping[str, Any]
    ) -> Completion:
        return await self._completer.complete(
            messages, max_tokens=task.tokens, sampling=sampling, priority=Rank.SUMMARY, deadline=self._deadline
        )

    def _messages(self, task: SummaryTask) -> list[Mapping[str, Any]]:
        prompt = self._prompts["zh" if task.language == "zh" else "en", task.kind]
        # A token is about two thirds of an English word, or about one Chinese character; some room stays for the end.
        words = max(20, int(task.tokens * 0.6))
        lines = "\n".join(self._newest(task.lines)) or "-"
        content: list[Mapping[str, Any]] = [
            {"type": "text", "text": f"<{task.t:.1f} ~ {task.until:.1f} seconds>\n{lines}"}
        ]
        for jpeg in _spread(task.pictures, MAX_PICTURES):
            url = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
            content.append({"type": "image_url", "image_url": {"url": url}})
        return [
            {"role": "system", "content": prompt.replace("{words}", str(words))},
            {"role": "user", "content": content},
        ]

    def _newest(self, lines: Sequence[str]) -> list[str]:
        """As many of the newest lines as may be sent. Markers stay out: a server takes them for tokens of its own."""
        kept: list[str] = []
        left = self._characters
        for line in reversed(lines):
            words = plain(line, max(1, left))
            if (left := left - len(words) - 1) < 0 and kept:
                break
            kept.append(words)
        return kept[::-1]


def _within(completion: Completion, task: SummaryTask) -> Summary:
    text = plain(completion.text, task.tokens * 8)
    if not text:
        raise UnavailableError(
            "the model wrote no summary",
            source="summarizer.chat_completions",
            kind="empty",
            hint="try another summary model",
            retryable=True,
        )
    if completion.tokens is not None and completion.tokens >= task.tokens:
        text = _to_last_sentence(text)
    measured = completion.tokens if completion.tokens is None or completion.tokens <= task.tokens else None
    return bounded(Summary(text, measured), task.tokens)


def _to_last_sentence(text: str) -> str:
    """The text up to its last whole sentence, where that leaves a third of it at least."""
    end = max(text.rfind(stop) for stop in _STOPS) + 1
    return text[:end] if end > len(text) // 3 else text


def _spread(pictures: Sequence[bytes], most: int) -> list[bytes]:
    """At most so many of the pictures, evenly spread, the newest among them."""
    if len(pictures) <= most:
        return list(pictures)
    last = len(pictures) - 1
    return [pictures[round(k * last / (most - 1))] for k in range(most)]


def _read(path: Traversable) -> str:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"the prompt {path} can't be read: {error}",
            source="summarizer.chat_completions",
            kind="prompt",
            hint="the folder needs en/chunk.txt, en/block.txt, zh/chunk.txt and zh/block.txt in UTF-8",
        ) from error
    return text[:_PROMPT].strip()
