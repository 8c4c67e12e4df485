"""A delegate that answers from a file: for demonstrations and for trying delegation without a key.

The file is a JSON list; the first entry whose `ask` occurs in the question (any case) answers it:

    [{"ask": "dog", "answer": "It looks like a poodle.", "seconds": 2.0}, {"ask": "", "answer": "I don't know."}]
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from integrations.delegates.options import DelegateOptions
from joyvl_core.asked import Answer, DelegateTask
from joyvl_core.errors import BadInputError, UnavailableError

_SOURCE = "delegate.scripted"


class Line(BaseModel):
    """One answer: given when `ask` occurs in the question, after `seconds`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ask: str = Field("", max_length=500)
    answer: str = Field(max_length=3_500)
    seconds: float = Field(0.5, ge=0, le=600)


_LINES: TypeAdapter[list[Line]] = TypeAdapter(list[Line])


class ScriptedDelegate:
    """Answers questions from a list."""

    name = "scripted"

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines

    async def answer(self, task: DelegateTask, progress: Callable[[str], None]) -> Answer:
        question = task.question.casefold()
        for line in self._lines:
            if line.ask.casefold() in question:
                progress("looking it up")
                await asyncio.sleep(line.seconds)
                return Answer(line.answer)
        raise UnavailableError(
            "the script has no answer to this",
            source=_SOURCE,
            kind="no_answer",
            hint='Add an entry with an empty "ask".',
        )

    async def aclose(self) -> None:
        """Holds nothing."""


def make_scripted_delegate(options: DelegateOptions) -> ScriptedDelegate:
    """The delegate of the script file that the settings name.

    Raises:
        BadInputError: There is no such file, or it is not of the form above.
    """
    script = options.script
    if script is None:
        raise BadInputError(
            "The scripted delegate needs a script.",
            source=_SOURCE,
            kind="no_script",
            hint="Set JOYVL_DELEGATE_SCRIPT to a JSON file.",
        )
    try:
        return ScriptedDelegate(_LINES.validate_json(script.read_bytes()))
    except (OSError, ValidationError) as error:
        raise BadInputError(
            f"{script} is no script of answers.",
            source=_SOURCE,
            kind="bad_script",
            hint='Write a JSON list like [{"ask": "dog", "answer": "A poodle."}].',
        ) from error
