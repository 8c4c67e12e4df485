"""What is kept, as rows of the tables; and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from pydantic import JsonValue, TypeAdapter, ValidationError
from sqlalchemy import RowMapping

from joyvl_core.errors import BadInputError
from joyvl_core.events import (
    AnyEvent,
    ChatEvent,
    InstructionEvent,
    SpeechEvent,
    TicketEvent,
    TickEvent,
    encode,
    read_event,
)
from joyvl_core.memory.items import MemoryItem
from joyvl_core.observation import FrameKind, TicketState
from joyvl_core.store import tables
from joyvl_core.store.words import MAX_TEXT, index_words
from joyvl_core.text import tidy

Row = dict[str, Any]
PictureKind = Literal["thumbnail", "frame"]

MAX_ITEM = 40_000
"""Characters of a memory item's text."""
MAX_DATA = 400_000
"""Characters of its data."""
MAX_NUMBER = 2**31 - 1
"""Largest number of a tick, and of tokens."""
MAX_JPEG = 2_000_000
"""Bytes of a picture."""
_DATA: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture that was kept.

    Attributes:
        kind: `thumbnail`, or `frame` for what the model saw.
        t: Session second.
        tick: Number of the tick that showed it.
        frame: How it was coded, for a frame.
    """

    kind: str
    t: float
    epoch: int
    track: str
    jpeg: bytes
    tick: int | None = None
    frame: FrameKind | None = None


def event_row(event: AnyEvent) -> Row:
    """The row of an event, without its owner."""
    tick = event if isinstance(event, TickEvent) else None
    return {
        "kind": event.kind,
        "n": tick.n if tick else None,
        "action": tick.action if tick and tick.action != "silence" else None,
        "wall": event.wall,
        "t": event.t,
        "body": encode(event),
    }


def item_row(item: MemoryItem) -> Row:
    """The row of a memory item, without its owner.

    Raises:
        BadInputError: Its data is no JSON, or too long; or its times are no numbers.
    """
    try:
        data = json.dumps(dict(item.data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise _not_kept(f"its data is no JSON: {error}") from None
    if len(data) > MAX_DATA:
        raise _not_kept(f"its data has more than {MAX_DATA} characters")
    if not (isfinite(item.t) and isfinite(item.until)):
        raise _not_kept("its times are no numbers")
    return {
        "kind": tidy(item.kind, tables.MAX_KIND),
        "t": item.t,
        "until": max(item.t, item.until),
        "text": tidy(item.text, MAX_ITEM),
        "tokens": None if item.tokens is None else max(0, min(int(item.tokens), MAX_NUMBER)),
        "data": tidy(data, MAX_DATA),
    }


def item_of(row: RowMapping) -> MemoryItem:
    """The memory item of a row. Data that can't be read, by whoever changed it, is left out."""
    try:
        data: Mapping[str, Any] = _DATA.validate_json(row["data"])
    except ValidationError:
        data = {}
    return MemoryItem(row["kind"], row["t"], row["until"], row["text"], row["tokens"], data)


def picture_row(t: float, track: str, jpeg: bytes, kind: PictureKind, tick: int | None, frame: FrameKind | None) -> Row:
    """The row of a picture, without its owner."""
    return {
        "kind": kind,
        "tick": tick if tick is not None and 0 <= tick <= MAX_NUMBER else None,
        "t": t,
        "track": tidy(track, tables.MAX_TRACK),
        "frame": frame.value if frame else None,
        "jpeg": jpeg,
    }


def picture_of(row: RowMapping) -> StoredPicture:
    """The picture of a row."""
    frame = FrameKind(row["frame"]) if row["frame"] else None
    return StoredPicture(row["kind"], row["t"], row["epoch"], row["track"], row["jpeg"], row["tick"], frame)


def entry_of_event(event: AnyEvent) -> Row | None:
    """What the search index holds of an event; None where nobody will ask for it."""
    match event:
        case TickEvent() if event.action != "silence" and event.text:
            return _entry("said", event.t, event.t, event.text)
        case ChatEvent():
            return _entry("chat", event.t, event.t, _by(event.author, event.text))
        case SpeechEvent() if event.final:
            return _entry("heard", event.t, event.t, _by(event.speaker, event.text))
        case InstructionEvent() if event.state != "cancelled":
            return _entry("instruction", event.t, event.t, _by(event.author, event.text))
        case TicketEvent() if event.state is TicketState.DONE:
            return _entry("answer", event.t, event.t, f"{event.question} — {event.digest}")
        case _:
            return None


def entry_of_item(row: Row) -> Row | None:
    """What the search index holds of a memory item's row."""
    return _entry(row["kind"], row["t"], row["until"], row["text"])


def blank(body: str) -> str:
    """An event's line without what was said, written or seen, and by whom: what remains is that it happened.

    A line that can't be read becomes an empty object.
    """
    try:
        event = read_event(body)
    except ValidationError:
        return "{}"
    words = {
        name: ""
        for name in ("text", "raw", "author", "speaker", "question", "digest", "full", "reason", "remedy", "note")
        if getattr(event, name, None)
    }
    seen = {"tracks": ()} if isinstance(event, TickEvent) else {}
    return encode(event.model_copy(update={**words, **seen}))


def _entry(kind: str, t: float, until: float, text: str) -> Row | None:
    text = tidy(text, MAX_TEXT).strip()
    if not text:
        return None
    return {"kind": kind, "t": t, "until": until, "text": text, "words": " ".join(index_words(text))}


def _by(author: str, text: str) -> str:
    return f"{author}: {text}" if author else text


def _not_kept(why: str) -> BadInputError:
    return BadInputError(f"The memory item can't be kept: {why}.", source="store", kind="item", hint="Keep plain JSON.")
