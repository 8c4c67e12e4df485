"""Numbers, durations and what a duration is for, by grammar, in English and Chinese."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import cn2an
from text_to_num import text2num

from joyvl_core.models.embedded.understanding.wordlists import pattern


class Role(StrEnum):
    """What a duration says: how often, how soon, how far back, for how long, or nothing of these."""

    EVERY = "every"
    IN = "in"
    PAST = "past"
    FOR = "for"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration in a text: its length in seconds, its role, and where it stands (role words included)."""

    seconds: float
    role: Role
    start: int
    end: int


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_EN_UNIT = r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?)"
_SMALL = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety hundred thousand"
_WORD = "(?:" + "|".join(sorted((_SMALL + " " + _TENS).split(), key=len, reverse=True)) + ")"
_SPELLED = rf"(?:an? (?=hundred|thousand))?{_WORD}(?:(?:[\s-]+and)?[\s-]+{_WORD})*"
_EN_NUMBER = rf"(?:\d+(?:[.,]\d+)?|{_SPELLED}|a couple(?: of)?|a few|an?(?: single)?|half an?|half)"
_EN_LETTER = r"(?:(?<=\d)|(?<=\d ))[smh](?![a-z'])"
_EN_ONE = (
    rf"(?:(?P<half>(?:a )?half(?: an?| of an?)?[\s-]*{_EN_UNIT})"
    rf"|(?P<quarters>(?:an? |one |three )?quarters?(?: of)?(?: an?)?[\s-]*hour)"
    rf"|(?P<n>{_EN_NUMBER})(?P<nhalf> and a half)?[\s-]*(?P<unit>{_EN_UNIT}|{_EN_LETTER})(?P<uhalf> and a half)?)"
)
_EN_DURATION = re.compile(
    rf"(?<![\w.])({_EN_ONE.replace('?P<', '?P<a_')}(?:,? (?:and )?{_EN_ONE.replace('?P<', '?P<b_')})?)\b"
)
_EN_CLOCK = re.compile(r"(?<![\w.:])(\d{1,2})h(\d{1,2})m?\b|(?<![\w.:])(\d{1,2})m(\d{1,2})s?\b")
_EN_BARE = pattern("durations", "en_bare")
_EN_BEFORE = (
    (
        Role.EVERY,
        re.compile(
            r"\b(?:every|each|per|once|once (?:in )?(?:every|each|per)|at (?:an )?intervals? of|an interval of)\s*$"
        ),
    ),
    (Role.PAST, re.compile(r"\b(?:last|past|previous|recent)\s*$")),
    (
        Role.IN,
        re.compile(
            r"\b(?:in(?: another)?|after(?: another)?|give me|wait|timer (?:for|of)|countdown (?:for|of|from)|set)\s*"
            r"(?:about |exactly |the next )?$"
        ),
    ),
    (Role.FOR, re.compile(r"\b(?:for|next)\s*(?:the )?(?:next )?(?:about )?$")),
)
_EN_AFTER = (
    (
        Role.IN,
        re.compile(
            r"^[\s-]*(?:from now|later|timer|countdown|are up|is up|have passed|has passed|are over|is over|to go)\b"
        ),
    ),
    (Role.PAST, re.compile(r"^\s*(?:ago|back)\b")),
    (Role.EVERY, re.compile(r"^[\s-]*(?:intervals?|apart|each time)\b")),
)

_ZH_DIGITS = "零〇一二两俩三四五六七八九十百千万"
_ZH_NUMBER = rf"(?:\d+(?:\.\d+)?|[{_ZH_DIGITS}]+|半)"
_ZH_PART = (
    rf"(?:(?P<quarter>[一两三123])刻钟?"
    rf"|(?P<n>{_ZH_NUMBER})个?(?P<half>半)?多?(?P<unit>小时|钟头|分钟|分(?=半|[\d{_ZH_DIGITS}]+秒|后|之后|以后|一次)|秒钟?|天)(?P<uhalf>半)?(?:钟)?)"
)
_ZH_DURATION = re.compile(rf"({_ZH_PART.replace('?P<', '?P<a_')}[零又]?(?:{_ZH_PART.replace('?P<', '?P<b_')})?)")
_ZH_BARE = re.compile(r"(?P<role>每个?|每隔|过去|最近|上个?)(?P<unit>秒钟?|分钟|小时|钟头|天)")
_ZH_UNITS = {"秒": 1.0, "分": 60.0, "小": 3600.0, "钟": 3600.0, "天": 86400.0}
_ZH_BEFORE = (
    (Role.EVERY, re.compile(r"(?:每隔?|隔|每过|间隔|每上?个?)\s*$")),
    (Role.PAST, re.compile(r"(?:过去|最近|刚才|这|前|近|刚刚)(?:的)?\s*$")),
    (Role.FOR, re.compile(r"(?:接下来|未来|之后)(?:的)?\s*$")),
    (Role.IN, re.compile(r"(?:过|再过|等|倒计时|定时|计时|再等)\s*$")),
)
_ZH_AFTER = (
    (Role.IN, re.compile(r"^\s*(?:后|以后|之后|过后|到了|到的时候|一到|到点|的?倒计时|的?闹钟|的?定时|的?计时)")),
    (Role.PAST, re.compile(r"^\s*(?:前|之前|以前|内有|里有|里发生|来)")),
    (Role.EVERY, re.compile(r"^\s*(?:一次|[报说喊提叫]\S{0,3}一[次声遍下]|[一1]回|一遍)")),
    (Role.FOR, re.compile(r"^\s*(?:内|里|别|不要|不许|之内)")),
)


@lru_cache(maxsize=256)
def number(words: str) -> float | None:
    """The number that digits or number words of either language spell, else None."""
    words = words.strip().lower().replace(",", ".")
    known = {
        "a": 1.0,
        "an": 1.0,
        "a single": 1.0,
        "a few": 3.0,
        "半": 0.5,
        "俩": 2.0,
        "half": 0.5,
        "half a": 0.5,
        "half an": 0.5,
    }
    if words in known:
        return known[words]
    if words.startswith("a couple"):
        return 2.0
    try:
        return float(words)
    except ValueError:
        pass
    try:
        if words.isascii():
            return float(text2num(re.sub(r"^an? ", "one ", words.replace("-", " ")), "en"))
        return float(cn2an.cn2an(words, "smart"))
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def durations(text: str, language: str) -> list[Duration]:
    """The durations in a text, from left to right, each with its role."""
    text = text.lower()
    found = _chinese(text) if language == "zh" else _english(text)
    return sorted((d for d in found if 0.0 < d.seconds <= 30 * 86400.0), key=lambda d: d.start)


def _english(text: str) -> list[Duration]:
    found: list[Duration] = []
    for match in _EN_BARE.finditer(text):
        seconds = _UNITS[match["unit"][0]] * (2.0 if match["other"] else 1.0)
        word = match["role"]
        role = Role.PAST if re.search("last|past|previous", word) else Role.FOR if "next" in word else Role.EVERY
        if match["unit"] not in ("seconds", "minutes", "hours", "days"):
            found.append(Duration(seconds, role, match.start(), match.end()))
    for match in _EN_CLOCK.finditer(text):
        hours, minutes, only_minutes, only_seconds = (float(g) if g else 0.0 for g in match.groups())
        found.append(
            _placed(
                text, hours * 3600 + (minutes + only_minutes) * 60 + only_seconds, match.span(), _EN_BEFORE, _EN_AFTER
            )
        )
    for match in _EN_DURATION.finditer(text):
        if any(d.start < match.end() and match.start() < d.end for d in found):
            continue
        first = _english_part(match, "a_")
        second = _english_part(match, "b_") or 0.0
        if first is not None:
            found.append(_placed(text, first + second, match.span(), _EN_BEFORE, _EN_AFTER))
    return found


def _english_part(match: re.Match[str], side: str) -> float | None:
    if half := match[side + "half"]:
        return _UNITS[re.sub(r"^(?:a )?half(?: an?| of an?)?[\s-]*", "", half)[0]] / 2
    if quarters := match[side + "quarters"]:
        return 2700.0 if quarters.startswith("three") else 900.0
    if not match[side + "n"]:
        return None
    value = number(match[side + "n"])
    if value is None:
        return None
    value += 0.5 if match[side + "nhalf"] or match[side + "uhalf"] else 0.0
    return value * _UNITS[match[side + "unit"][0]]


def _chinese(text: str) -> list[Duration]:
    found: list[Duration] = []
    for match in _ZH_BARE.finditer(text):
        role = Role.EVERY if "每" in match["role"] else Role.PAST
        found.append(Duration(_ZH_UNITS[match["unit"][0]], role, match.start(), match.end()))
    for match in _ZH_DURATION.finditer(text):
        if any(d.start < match.end() and match.start() < d.end for d in found):
            continue
        first = _chinese_part(match, "a_")
        second = _chinese_part(match, "b_") or 0.0
        if first is not None:
            found.append(_placed(text, first + second, match.span(), _ZH_BEFORE, _ZH_AFTER))
    return found


def _chinese_part(match: re.Match[str], side: str) -> float | None:
    if quarters := match[side + "quarter"]:
        return 900.0 * (number(quarters) or 1.0)
    if not match[side + "n"]:
        return None
    value = number(match[side + "n"])
    if value is None:
        return None
    value += 0.5 if match[side + "half"] or match[side + "uhalf"] else 0.0
    return value * _ZH_UNITS[match[side + "unit"][0]]


def _placed(
    text: str,
    seconds: float,
    span: tuple[int, int],
    before: tuple[tuple[Role, re.Pattern[str]], ...],
    after: tuple[tuple[Role, re.Pattern[str]], ...],
) -> Duration:
    start, end = span
    for role, words in before:
        if lead := words.search(text[:start]):
            return Duration(seconds, role, lead.start(), end)
    for role, words in after:
        if tail := words.match(text[end:]):
            return Duration(seconds, role, start, end + tail.end())
    return Duration(seconds, Role.PLAIN, start, end)
