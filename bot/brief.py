"""What a participant is sent into a room with."""

from __future__ import annotations

from dataclasses import dataclass, field

from joyvl_core.engine_settings import EngineSettings
from joyvl_core.errors import BadInputError

OPERATOR = "operator"
"""Author of the instructions that the bot came with."""


@dataclass(frozen=True, slots=True)
class Persona:
    """Who the bot is in a room."""

    name: str = "JoyVL (AI)"
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Say:
    """A viewer's line of chat that is put in `t` seconds after joining."""

    t: float
    text: str


@dataclass(frozen=True, slots=True)
class Brief:
    """What a participant is sent into a room with.

    Attributes:
        chat: Whether the room has a chat to post in and to announce itself in.
        seconds: Ends the stay so many seconds after joining.

    Raises:
        BadInputError: An instruction has no words.
    """

    persona: Persona = field(default_factory=Persona)
    instructions: tuple[str, ...] = ()
    says: tuple[Say, ...] = ()
    chat: bool = True
    seconds: float | None = None
    engine: EngineSettings = field(default_factory=EngineSettings)

    def __post_init__(self) -> None:
        if not all(text.split() for text in self.instructions):
            raise BadInputError("An instruction needs words.", source="instructions", kind="empty")
