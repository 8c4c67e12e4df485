"""What certain words make certain: rules that read a wish before any guess is made.

A rule is only here where its words hardly ever mean something else. The order matters: what ends, mutes or corrects
comes before what starts, so that "don't count the cars" never starts a count.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from joyvl_core.models.embedded.understanding.durations import Duration, Role
from joyvl_core.models.embedded.understanding.wordlists import pattern
from joyvl_core.models.embedded.wishes import Intent

_POLITE_EN = pattern("grammar", "polite_en")
_POLITE_ZH = pattern("grammar", "polite_zh")


def core(text: str, language: str) -> str:
    """The wish in lower case without greeting, request and closing words."""
    text = text.lower().strip(" .!?,;:~。！？，…")
    if language == "zh":
        stripped = _POLITE_ZH.sub("", text)
        return re.sub(r"(?:[,， ]*(?:谢谢你?|好吗|可以吗|行吗|行不行|好不好|呗|哈|哦|呀|啦))+$", "", stripped) or text
    return (
        re.sub(
            r"[, ]+(?:please|pls|plz|thanks|thank you|thx|ok(?:ay)?|will you|would you|mate|bot)$",
            "",
            _POLITE_EN.sub("", text),
        )
        or text
    )


_STOPPING = (Intent.QUIET, Intent.LEAVE_ROOM, Intent.CHANGE, Intent.CANCEL)


@dataclass(frozen=True, slots=True)
class Rule:
    """Words that make an intent certain."""

    intent: Intent
    words: re.Pattern[str]


@lru_cache(maxsize=2)
def _rules(language: str) -> tuple[Rule, ...]:
    """The rules of a language, in the order in which they are tried."""
    data = tomllib.loads(files(__package__).joinpath(f"grammar.{language}.toml").read_text("utf-8"))

    def compiled(patterns: list[str]) -> re.Pattern[str]:
        joined = "|".join(f"(?:{pattern})" for pattern in patterns)
        return re.compile(re.sub(r"<(\w+)>", lambda name: data["words"][name[1]], joined))

    return tuple(Rule(Intent(rule["intent"]), compiled(rule["patterns"])) for rule in data["rule"])


_QUESTION_EN = re.compile(r"\b(?:how many|how much|what (?:you|is|has|was|do)|what's|whether|if)\b")
_REMIND_EN = pattern("grammar", "remind_en")
_UNTIMED = pattern("grammar", "untimed")
_TIMER_EN = re.compile(r"\b(?:timer|alarm|countdown|count down|stopwatch|snooze|reminder)\b")
_REMIND_ZH = re.compile(r"提醒|说|叫|喊|报|让我|催|念叨|告诉|通知|提示|吱|唤|闹|讲|响|叮嘱|播报|念|问")
_TIMER_ZH = re.compile(r"倒计时|定时|闹钟|计时|定个?|设个?")


def certain(text: str, language: str, found: list[Duration]) -> Intent | None:
    """The intent that the words make certain, or None.

    Args:
        text: The core of a wish (see `core`), without quotations.
        language: `en` or `zh`.
        found: Its durations.
    """
    rules = _rules(language)
    stopping = rules[: _after_stopping(rules)]
    for rule in stopping:
        if rule.words.search(text):
            return rule.intent
    if timed := _timed(text, language, found):
        return timed
    for rule in rules[len(stopping) :]:
        if rule.words.search(text):
            return rule.intent
    return None


def _after_stopping(rules: tuple[Rule, ...]) -> int:
    return next(i for i, rule in enumerate(rules) if rule.intent not in _STOPPING)


def _timed(text: str, language: str, found: list[Duration]) -> Intent | None:
    """What a duration makes of a wish: a repeated saying, a reminder, or nothing certain."""
    remind, timer = (_REMIND_ZH, _TIMER_ZH) if language == "zh" else (_REMIND_EN, _TIMER_EN)
    for duration in found:
        rest = f"{text[: duration.start]} {text[duration.end :]}"
        said = remind.search(text) or len(rest.split()) <= 3
        if duration.role is Role.EVERY and said and not _asks(rest, language):
            return Intent.TIME_EVERY
        if duration.role is Role.IN and (said or timer.search(text)) and not _asks(rest, language):
            return Intent.TIME_IN
        if duration.role in (Role.PLAIN, Role.FOR) and timer.search(text):
            return Intent.TIME_IN
    # A reminder without a time is one all the same: what it lacks can be asked for.
    return Intent.TIME_IN if not found and _UNTIMED.search(text) else None


def _asks(rest: str, language: str) -> bool:
    """Whether what is to be said is something seen, which no clock can serve."""
    if language == "zh":
        return bool(re.search(r"多少|几个|几辆|几只|看到|有什么|发生", rest))
    return bool(_QUESTION_EN.search(rest)) and not re.search(r"\bwhat(?:'s| is)? (?:the )?time\b", rest)
