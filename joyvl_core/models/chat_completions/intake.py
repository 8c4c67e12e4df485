"""Wishes in what people write: what a line changes about the standing instructions, beside being shown to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from joyvl_core.models.chat_completions.wording import Asked
from joyvl_core.models.embedded.wishes import STANDING, Intent, Reading, Running, Sureness, Wish
from joyvl_core.observation import Edit, Instruction, Request
from joyvl_core.threads import in_thread

_LONGEST = 300
"""Characters of a line that may be a wish: to read more takes longer than a turn may wait, and is none."""


class Understanding(Protocol):
    """Reads people's words. Blocks."""

    def read(self, text: str, *, running: Sequence[Running], language: str) -> Reading:
        """How the words are to be understood, given what is running."""
        ...


@dataclass(slots=True)
class Taken:
    """What lines change."""

    edits: list[Edit] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)


class Intake:
    """Tells standing wishes from questions, so that a wish outlives the chunk in which it was typed.

    What it is not sure of it leaves alone: the model sees every line in any case.
    """

    def __init__(self, understanding: Understanding) -> None:
        self._understanding = understanding
        self._wishes: dict[str, tuple[str, Wish]] = {}

    async def read(self, lines: Sequence[Asked], standing: Sequence[Instruction], language: str) -> Taken:
        """Reads lines that were said to the bot."""
        taken = Taken()
        if not lines:
            return taken
        running = [await self._running(wish, language) for wish in standing]
        self._wishes = {wish.id: self._wishes[wish.id] for wish in standing}
        texts = {wish.id: wish.text for wish in standing}
        for line in lines:
            if len(line.text) > _LONGEST:
                continue
            reading = await in_thread(self._understanding.read, line.text, running=running, language=language)
            if reading.sureness is Sureness.SURE:
                self._take(reading, line, texts, taken)
        return taken

    def _take(self, reading: Reading, line: Asked, texts: dict[str, str], taken: Taken) -> None:
        wish = reading.wish
        match wish.intent:
            case Intent.CANCEL:
                taken.edits += [Edit("cancel", id=target, author=line.author) for target in reading.targets]
            case Intent.LEAVE_ROOM:
                taken.requests.append(Request("leave"))
            case Intent.QUIET:
                taken.requests.append(Request("quiet", wish.within))
            case _ if reading.targets:
                text = f"{texts.get(reading.targets[0], '')}; {line.text}".strip("; ")
                taken.edits.append(Edit("change", text=text, id=reading.targets[0], author=line.author))
            case intent if intent in STANDING and wish.standing:
                taken.edits.append(Edit("add", text=line.text, author=line.author))

    async def _running(self, instruction: Instruction, language: str) -> Running:
        known = self._wishes.get(instruction.id)
        if known is None or known[0] != instruction.text:
            words = instruction.text[:_LONGEST]
            reading = await in_thread(self._understanding.read, words, running=(), language=language)
            known = self._wishes[instruction.id] = (instruction.text, reading.wish)
        return Running(instruction.id, known[1])
