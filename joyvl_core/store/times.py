"""What a question says about time: a span of session seconds, and the question without it.

Lengths of time are read by the grammar that reads wishes; times of day and places in the session here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isnan

from sqlalchemy import ColumnElement

from joyvl_core.store.tables import search_entries
from joyvl_core.text import language_of

_LONGEST = 10 * 365 * 86_400.0
_POINT = 60.0
"""Least seconds to both sides of a point in time that somebody remembers."""
_SHARE = 0.15
"""How far off people are, as a share of how long ago it was."""
_JUST = 120.0
_RECENT = 600.0
_START = 120.0
_START_SHARE = 0.1

_CLOCK = re.compile(
    r"(?<![\d:.])(?P<h>\d{1,2})[:：](?P<m>[0-5]\d)(?:[:：](?P<s>[0-5]\d))?(?![\d:])\s*(?P<half>[ap]\.?m\b\.?)?"
    r"|(?<![\w:.])(?P<h2>\d{1,2})\s*(?P<half2>[ap]\.?m\b\.?|o'?clock)"
    r"|(?P<part>上午|早上|凌晨|中午|下午|晚上|傍晚)?\s*(?P<h3>\d{1,2}|[零一二两三四五六七八九十]{1,3})\s*[点點时時]钟?"
    r"(?:(?P<half3>半)|(?P<quarter3>一刻|三刻)|(?P<m3>\d{1,2}|[零一二两三四五六七八九十]{1,4})分?)?(?!间|候)"
)
_FROM = re.compile(r"(?:since|after|from|自从?|从)\s*$")
_UP_TO = re.compile(r"(?:before|until|till|up to|by)\s*$")
_ZH_FROM = re.compile(r"^\s*(?:以后|之后|后|起|开始)")
_ZH_UP_TO = re.compile(r"^\s*(?:以前|之前|前)")
_TO = re.compile(r"^\s*(?:and|to|until|till|[-–到至和])\s*$")
_LEAD = re.compile(
    r"(?:\b(?:in|at|around|about|during|over|within|by|from|since|for|the|near|between)\s+)+$|(?:在|大约|大概)+$"
)

_FIRST = re.compile(r"\b(?:first|opening|initial)\s*(?:of\s*)?$|(?:最?开始|开头|最初|起初|头|最前面)的?\s*$")
_INTO = re.compile(r"^\s*(?:in\b|into\b|mark\b|的时候|处|时)")
_AGO = re.compile(r"(?:ago|back|之?前|以前)\s*$")
_NTH = re.compile(r"\bminute\s+(?P<n>\d{1,4})\b|第\s*(?P<zh>\d{1,4}|[零一二两三四五六七八九十百]{1,5})\s*分钟?")
_ONE_FIRST = re.compile(r"\b(?:first|opening)\s+(?P<unit>minute|hour|half(?:[\s-]an?)?[\s-]hour)\b")
_AT_START = re.compile(
    r"\b(?:at|in|from) the (?:very )?(?:beginning|start)\b|\bat first\b|\bwhen (?:it|this|the \w+) (?:began|started)\b"
    r"|(?:在|从)?(?:一开始|最开始|刚开始|开头|最初|开始的时候|开场)"
)
_AT_JUST = re.compile(r"\b(?:just now|a moment ago|a (?:little )?while ago)\b|刚刚|刚才|方才")
_AT_RECENT = re.compile(r"\b(?:recently|lately)\b|最近|近来")
_PARTS = (
    (re.compile(r"\bthis morning\b|今天(?:早上|上午)|早上|上午"), 4, 12),
    (re.compile(r"\bthis afternoon\b|今天下午|下午"), 12, 18),
    (re.compile(r"\b(?:this evening|tonight)\b|今天?晚上?|晚上"), 17, 24),
)


@dataclass(frozen=True, slots=True)
class Span:
    """Session seconds from `since` to `until`."""

    since: float
    until: float

    def overlaps(self) -> ColumnElement[bool]:
        """The condition on an entry to lie in it, in part at least."""
        return (search_entries.c.t <= self.until) & (search_entries.c.until >= self.since)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was read: the time it names, if it names one, and the rest of its words."""

    rest: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """A span of time, and where in the question it is named."""

    span: Span
    start: int
    end: int


def read(question: str, *, now: float, began: float) -> Asked:
    """Reads the time that a question about the past names.

    `now` is the session second of asking, `began` the unix seconds of session second 0. Times of day are those of this
    machine.
    """
    now = 0.0 if isnan(now) else min(max(now, 0.0), _LONGEST)
    text = question.lower()
    found = _length(text, now) or _clock(text, now, began) or _place(text, now) or _part_of_day(text, now, began)
    if found is None:
        return Asked(question)
    since, until = max(0.0, found.span.since), min(now, found.span.until)
    if since > until:
        return Asked(question)
    lead = _LEAD.search(text[: found.start])
    rest = f"{text[: lead.start() if lead else found.start]} {text[found.end :]}"
    return Asked(rest, Span(since, until))


def _length(text: str, now: float) -> _Found | None:
    """By a length: "an hour ago", "in the last five minutes", "the first ten minutes"; 最近五分钟, 一小时前."""
    # Loads the grammar, not the models: only who asks about times needs it.
    from joyvl_core.models.embedded.understanding.durations import Role, durations

    for length in durations(text, language_of(text)):
        words = text[length.start : length.end]
        before, after = text[: length.start], text[length.end :]
        if _FIRST.search(before) or (length.role is Role.PAST and words.startswith("前")):
            lead = _FIRST.search(before)
            return _Found(Span(0.0, length.seconds), lead.start() if lead else length.start, length.end)
        if length.role is Role.PAST and _AGO.search(words):
            return _Found(_around(now - length.seconds, length.seconds), length.start, length.end)
        if length.role is Role.PAST:
            return _Found(Span(now - length.seconds, now), length.start, length.end)
        if into := _INTO.match(after):
            return _Found(_around(length.seconds, 0.0), length.start, length.end + into.end())
    return None


def _clock(text: str, now: float, began: float) -> _Found | None:
    """By a time of day: "at 14:05", "after 3 pm", "between 14:00 and 14:30"; 下午两点半."""
    readings: list[_Found] = []
    for match in _CLOCK.finditer(text):
        span = _moment(match, now, began)
        if span is not None:
            readings.append(_Found(span, match.start(), match.end()))
    if not readings:
        return None
    first = readings[0]
    if len(readings) > 1 and _TO.match(text[first.end : readings[1].start]):
        second = readings[1]
        return _Found(Span(first.span.since, second.span.until), first.start, second.end)
    if _FROM.search(text[: first.start]) or _ZH_FROM.match(text[first.end :]):
        return _Found(Span(first.span.since, now), first.start, first.end)
    if _UP_TO.search(text[: first.start]) or _ZH_UP_TO.match(text[first.end :]):
        return _Found(Span(0.0, first.span.until), first.start, first.end)
    return first


def _moment(match: re.Match[str], now: float, began: float) -> Span | None:
    hour = _value(match["h"] or match["h2"] or match["h3"])
    minutes = match["m"] or match["m3"]
    minute = (
        30.0 if match["half3"] else {"一刻": 15.0, "三刻": 45.0}.get(match["quarter3"] or "") or _value(minutes or "0")
    )
    if hour is None or minute is None or hour > 24 or minute >= 60:
        return None
    exact = minutes is not None or match["half3"] or match["quarter3"]
    wide = (_POINT, 2 * _POINT) if exact else (5 * _POINT, 15 * _POINT)
    half = (match["half"] or match["half2"] or "")[:1]
    part = match["part"] or ""
    if half == "p" or part in ("下午", "晚上", "傍晚", "中午"):
        hours = [hour % 12 + 12]
    elif half == "a" or part:
        hours = [hour % 12]
    else:
        hours = [hour % 24, (hour + 12) % 24] if 0 < hour <= 12 else [hour % 24]
    if match["s"] and (placed := _placed(match, now)):
        return placed
    for each in hours:
        t = _second_of_day(each * 3600 + minute * 60 + float(match["s"] or 0), now, began)
        if t is not None:
            return Span(t - wide[0], t + wide[1])
    return _placed(match, now) if match["h"] and not half else None


def _placed(match: re.Match[str], now: float) -> Span | None:
    """Minutes and seconds of the session, or hours, minutes and seconds, as a player shows them."""
    first, second, third = (float(part) if part else None for part in (match["h"], match["m"], match["s"]))
    if first is None or second is None:
        return None
    t = first * 60 + second if third is None else first * 3600 + second * 60 + third
    return _around(t, 0.0) if t <= now else None


def _second_of_day(seconds: float, now: float, began: float) -> float | None:
    """The session second, the last one before now, at which the clock on this machine's wall showed a time."""
    try:
        today = datetime.fromtimestamp(began + now).astimezone()
        for days in range(2):
            midnight = (today - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
            t = midnight.timestamp() + seconds - began
            if -_POINT <= t <= now + _POINT:
                return t
    except (ValueError, OverflowError, OSError):  # a clock beyond every calendar
        return None
    return None


def _place(text: str, now: float) -> _Found | None:
    """By a place in the session: "minute 12", "at the beginning", "just now"; 第十二分钟, 一开始, 刚才, 最近."""
    if match := _NTH.search(text):
        minute = _value(match["n"] or match["zh"])
        if minute is not None:
            return _Found(Span((minute - 1) * 60 - 30, (minute + 1) * 60), *match.span())
    if match := _ONE_FIRST.search(text):
        seconds = {"m": 60.0, "h": 1800.0 if match["unit"].startswith("half") else 3600.0}[match["unit"][0]]
        return _Found(Span(0.0, seconds), *match.span())
    if match := _AT_START.search(text):
        return _Found(Span(0.0, max(_START, now * _START_SHARE)), *match.span())
    if match := _AT_JUST.search(text):
        return _Found(Span(now - _JUST, now), *match.span())
    if match := _AT_RECENT.search(text):
        return _Found(Span(now - _RECENT, now), *match.span())
    return None


def _part_of_day(text: str, now: float, began: float) -> _Found | None:
    for words, first, last in _PARTS:
        if match := words.search(text):
            try:
                today = datetime.fromtimestamp(began + now).astimezone()
                midnight = today.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() - began
            except (ValueError, OverflowError, OSError):  # a clock beyond every calendar
                return None
            return _Found(Span(midnight + first * 3600, midnight + last * 3600), *match.span())
    return None


def _around(t: float, ago: float) -> Span:
    off = max(_POINT, ago * _SHARE)
    return Span(t - off, t + off)


def _value(words: str) -> float | None:
    from joyvl_core.models.embedded.understanding.durations import number

    value = number(words)
    return value if value is not None and 0.0 <= value < 10_000 else None
