"""The lines people read: what was understood, what to ask back, what can be asked."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from joyvl_core.models.embedded.understanding.lexicon import singular
from joyvl_core.models.embedded.wishes import Intent, Wish

_PLURAL = frozenset(("people", "children", "men", "women", "traffic", "mice", "fish", "sheep", "deer", "anything"))
_PEOPLE = frozenset(("someone", "somebody", "anyone", "anybody", "everyone", "everybody"))
_IRREGULAR = {"person": "people", "man": "men", "woman": "women", "child": "children"}
_ORDINALS = {1: "first", 2: "second", 3: "third", -1: "last"}


@lru_cache(maxsize=1)
def _lines() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files(__package__).joinpath("phrases.toml").read_text("utf-8"))


def can_do(language: str) -> str:
    """One line that lists what can be asked."""
    return str(_lines()["zh" if language == "zh" else "en"]["can_do"])


def unclear(language: str) -> str:
    """Says that nothing was understood."""
    return str(_lines()[language]["unclear"])


def asked(line: str, language: str) -> str:
    """The question whether a line of `understood` is what was meant."""
    return str(_lines()[language]["did_you_mean"]).format(line=line.rstrip(".。"))


def ask_when(language: str) -> str:
    """Asks for the time that a reminder lacks."""
    return str(_lines()[language]["when"])


def ending(wish: Wish, targets: Sequence[Wish]) -> str:
    """What a CANCEL or CHANGE is about, or that there is nothing it could mean."""
    lines = _lines()[wish.language]
    if not targets:
        return str(lines["nothing_running"])
    them = (
        "；".join(f"“{t.text}”" for t in targets)
        if wish.language == "zh"
        else "; ".join(f'"{t.text}"' for t in targets)
    )
    return str(lines["stopping"]).format(them=them)


def left_out(words: str, language: str) -> str:
    """Says that the second half of a compound wish was not taken."""
    return str(_lines()[language]["left_out"]).format(words=words)


def understood(wish: Wish) -> str:
    """The wish as one plain sentence of the bot, in the language of the wish."""
    lines = _lines()[wish.language]
    asked_once = "-asked" if not wish.standing else ""
    bare = "-bare" if not wish.object else ""
    within = "-within" if wish.within else ""
    names = (f"{wish.intent}{end}" for end in (asked_once + bare, asked_once, bare, within))
    line = next((lines[name] for name in names if name in lines), lines[str(wish.intent)])
    return str(line).format(**(_chinese(wish) if wish.language == "zh" else _english(wish)))


def span(seconds: float, language: str) -> str:
    """A length of time in words: "90 seconds", "5 minutes", "0.5 小时"."""
    for size, english, chinese in ((3600.0, "hour", "小时"), (60.0, "minute", "分钟"), (1.0, "second", "秒")):
        count = seconds / size
        if size == 1.0 or (count >= 1 and (2 * count).is_integer()):
            return f"{count:g} {chinese}" if language == "zh" else f"{count:g} {english}{'' if count == 1 else 's'}"
    return ""


def _english(wish: Wish) -> dict[str, str]:
    saying = "say the time" if wish.say_time else f'say "{wish.quote}"' if wish.quote else "remind you"
    return {
        "say": f'say "{wish.quote}"' if wish.quote else "tell you",
        "saying": saying,
        "greeting": wish.quote or "hello",
        "topic": f": {wish.topic}" if wish.topic and saying == "remind you" else "",
        "every": span(wish.every or 0.0, "en").removeprefix("1 "),
        "within": span(wish.within or 0.0, "en"),
        "event": _event(wish),
        "some": _some(wish),
        "many": _many(wish.object),
        "the": _the(wish),
    }


def _some(wish: Wish) -> str:
    thing = wish.object
    if wish.first:
        return f"the first {thing or 'thing'}"
    if wish.intent is Intent.LEAVE and thing in ("everyone", "everybody"):
        return "everybody"
    pronouns = _lines()["en"]["pronouns"]
    if not thing or thing in pronouns:
        return str(pronouns.get(thing, "something"))
    if thing in _PLURAL:
        return "somebody" if thing == "people" else thing
    head, _, last = thing.rpartition(" ")
    thing = f"{head} {singular(last)}".strip()
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def _many(thing: str) -> str:
    head, _, last = thing.rpartition(" ")
    if last in _PEOPLE:
        return "people"
    if last.endswith("s") or last in _PLURAL or not last:
        return thing
    plural = _IRREGULAR.get(last, f"{last}es" if last.endswith(("x", "ch", "sh")) else f"{last}s")
    return f"{head} {plural}".strip()


def _the(wish: Wish) -> str:
    pronouns = _lines()["en"]["pronouns"]
    if not wish.object or wish.object in pronouns:
        return str(pronouns.get(wish.object, "it"))
    which = _ORDINALS.get(wish.ordinal, f"number {wish.ordinal}") if wish.ordinal else ""
    return " ".join(("the", which, wish.object)).replace("  ", " ")


def _event(wish: Wish) -> str:
    return str(_lines()[wish.language]["event"][str(wish.event).lower() if wish.event else "none"])


def _chinese(wish: Wish) -> dict[str, str]:
    thing = wish.object
    which = "" if not wish.ordinal else "最后一个" if wish.ordinal < 0 else f"第{wish.ordinal}个"
    saying = "报一次时间" if wish.say_time else f"说“{wish.quote}”" if wish.quote else "提醒你"
    return {
        "say": f"说“{wish.quote}”" if wish.quote else "告诉你",
        "saying": saying,
        "greeting": wish.quote or "你好",
        "topic": wish.topic if saying == "提醒你" else "",
        "every": span(wish.every or 0.0, "zh"),
        "within": span(wish.within or 0.0, "zh"),
        "event": _event(wish),
        "some": ("第一个" if wish.first else "") + (thing or "东西"),
        "many": thing,
        "the": which + (thing or "那"),
    }
