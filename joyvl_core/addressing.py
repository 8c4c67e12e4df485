"""Who a line of chat is meant for, and the few plain commands that work whatever the model does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Command = Literal["leave", "mute", "unmute"]

_COMMANDS: dict[Command, tuple[str, ...]] = {
    "leave": ("leave", "please leave", "leave the room", "leave the call", "go away", "离开", "请离开", "退出", "走开"),
    "mute": ("mute", "静音"),
    "unmute": ("unmute", "talk", "you can talk", "speak again", "取消静音", "可以说话了", "说话吧"),
}
_BY_WORDS: dict[str, Command] = {words: command for command, all_words in _COMMANDS.items() for words in all_words}
_BRACKETS = re.compile(r"\s*[(（][^()（）]*[)）]")
_TRIM = " \t\n.!?,;:。！？，；：~"


@dataclass(frozen=True, slots=True)
class Addressed:
    """A line with the mention taken off. `to_bot`: it was meant for the bot."""

    text: str
    to_bot: bool


class Addressing:
    """Recognises mentions of the bot: `@bot …`, `@<its name> …`, or `bot, …` at the start of a line.

    A name such as `JoyVL (AI)` is also known without what stands in brackets.
    """

    def __init__(self, *names: str) -> None:
        known = {"bot", *names, *(_BRACKETS.sub("", name).strip() for name in names)} - {""}
        words = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
        self._at = re.compile(rf"(?<![A-Za-z0-9._%+-])[@＠](?:{words})(?![A-Za-z0-9_-])[\s,:，：]*", re.IGNORECASE)
        self._called = re.compile(rf"^\s*(?:(?:hey|hi|ok|okay)[\s,]+)?(?:{words})\s*[,:，：]\s*", re.IGNORECASE)

    def read(self, text: str) -> Addressed:
        """Takes the mention off a line."""
        for pattern in (self._at, self._called):
            stripped, found = pattern.subn(" ", text)
            if found:
                return Addressed(" ".join(stripped.split()), True)
        return Addressed(text.strip(), False)


def command(text: str) -> Command | None:
    """The plain command that an addressed line is, word for word; None for everything else."""
    return _BY_WORDS.get(text.strip(_TRIM).lower())
