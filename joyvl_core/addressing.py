"""Who a line of chat is meant for, and the few plain commands that work whatever the model does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from joyvl_core.text import language_of

Command = Literal["leave", "mute", "unmute"]

_COMMANDS: dict[Command, tuple[str, ...]] = {
    "leave": ("leave", "please leave", "leave the room", "leave the call", "go away", "离开", "请离开", "退出", "走开"),
    "mute": ("mute", "静音"),
    "unmute": ("unmute", "talk", "you can talk", "speak again", "取消静音", "可以说话了", "说话吧"),
}
_BY_WORDS: dict[str, Command] = {words: command for command, all_words in _COMMANDS.items() for words in all_words}
_CANCEL = re.compile(r"(?:please\s+)?(?:cancel|取消)\s*(?:ticket\s+|question\s+)?(d\d{1,6})", re.IGNORECASE)
_BRACKETS = re.compile(r"\s*[(（][^()（）]*[)）]")
_FORGET = re.compile(
    r"(?:please )?(?:forget|erase|delete) (?:about )?(?P<en>.+)"
    r"|请?(?:忘掉|忘记|忘了|删掉|删除|清除)(?P<zh>.+?)吧?"
    r"|请?把?(?P<zh_first>.+?)(?:都|全都?)?(?:忘掉|忘记|忘了|删掉|删除|清除)吧?"
)
_EVERYTHING = (
    *("everything", "it all", "all of it", "all of this", "everything you saw", "everything you have seen"),
    *("一切", "所有", "全部", "所有内容", "全部内容", "所有的内容", "全部的内容", "所有事", "所有事情", "所有的事"),
)
_LEAD = re.compile(
    r"(?:(?:everything|all|what (?:happened|you saw|you heard|was said|we said)) (?:from|in|of|during|over) )?(?:the )?"
)
_PAST = re.compile(r"last|past|previous|最近|过去|刚才|刚刚|刚过去|近")
_ZH_TAIL = re.compile(r"(?:里|内|中)?(?:的(?:一切|所有内容|内容|事情?|画面)|发生的事情?)?$")
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


def cancelled_ticket(text: str) -> str | None:
    """The id of the delegation that an addressed line cancels (`cancel d3`, `取消 d3`); None for everything else."""
    found = _CANCEL.fullmatch(text.strip(_TRIM))
    return found[1].lower() if found else None


def command(text: str) -> Command | None:
    """The plain command that an addressed line is, word for word; None for everything else."""
    return _BY_WORDS.get(text.strip(_TRIM).lower())


@dataclass(frozen=True, slots=True)
class Forget:
    """What is to be forgotten: the last `seconds`, or everything (None)."""

    seconds: float | None = None


def forgetting(text: str) -> Forget | None:
    """What an addressed line asks to be forgotten: everything, or a length of time up to now; None for other lines.

    "forget the last ten minutes", "forget everything", "忘掉最近十分钟", "把最近半小时的内容都忘掉".
    """
    found = _FORGET.fullmatch(" ".join(text.lower().split()).strip(_TRIM))
    if found is None:
        return None
    what = (found["en"] or found["zh"] or found["zh_first"]).strip()
    if what in _EVERYTHING:
        return Forget()
    # Loads the grammar only for whoever asks.
    from joyvl_core.models.embedded.understanding.durations import durations

    what = what[_LEAD.match(what).end() :] if found["en"] else _ZH_TAIL.sub("", what)  # type: ignore[union-attr]  # an optional pattern always matches
    lengths = [length for length in durations(what, language_of(what)) if (length.start, length.end) == (0, len(what))]
    return Forget(lengths[0].seconds) if lengths and _PAST.match(what) else None
