"""The current chunk: turns as the server has seen them, byte for byte, so that its prefix cache holds."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

ROLE_TOKENS = 8
"""Tokens a message costs beside its content: role, breaks, and end."""
_MISCOUNT = 8
"""A server's count that is so many times off what is known of the prompt is not believed."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture in a turn.

    Attributes:
        id: Its name on the server, unique there.
        track: The track it is of.
        jpeg: Its pixels, kept while it is in the chunk: a server that lost them gets them again.
        tokens: What it costs, wrapping included.
        label: Whose picture it is, where several tracks are watched.
        key: It shows the whole picture (an I-frame).
    """

    id: str
    track: str
    jpeg: bytes
    tokens: int
    label: str = ""
    key: bool = True


def cost(shots: Sequence[Shot]) -> int:
    """Tokens of pictures and of the labels between them."""
    return sum(shot.tokens + (len(shot.label.encode()) + 2 if shot.label else 0) for shot in shots)


@dataclass(slots=True)
class Turn:
    """One second: what the model was shown, and what it answered.

    Attributes:
        second: The whole second.
        text: The words, with the time, before the pictures.
        shots: The pictures.
        notes: What was asked and written, a line each, for a summary.
        answer: The action as the protocol writes it; "" while it is not known.
        tokens: Upper bound of what turn and answer cost.
    """

    second: int
    text: str
    shots: tuple[Shot, ...] = ()
    notes: tuple[str, ...] = ()
    answer: str = ""
    tokens: int = 0
    _named: bytes = field(default=b"", repr=False)

    def message(self, *, pixels: bool, prefix: str = "", names: bool = True) -> bytes:
        """The user message, as JSON.

        Args:
            pixels: With pixels; else the pictures are only named, which takes a server that has seen them.
            prefix: Words that come first.
            names: The server knows pictures by name.
        """
        if not pixels and not prefix and self._named:
            return self._named
        text = f"{prefix}\n{self.text}" if prefix else self.text
        content: str | list[dict[str, Any]] = text
        if self.shots:
            content = [{"type": "text", "text": text}]
            for shot in self.shots:
                if shot.label:
                    content.append({"type": "text", "text": f"[{shot.label}]"})
                content.append(_image(shot, pixels=pixels, names=names))
        made = _json({"role": "user", "content": content})
        if not pixels and not prefix:
            self._named = made
        return made

    def reply(self) -> bytes:
        """The assistant message, as JSON."""
        return _json({"role": "assistant", "content": self.answer})


class Chunk:
    """Append only: turns are added at its end, and it leaves as a whole.

    Args:
        system: The system prompt.
        prefix: Words before its first turn: memory, and what stands.
        turns: Turns carried over from the chunk before.
        tokens: Upper bound of what system prompt and prefix cost.
        names: The server knows pictures by name: their pixels are sent once.
    """

    def __init__(
        self, system: str, prefix: str = "", turns: Sequence[Turn] = (), *, tokens: int = 0, names: bool = True
    ) -> None:
        self._system = _json({"role": "system", "content": system})
        self._prefix = prefix
        self._names = names
        self.turns: list[Turn] = list(turns)
        self.tokens = tokens + sum(turn.tokens for turn in turns)

    def __len__(self) -> int:
        return len(self.turns)

    @property
    def bytes_of_pictures(self) -> int:
        """Bytes of all pictures in it."""
        return sum(len(shot.jpeg) for turn in self.turns for shot in turn.shots)

    def messages(self, turn: Turn, *, anew: bool = False) -> bytes:
        """The JSON list of messages that asks for the answer to `turn`.

        Args:
            turn: What comes next.
            anew: Send the pixels of every picture, because the server has lost them.
        """
        everything = anew or not self._names
        pieces = [self._system]
        for number, old in enumerate(self.turns):
            pieces += (self._message(old, number, pixels=everything), old.reply())
        pieces.append(self._message(turn, len(self.turns), pixels=True))
        return b"[" + b",".join(pieces) + b"]"

    def add(self, turn: Turn, prompt_tokens: int | None) -> None:
        """The turn was answered.

        Args:
            turn: With its answer.
            prompt_tokens: What the chunk costs with it, by the server's count; None where it doesn't tell.
        """
        self.turns.append(turn)
        bound = self.tokens + turn.tokens
        told = bound if prompt_tokens is None else prompt_tokens
        self.tokens = told if bound <= told * _MISCOUNT and told <= bound * _MISCOUNT else bound

    def _message(self, turn: Turn, number: int, *, pixels: bool) -> bytes:
        prefix = self._prefix if number == 0 else ""
        return turn.message(pixels=pixels and bool(turn.shots), prefix=prefix, names=self._names)


def _image(shot: Shot, *, pixels: bool, names: bool) -> dict[str, Any]:
    url = {"url": f"data:image/jpeg;base64,{base64.b64encode(shot.jpeg).decode()}"} if pixels else None
    part: dict[str, Any] = {"type": "image_url", "image_url": url}
    if names:
        part["uuid"] = shot.id
    return part


def _json(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
