"""The lines people read: what was understood, what to ask back, what can be asked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from joyvl_core.models.embedded import cues
from joyvl_core.models.embedded.chinese import measure
from joyvl_core.models.embedded.english import as_said, plural, singular
from joyvl_core.models.embedded.wishes import Category, Intent, Wish

_PEOPLE = frozenset(
    ("someone", "somebody", "anyone", "anybody", "everyone", "everybody", "whoever", "us", "we", "them", "they")
)
_ANYTHING = frozenset(("everything", "anything", "whatever", "things", "stuff", "all"))
_SEVERAL = re.compile(r" (?:and|or) |[和跟与]")
_ANYBODY = re.compile(r"^(?:is|are) (?:any|some|there)|^any(?:one|body)|有.{0,4}(?:吗|么|没有|没)[?？]?$")
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
    bare = "-bare" if not wish.object or wish.object.lower() in _ANYTHING else ""
    names = (f"{wish.intent}{end}" for end in (*_variants(wish), asked_once + bare, asked_once, bare))
    line = next((lines[name] for name in names if name in lines), lines[str(wish.intent)])
    return str(line).format(**(_chinese(wish) if wish.language == "zh" else _english(wish)))


def _variants(wish: Wish) -> list[str]:
    """Endings of the lines that say more than the plain one, the fittest first."""
    text = wish.text.lower()
    found = {
        "-within": bool(wish.within),
        "-text": wish.event is Intent.READ_TEXT,
        "-anybody": _ANYBODY.search(text) is not None,
        "-goodbye": wish.intent is Intent.GREET and cues.goodbye(text) and not cues.goodbye(wish.quote.lower()),
        "-taken": cues.only_taken(text),
        "-put": cues.only_put(text),
        "-together": bool(_SEVERAL.search(wish.object)),
        "-one": wish.ordinal is not None and wish.event is not None,
        "-total": cues.at_the_end(text),
    }
    return [ending for ending, applies in found.items() if applies]


def span(seconds: float, language: str) -> str:
    """A length of time in words: "90 seconds", "5 minutes", "0.5 小时"."""
    for size, english, chinese in ((3600.0, "hour", "小时"), (60.0, "minute", "分钟"), (1.0, "second", "秒")):
        count = seconds / size
        halves = size == 3600.0 or seconds > 180.0
        if size == 1.0 or (count >= 1 and (count.is_integer() or (halves and (2 * count).is_integer()))):
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
        "lately": span(wish.within or 0.0, "en").removeprefix("1 "),
        "event": _event(wish),
        "some": (some := _some(wish)),
        "s": "" if some in ("you", "they") else "s",
        "is": "are" if some in ("you", "they") else "is",
        "many": _many(wish.object),
        "that": "who" if wish.category is Category.PERSON else "that",
        "the": _the(wish),
    }


def _some(wish: Wish) -> str:
    thing = wish.object
    pronouns = _lines()["en"]["pronouns"]
    if wish.first:
        return f"the first {_one(thing) if thing and thing not in pronouns else 'one'}"
    if wish.intent is Intent.LEAVE and thing in ("everyone", "everybody"):
        return "everybody"
    if not thing or thing in pronouns:
        return str(pronouns.get(thing, "something"))
    return "somebody" if thing in ("people", "person", "folk", "folks") else as_said(_one(thing), wish.text.lower())


def _one(thing: str) -> str:
    """The thing in the singular: "red cars or buses" is "red car or bus"."""
    words = thing.split()
    last = {i for i, word in enumerate(words) if i + 1 == len(words) or words[i + 1] in ("and", "or")}
    return " ".join("or" if word == "and" else singular(word) if i in last else word for i, word in enumerate(words))


def _many(thing: str) -> str:
    return "people" if thing in _PEOPLE else plural(thing) if thing else ""


def _the(wish: Wish) -> str:
    pronouns = _lines()["en"]["pronouns"]
    if wish.event is Intent.SCENE_CHANGE and not wish.object:
        return "the picture"
    which = _ORDINALS.get(wish.ordinal, f"number {wish.ordinal}") if wish.ordinal else ""
    if which:
        return f"the {which} {wish.object if wish.object not in pronouns else ''}".strip() + " one" * (
            not wish.object or wish.object in pronouns
        )
    return str(pronouns.get(wish.object, "it")) if not wish.object or wish.object in pronouns else f"the {wish.object}"


def _event(wish: Wish) -> str:
    return str(_lines()[wish.language]["event"][str(wish.event).lower() if wish.event else "none"])


def _chinese(wish: Wish) -> dict[str, str]:
    thing = wish.object
    counter = measure(thing, wish.category)
    which = "" if not wish.ordinal else f"最后一{counter}" if wish.ordinal < 0 else f"第{wish.ordinal}{counter}"
    saying = "报一次时间" if wish.say_time else f"说“{wish.quote}”" if wish.quote else "提醒你"
    return {
        "say": f"说“{wish.quote}”" if wish.quote else "告诉你",
        "saying": saying,
        "greeting": wish.quote or "你好",
        "topic": wish.topic if saying == "提醒你" else "",
        "every": f" {span(wish.every or 0.0, 'zh')}".removeprefix(" 1 "),
        "within": span(wish.within or 0.0, "zh"),
        "event": _event(wish),
        "some": _some_chinese(wish),
        "many": thing,
        "the": which + (thing or ("" if which else "画面" if wish.event is Intent.SCENE_CHANGE else "那")),
    }


def _some_chinese(wish: Wish) -> str:
    thing = wish.object
    if wish.first:
        return f"第一{measure(thing, wish.category)}{thing or '东西'}"
    if thing and (mine := re.search(rf"我(的?{re.escape(thing)})", wish.text)):
        return f"你{mine[1]}"
    return "有人" if thing in ("人", "谁", "人影") else thing or "有东西"
