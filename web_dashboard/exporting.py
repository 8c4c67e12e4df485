"""Sessions as files: the log as JSON lines, spoken lines as subtitles, ticks as a table, marks as data."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from joyvl_core.events import AnyEvent, DeliveryEvent, TickEvent, encode
from joyvl_core.store.tables import events
from web_dashboard.db import tables

if TYPE_CHECKING:
    from joyvl_core.store.database import Database

SETTLED = 60.0
"""Session seconds after which no delivery of a line is waited for."""
_PIECE = 32_768
_READING = 0.07
"""Seconds that a character takes to read; a Chinese one says more, and a line is held longer for it."""
_SHORTEST, _LONGEST = 1.2, 8.0
_MOST_WAITING = 200
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
COLUMNS = (
    "t",
    "wall",
    "n",
    "action",
    "decided",
    "gate",
    "text",
    "question",
    "ticket",
    "instruction",
    "reply_to",
    "triggers",
    "p_silence",
    "latency_ms",
    "frame",
    "tokens",
    "raw",
)


async def jsonl(log: AsyncIterator[AnyEvent]) -> AsyncIterator[str]:
    """The log as it is written, one line an event."""
    async for piece in _pieces(encode(event) + "\n" async for event in log):
        yield piece


async def table(log: AsyncIterator[AnyEvent]) -> AsyncIterator[str]:
    """One row a tick, as CSV with a heading. What a spreadsheet would take for a formula begins with an apostrophe."""

    async def lines() -> AsyncIterator[str]:
        # A mark at the beginning, by which spreadsheets know that the letters are Unicode.
        yield "\ufeff" + _row(COLUMNS)
        async for event in log:
            if isinstance(event, TickEvent):
                fields = event.model_dump(mode="json") | {"triggers": " ".join(event.triggers)}
                yield _row(_cell(fields.get(name)) for name in COLUMNS)

    async for piece in _pieces(lines()):
        yield piece


@dataclass(slots=True)
class _Spoken:
    """A line that was spoken, from `start`."""

    n: int
    start: float
    text: str
    heard: bool = False
    dropped: bool = False


async def srt(log: AsyncIterator[AnyEvent]) -> AsyncIterator[str]:
    """Spoken lines as subtitles, from their first sound or text out until they are read, or the next begins."""

    async def lines() -> AsyncIterator[str]:
        number, held = 0, None
        async for spoken in _spoken(log):
            if held is not None:
                number += 1
                # Two that came at once are shown one after the other.
                spoken.start = max(spoken.start, held.start + _SHORTEST / 2)
                yield _subtitle(number, held, spoken.start)
            held = spoken
        if held is not None:
            yield _subtitle(number + 1, held, held.start + _LONGEST)

    async for piece in _pieces(lines()):
        yield piece


async def _spoken(log: AsyncIterator[AnyEvent]) -> AsyncIterator[_Spoken]:
    """Lines that reached people, in the order in which they were spoken."""
    waiting: deque[_Spoken] = deque()
    async for event in log:
        if isinstance(event, TickEvent) and event.action != "silence" and _plain(event.text):
            waiting.append(_Spoken(event.n, max(0.0, event.t), _plain(event.text)))
        elif isinstance(event, DeliveryEvent):
            # The newest of that number: another epoch counts from 0 again.
            for line in reversed(waiting):
                if line.n == event.tick:
                    if event.dropped is None and not line.heard:
                        line.start, line.heard = max(line.start, event.t), True
                    line.dropped = event.dropped is not None and not line.heard
                    break
        while waiting and (event.t - waiting[0].start > SETTLED or len(waiting) > _MOST_WAITING):
            line = waiting.popleft()
            if not line.dropped:
                yield line
    for line in sorted(waiting, key=lambda line: line.start):
        if not line.dropped:
            yield line


def _subtitle(number: int, line: _Spoken, following: float) -> str:
    wide = sum(1 for sign in line.text if ord(sign) > 0x2E80)
    reading = min(_LONGEST, max(_SHORTEST, _READING * (len(line.text) + 2 * wide)))
    until = max(line.start + 0.1, min(line.start + reading, following))
    return f"{number}\n{_clock(line.start)} --> {_clock(until)}\n{line.text}\n\n"


def _clock(t: float) -> str:
    """Session seconds as subtitles have them: `01:02:03,456`."""
    milliseconds = round(t * 1_000)
    seconds, rest = divmod(milliseconds, 1_000)
    return f"{seconds // 3_600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{rest:03d}"


def _plain(text: str) -> str:
    """Words that end no subtitle and begin none."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split()).replace("-->", "→")


def _cell(value: Any) -> str:
    """A value as a cell that no spreadsheet runs."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = _UNPRINTABLE.sub(" ", value)
    return f"'{text}" if text.lstrip(" \u3000").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def _row(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


async def marked(database: Database, session: str) -> AsyncIterator[str]:
    """What people thought of decisions and consented to as data: one JSON object a line.

    Each has the decision and the instructions that stood at its time.
    """
    async with database.reading() as connection:
        mine = select(tables.marks).where(tables.marks.c.session == session, tables.marks.c.consent)
        marks = (await connection.execute(mine.order_by(tables.marks.c.t, tables.marks.c.id))).mappings().all()
        asked = select(events.c.body).where(events.c.session == session, events.c.kind == "instruction")
        wishes = (await connection.scalars(asked.order_by(events.c.epoch, events.c.seq))).all()
    log = [json.loads(line) for line in wishes]
    for mark in marks:
        tick: dict[str, Any] = {}
        if mark["n"] is not None:
            at = (events.c.session == session) & (events.c.epoch == mark["epoch"]) & (events.c.n == mark["n"])
            async with database.reading() as connection:
                body = await connection.scalar(select(events.c.body).where(at))
            tick = json.loads(body) if body else {}
        kept = ("action", "decided", "gate", "text", "question", "p_silence", "triggers", "latency_ms", "frame")
        yield (
            json.dumps(
                {
                    "session": session,
                    **{name: mark[name] for name in ("epoch", "n", "t", "verdict", "correction")},
                    "decision": {name: tick.get(name) for name in kept} if tick else None,
                    "instructions": _standing(log, mark["t"]),
                },
                ensure_ascii=False,
            )
            + "\n"
        )


def _standing(log: Iterable[dict[str, Any]], t: float) -> list[str]:
    found: dict[str, str] = {}
    for event in log:
        if event["t"] > t:
            break
        if event["state"] == "cancelled":
            found.pop(event["id"], None)
        elif event["text"]:
            found[event["id"]] = event["text"]
    return list(found.values())


async def _pieces(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """The lines, gathered to pieces of a size that a network likes."""
    gathered: list[str] = []
    size = 0
    async for line in lines:
        gathered.append(line)
        size += len(line)
        if size >= _PIECE:
            yield "".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield "".join(gathered)
