"""The standing wishes of a session: each added, changed and cancelled by id."""

from __future__ import annotations

from collections.abc import Sequence

from joyvl_core.clock import Clock
from joyvl_core.errors import BadInputError
from joyvl_core.events import EventLog, InstructionEvent
from joyvl_core.observation import Edit, Instruction
from joyvl_core.text import tidy

MAX_INSTRUCTIONS = 32
MAX_TEXT = 1_000


class Instructions:
    """Owns the standing wishes and writes each change to the log before anybody sees it."""

    def __init__(self, clock: Clock, log: EventLog) -> None:
        self._clock = clock
        self._log = log
        self._standing: dict[str, Instruction] = {}
        self._made = 0

    def standing(self) -> tuple[Instruction, ...]:
        """Those in force, oldest first."""
        return tuple(self._standing.values())

    def resume(self, standing: Sequence[Instruction]) -> None:
        """Takes up the wishes of a session that goes on; they keep their ids."""
        self._standing = {wish.id: wish for wish in standing[:MAX_INSTRUCTIONS]}
        self._made = max([self._made, *(int(wish.id[1:]) for wish in standing if wish.id[1:].isdecimal())])

    def add(self, text: str, *, author: str = "") -> Instruction:
        """Adds a wish.

        Raises:
            BadInputError: It is empty, or there are too many already.
        """
        if len(self._standing) >= MAX_INSTRUCTIONS:
            raise BadInputError(
                f"There are {MAX_INSTRUCTIONS} instructions already.",
                source="instructions",
                kind="too_many",
                hint="Cancel one first.",
            )
        words = _clean(text)
        self._made += 1
        return self._put("added", Instruction(f"i{self._made}", words, author, self._clock.now()))

    def change(self, instruction_id: str, text: str, *, author: str = "") -> Instruction:
        """Gives the wish new words.

        Raises:
            BadInputError: No wish has this id, or the text is empty.
        """
        old = self._get(instruction_id)
        return self._put("changed", Instruction(old.id, _clean(text), author or old.author, self._clock.now()))

    def cancel(self, instruction_id: str, *, author: str = "") -> Instruction:
        """Ends a wish.

        Raises:
            BadInputError: No wish has this id.
        """
        old = self._get(instruction_id)
        del self._standing[old.id]
        self._write("cancelled", old, author or old.author)
        return old

    def restate(self) -> None:
        """Writes those in force to the log once more: its words about them may have been erased."""
        for wish in self.standing():
            self._write("changed", wish, wish.author)

    def apply(self, edit: Edit) -> bool:
        """Carries out what a model found that somebody asked for; where it can't be, a status says why."""
        try:
            match edit.kind:
                case "add":
                    self.add(edit.text, author=edit.author)
                case "change":
                    self.change(edit.id, edit.text, author=edit.author)
                case "cancel":
                    self.cancel(edit.id, author=edit.author)
        except BadInputError as error:
            self._log.status(f"instruction.{error.kind}", str(error), error.hint)
            return False
        return True

    def _get(self, instruction_id: str) -> Instruction:
        found = self._standing.get(instruction_id)
        if found is None:
            raise BadInputError(
                f"There is no instruction {instruction_id!r}.",
                source="instructions",
                kind="unknown_id",
                hint=f"In force: {', '.join(self._standing) or 'none'}.",
            )
        return found

    def _put(self, state: str, instruction: Instruction) -> Instruction:
        self._standing[instruction.id] = instruction
        self._write(state, instruction, instruction.author)
        return instruction

    def _write(self, state: str, instruction: Instruction, author: str) -> None:
        stamp = self._log.stamp()
        fields = {"id": instruction.id, "state": state, "text": instruction.text, "author": author}
        self._log.write(InstructionEvent.model_validate({**stamp, **fields}))


def _clean(text: str) -> str:
    words = tidy(" ".join(text.split()), MAX_TEXT).strip()
    if not words:
        raise BadInputError("An instruction needs words.", source="instructions", kind="empty")
    return words
