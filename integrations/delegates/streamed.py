"""An answer that comes word by word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integrations.delegates.apart import Tell
from integrations.delegates.failures import Service
from integrations.delegates.options import DelegateOptions
from joyvl_core.asked import Answer

MAX_TEXT = 100_000
"""Most characters of an answer that are kept."""
_SHOWN = 200


class Streamed:
    """Collects the words of an answer, tells of the progress, and knows whether it is whole.

    Attributes:
        cut: The service ended it because it was long enough.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._parts: list[str] = []
        self._length = 0
        self._ended = False
        self.cut = False
        self._counts: list[int] = []

    @property
    def text(self) -> str:
        """What has come so far."""
        return "".join(self._parts)

    @property
    def full(self) -> bool:
        """Whether there is more than is kept."""
        return self._length > MAX_TEXT

    def add(self, words: str) -> None:
        """More words."""
        self._parts.append(words)
        self._length += len(words)
        self._tell(f"… {''.join(self._parts[-_SHOWN:])[-_SHOWN:].strip()}")

    def end(self) -> None:
        """The service said that it has ended."""
        self._ended = True

    def usage(self, tokens_in: int | None = None, tokens_out: int | None = None) -> None:
        """What the service counted, in and out; None leaves a count as it is."""
        known = self._counts or [0, 0]
        self._counts = [
            max(0, new) if new is not None else old for new, old in zip((tokens_in, tokens_out), known, strict=True)
        ]

    def answer(self, options: DelegateOptions, service: Service, *, asked: Sequence[Any]) -> Answer:
        """The whole answer.

        Args:
            options: Hold the prices.
            service: Who answered.
            asked: The messages that were sent: where the service counted nothing, tokens are guessed from them.

        Raises:
            UnavailableError: It broke off, or there are no words in it.
        """
        text = self.text.strip()
        if not self._ended and not self.full:
            if not text:
                raise service.garbled("nothing")
            raise service.error("the answer broke off", "broken_off", "Ask again.")
        if not text:
            raise service.garbled("without a word")
        tokens_in, tokens_out = self._counts or (guess(asked), 0)
        if not tokens_out or not self._ended:  # not counted, or not to the end
            tokens_out = max(tokens_out, guess(text))
        words = text[: MAX_TEXT - 1] + "…" if self.cut or self.full else text
        return Answer(words, tokens_in + tokens_out, options.cost(tokens_in, tokens_out))


_PICTURE = 1_000
_TEXT = 3


def guess(asked: Any) -> int:
    """About how many tokens a question has: a token for three characters, a thousand for a picture."""
    match asked:
        case str():
            return max(1, len(asked) // _TEXT)
        case {"type": "image_url" | "image"}:
            return _PICTURE
        case dict():
            return sum(guess(part) for part in asked.values())
        case list() | tuple():
            return sum(guess(part) for part in asked)
        case _:
            return 0
