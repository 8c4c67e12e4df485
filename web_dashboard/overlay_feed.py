"""What an overlay is told of a session: what the bot says, its counts, its alerts; nothing that people say or want.

The counter shows what the bot said. A model that counts says the running total in a line that carries the number, for
the instruction that it serves; the newest such number of an instruction is its count. What was never said is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from joyvl_core.text import language_of, tidy

STALE = 5.0
"""Seconds after which something that was said is no news any more: it counts, and is not shown."""
MAX_TEXT = 1_000
MAX_COUNTERS = 32
_NUMBER = re.compile(r"(?<![\d.,:/-])\d{1,9}(?![\d:/]|[.,-]\d)")
_BARE = re.compile(r"\W*\d{1,9}\W*[个辆只人次位条]?\W*")
_NONE = re.compile(
    r"(?:(?:none|nobody|no one|nothing)(?: is)?(?: there)?(?: now)?|(?:现在)?没有?人?了?)[.!。！]?", re.IGNORECASE
)
_COUNTS = re.compile(
    r"\bcount(?:s|ing)?\b|\bhow many\b|\bnumber of\b|\btally\b"
    "|数(?!据|码|字|学|量级)|统计|多少|几[个辆只人次位条]",
    re.IGNORECASE,
)
_EARLIEST, _PER_SIGN, _PER_CHINESE_SIGN, _LATEST = 1_800, 55, 190, 9_000


def count_in(text: str) -> int | None:
    """The number of a line that holds exactly one, or says that there is none; else None. Times are none."""
    if _NONE.fullmatch(text.strip()):
        return 0
    found = _NUMBER.findall(text)
    return int(found[0]) if len(found) == 1 else None


def counts(instruction: str) -> bool:
    """Whether an instruction's words ask to count."""
    return _COUNTS.search(instruction) is not None


def reading_time(text: str) -> int:
    """Milliseconds in which a caption can be read."""
    chinese = language_of(text) == "zh"
    return min(_LATEST, max(_EARLIEST, len(text) * (_PER_CHINESE_SIGN if chinese else _PER_SIGN) + 700))


class Counters:
    """The counts of a session by instruction, from its log lines in order.

    Args:
        standing: Words of the standing instructions by id, where they are known already.
    """

    def __init__(self, standing: Mapping[str, str] | None = None) -> None:
        self._wishes: dict[str, bool] = {}
        self._counts: dict[str, int] = {}
        for name, words in (standing or {}).items():
            self.wish(name, words)

    @property
    def values(self) -> dict[str, int]:
        """The counts, the one that changed last at the end."""
        return dict(self._counts)

    def wish(self, name: str, words: str) -> None:
        """An instruction stands."""
        self._wishes[name] = counts(words)
        while len(self._wishes) > MAX_COUNTERS * 4:
            self._wishes.pop(next(iter(self._wishes)))

    def read(self, line: Mapping[str, Any]) -> bool:
        """Takes a log line; whether a count changed."""
        if line.get("kind") == "instruction":
            return self._standing(line)
        if line.get("kind") != "tick" or line.get("action") != "speak":
            return False
        name = self._served(line)
        number = count_in(str(line.get("text", "")))
        if name is None or number is None:
            return False
        changed = self._counts.pop(name, None) != number
        self._counts[name] = number
        while len(self._counts) > MAX_COUNTERS:
            self._counts.pop(next(iter(self._counts)))
        return changed

    def _standing(self, line: Mapping[str, Any]) -> bool:
        name = str(line.get("id", ""))
        if line.get("state") == "cancelled":
            self._wishes.pop(name, None)
            return self._counts.pop(name, None) is not None
        self.wish(name, str(line.get("text", "")))
        return False

    def _served(self, line: Mapping[str, Any]) -> str | None:
        """The counting instruction that a line serves; the only one, where the model doesn't say which."""
        named = line.get("instruction")
        counting = [name for name, wanted in self._wishes.items() if wanted]
        if named is not None:
            return str(named) if self._wishes.get(str(named), False) else None
        bare = _BARE.fullmatch(str(line.get("text", ""))) is not None
        return counting[0] if bare and len(counting) == 1 and line.get("reply_to") is None else None


class Feed:
    """Turns the log lines of one session into what its overlays are told.

    Args:
        lines: What is known already; it counts, and is told to nobody.
        standing: Words of the standing instructions by id.
    """

    def __init__(self, lines: Iterable[Mapping[str, Any]] = (), standing: Mapping[str, str] | None = None) -> None:
        self._counters = Counters(standing)
        self._captioned: int | None = None
        self._caption = ""
        for line in lines:
            self._counters.read(line)

    def state(self, *, running: bool) -> dict[str, Any]:
        """How it stands: the first thing that an overlay is told."""
        return {"type": "state", "running": running, "counters": self._counters.values}

    def read(self, line: Mapping[str, Any], now: float) -> list[dict[str, Any]]:
        """What overlays are told of a log line at the unix second `now`."""
        told = []
        if self._counters.read(line):
            told.append({"type": "counters", "counters": self._counters.values})
        if now - float(line.get("wall") or now) > STALE:
            return told
        if line.get("kind") == "clause":
            told += self._clause(line)
        elif line.get("kind") == "tick":
            told += self._tick(line)
        return told

    def _clause(self, line: Mapping[str, Any]) -> list[dict[str, Any]]:
        number, text = line.get("tick"), _words(line.get("text"))
        if not isinstance(number, int) or not text:
            return []
        before = self._caption if self._captioned == number else ""
        apart = " " if before and before[-1].isascii() and text[0].isascii() else ""
        self._captioned, self._caption = number, (before + apart + text)[-MAX_TEXT:]
        return [_caption(self._caption, final=False)]

    def _tick(self, line: Mapping[str, Any]) -> list[dict[str, Any]]:
        action = line.get("action")
        text = _words(line.get("text") or line.get("note"))
        if action not in ("speak", "delegate") or not text:
            return []
        kind = "reply" if line.get("reply_to") else action
        return [{"type": "said", "kind": kind, "text": text, "lang": language_of(text)}, _caption(text, final=True)]


def alert(text: str) -> dict[str, Any]:
    """What overlays are told of an alert."""
    words = _words(text)
    return {"type": "alert", "text": words, "lang": language_of(words)}


def _caption(text: str, *, final: bool) -> dict[str, Any]:
    return {"type": "caption", "text": text, "final": final, "ms": reading_time(text), "lang": language_of(text)}


def _words(text: object) -> str:
    return tidy(" ".join(str(text or "").split()), MAX_TEXT)
