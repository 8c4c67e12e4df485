"""What comes with each command, and what is answered where it can't be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bot.link.messages import Command
from joyvl_core.errors import BadInputError

OPERATOR = "operator"

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
Wish = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Author = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Second = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Lease = Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)]


class Arguments(BaseModel):
    """Any command's arguments; unknown ones are left out, as in messages."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Nothing(Arguments):
    """Of commands that need none."""


class Instruct(Arguments):
    """A standing instruction to be added."""

    text: Wish
    author: Author = OPERATOR


class Change(Arguments):
    """New words for a standing instruction."""

    id: Id
    text: Wish
    author: Author = OPERATOR


class Cancel(Arguments):
    """A standing instruction that ends."""

    id: Id
    author: Author = OPERATOR


class CancelTicket(Arguments):
    """A delegation that is cancelled."""

    id: Id


class Talkativeness(Arguments):
    """The dial."""

    value: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Ask(Arguments):
    """A line to the bot, as if it was written in the room."""

    text: Words
    author: Author = OPERATOR


class SayWords(Arguments):
    """What the bot says now."""

    text: Wish


class Erase(Arguments):
    """Session seconds between which everything is erased; neither for everything so far."""

    since: Second | None = None
    until: Second | None = None


class Answer(Arguments):
    """A browser's offer: its SDP, what it sends on which video section, and where it came from."""

    offer: Annotated[str, Field(min_length=1, max_length=200_000)]
    sources: dict[Annotated[str, Field(max_length=16)], Annotated[str, Field(max_length=16)]] = Field(
        default_factory=dict, max_length=16
    )
    address: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Fa-f:.]*$")] = ""


class View(Arguments):
    """Pictures are sent for so many seconds, one every `every` seconds, at most so many pixels wide."""

    width: Annotated[int, Field(ge=64, le=1_920)] = 320
    every: Annotated[float, Field(ge=0.2, le=60, allow_inf_nan=False)] = 1.0
    seconds: Lease = 5.0


class Listen(Arguments):
    """Sound is sent for so many seconds."""

    seconds: Lease = 5.0


class Stop(Arguments):
    """Last words, or none."""

    words: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)] = ""
    language: Annotated[str, Field(max_length=8)] = ""


ARGUMENTS: Mapping[str, type[Arguments]] = {
    "instruct": Instruct,
    "change": Change,
    "cancel": Cancel,
    "cancel_ticket": CancelTicket,
    "mute": Nothing,
    "unmute": Nothing,
    "pause": Nothing,
    "resume": Nothing,
    "talkativeness": Talkativeness,
    "ask": Ask,
    "say": SayWords,
    "erase": Erase,
    "answer": Answer,
    "view": View,
    "listen": Listen,
    "stop": Stop,
}
"""By the command's name."""


def arguments_of(command: Command) -> Any:
    """The command's arguments.

    Raises:
        BadInputError: They are not what the command takes. What was given is not repeated: it may be long.
    """
    try:
        return ARGUMENTS[command.name].model_validate(command.args)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        raise BadInputError(
            f"{where or command.name}: {first['msg']}.",
            source="command",
            kind="arguments",
            hint=f"{command.name} takes: {', '.join(ARGUMENTS[command.name].model_fields) or 'nothing'}.",
        ) from None
