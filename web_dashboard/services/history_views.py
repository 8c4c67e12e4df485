"""Lines of a session's log, as people look at them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from web_dashboard.schemas.history import (
    Cell,
    Delivered,
    InstructionChange,
    InstructionView,
    Line,
    StatusView,
    TicketStep,
    TicketView,
    TokenMinute,
)

Event = dict[str, Any]
"""A line of the log, as a dict."""
_SILENCE = "</silence>"
_ACTS: dict[str, Literal["said", "delegated"]] = {"speak": "said", "delegate": "delegated"}
_PLAIN = ("interval", "start")
_HISTORY = 20
"""Changes of one instruction, and steps of one ticket, that are told: the newest."""


def cell_of(event: Event, epoch: int) -> Cell:
    """A tick's line as a cell of the timeline."""
    raw = str(event.get("raw") or "")
    return Cell.model_construct(
        epoch=epoch,
        n=event["n"],
        t=event["t"],
        kind=kind_of(event),
        text=event.get("text") or "",
        question=event.get("question") or "",
        ticket=event.get("ticket") or "",
        raw="" if raw.strip() == _SILENCE else raw,
        gate=event.get("gate") or "",
        why=tuple(each for each in event.get("triggers") or () if each not in _PLAIN),
        instruction=event.get("instruction") or "",
        reply_to=event.get("reply_to") or "",
        ms=round(event.get("latency_ms") or 0),
        p=event.get("p_silence"),
        frame=event.get("frame") or "none",
        tokens=event.get("tokens") or 0,
    )


def kind_of(event: Event) -> str:
    """What a tick is to people: silence, speak, delegate or gated."""
    return "gated" if event.get("gate") else str(event.get("action") or "silence")


def line_of(event: Event, epoch: int, at: str, delivered: Sequence[Delivered] = ()) -> Line | None:
    """A line of the log as one of the transcript; None where it is none."""
    base: dict[str, Any] = {"at": at, "epoch": epoch, "t": event["t"]}
    match event:
        case {"kind": "tick"} if kind_of(event) != "silence":
            act: Literal["said", "delegated", "gated"] = _ACTS.get(kind_of(event), "gated")
            words = str(event.get("text") or "")
            if question := event.get("question"):
                words = f"{words} → {question}".strip()
            gate = event.get("gate") or ""
            return Line(**base, kind=act, text=words, n=event["n"], gate=gate, delivered=tuple(delivered))
        case {"kind": "speech", "final": True}:
            return Line(**base, kind="heard", text=event["text"], who=event["speaker"])
        case {"kind": "chat"}:
            text, who = event["text"], event["author"]
            return Line(**base, kind="chat", text=text, who=who, addressed=bool(event.get("addressed")))
        case _:
            return None


def instructions_of(
    log: Iterable[Event], acts: Iterable[Event], totals: dict[str, tuple[str, int]]
) -> list[InstructionView]:
    """Instructions, the standing ones first, with what came of them.

    Args:
        log: Instructions' lines, and the statuses about them, in order.
        acts: Ticks that were acts.
        totals: By instruction: its words when it was counted, and how far.
    """
    found: dict[str, dict[str, Any]] = {}
    for event in log:
        if event["kind"] == "instruction":
            known = found.setdefault(event["id"], {"id": event["id"], "changes": [], "understood": "", "remedy": ""})
            text = event["text"] or known.get("text", "")
            known |= {"text": text, "state": event["state"], "since": event["t"], "author": event["author"]}
            change = InstructionChange(t=event["t"], state=event["state"], text=event["text"], author=event["author"])
            known["changes"] = [*known["changes"], change][-_HISTORY:]
        elif event.get("instruction") in found:
            found[event["instruction"]] |= {"understood": event["reason"], "remedy": event.get("remedy") or ""}
    for act in acts:
        known = found.get(act.get("instruction") or "", {})
        if known:
            known["acts"] = known.get("acts", 0) + 1
            known["last_act"] = act["t"]
            known["timed"] = known.get("timed", False) or "timer" in (act.get("triggers") or ())
    for name, (words, total) in totals.items():
        if name in found and words == found[name]["text"][: len(words) or None]:
            found[name]["counted"] = total
    views = [InstructionView(**each) for each in found.values()]
    return sorted(views, key=lambda each: (each.state == "cancelled", each.since))


def tickets_of(log: Iterable[Event]) -> list[TicketView]:
    """Delegations, the newest first. Acts that open one may be among the lines."""
    found: dict[str, dict[str, Any]] = {}
    for event in log:
        opened = event["kind"] == "tick"
        name = event.get("ticket") if opened else event["id"]
        if not name:
            continue
        known = found.setdefault(name, {"id": name, "question": "", "t": event["t"], "steps": [], "state": "running"})
        known["question"] = event.get("question") or known["question"]
        if opened:
            continue
        known |= {"state": event["state"], "digest": event.get("digest") or ""}
        known |= {key: event[key] for key in ("full", "spent_tokens", "cost") if event.get(key) is not None}
        step = TicketStep(t=event["t"], state=event["state"], digest=known["digest"])
        known["steps"] = [*known["steps"], step][-_HISTORY:]
    return [TicketView(**each) for each in reversed(found.values())]


def status_of(event: Event) -> StatusView:
    """A status's line."""
    return StatusView(
        t=event["t"],
        state=event["state"],
        reason=event["reason"],
        remedy=event.get("remedy") or "",
        instruction=event.get("instruction") or "",
    )


def standing(statuses: Iterable[StatusView]) -> list[StatusView]:
    """Of each part the newest status, what needs somebody first. Who is in the room is no state of a part."""
    newest: dict[str, StatusView] = {}
    for status in statuses:
        if status.state != "room.people" and not status.instruction:
            newest[status.state.partition(".")[0]] = status
    return sorted(newest.values(), key=lambda status: (not status.remedy, -status.t))


class TokenMeter:
    """Tokens by minute, as they were and had every picture been sent whole, from ticks in their order.

    A log tells the kind of a frame, not its size: whole, it would cost what the track's last I-frame did. A picture
    that is older than the tick before was shown then already, and would not have been sent again.
    """

    def __init__(self) -> None:
        self._minutes: dict[int, tuple[int, int]] = {}
        self._whole: dict[str, int] = {}
        self._last: float | None = None

    def add(self, event: Event) -> None:
        """Takes a tick's line."""
        minute = max(0, int(event["t"] // 60))
        coded, dense = self._minutes.get(minute, (0, 0))
        for track in event.get("tracks") or ():
            if track["frame"] == "I":
                self._whole[track["id"]] = track["tokens"]
            if track["frame"] == "none":
                continue
            age = track.get("age_ms")
            shown = track["frame"] == "skip" and age is not None and self._last is not None
            if shown and age > max(0.0, event["wall"] - self._last) * 1_000:
                continue
            coded += track["tokens"]
            dense += self._whole.get(track["id"], track["tokens"])
        self._last = event["wall"]
        self._minutes[minute] = (coded, dense)

    def minutes(self, newest: int) -> tuple[TokenMinute, ...]:
        """The newest minutes, oldest first."""
        chosen = sorted(self._minutes)[-newest:]
        return tuple(TokenMinute(minute=at, coded=self._minutes[at][0], dense=self._minutes[at][1]) for at in chosen)
