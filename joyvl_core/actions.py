"""The three actions and their wire format.

The released weights answer one line a second: `</silence>`, `</response> text`, or
`</response> note </delegation> question`. Whatever a model writes becomes one of the three:
parsing never fails, and the raw text travels along for the log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

SILENCE = "</silence>"
RESPONSE = "</response>"
DELEGATION = "</delegation>"

MAX_TEXT = 2_000
"""Longest text kept of one action, in characters."""

_MARKER = re.compile(r"</?\s*(silence|response|delegation|delegate)\s*/?>", re.IGNORECASE)
_CONTROL = re.compile(r"<\|[^|<>]{0,40}\|>")


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing is said."""


@dataclass(frozen=True, slots=True)
class Speak:
    """`text` is said."""

    text: str


@dataclass(frozen=True, slots=True)
class Delegate:
    """`note` is said now (it may be empty), `question` goes to somebody who can answer it."""

    note: str
    question: str


Action = Silence | Speak | Delegate
ActionName = Literal["silence", "speak", "delegate"]


def name_of(action: Action) -> ActionName:
    """The action's name in the log."""
    match action:
        case Silence():
            return "silence"
        case Speak():
            return "speak"
        case Delegate():
            return "delegate"


def render(action: Action) -> str:
    """The action as the released weights write it."""
    match action:
        case Silence():
            return SILENCE
        case Speak(text):
            return f"{RESPONSE} {text}"
        case Delegate(note, question):
            return f"{RESPONSE} {note} {DELEGATION} {question}"


def parse(raw: str) -> Action:
    """Reads one answer of a model, leniently.

    The earliest of `</silence>` and `</response>` wins; a response is its first line with
    white space collapsed; text without a marker is a response; `<delegation>` and `</delegate>`
    are taken for `</delegation>`; an empty answer, or a response without words, is silence.

    Args:
        raw: Any text at all.

    Returns:
        The action. Never raises.
    """
    body = raw
    for found in _MARKER.finditer(raw):
        name = found[1].lower()
        if name == "silence":
            return Silence()
        body = raw[found.end() :] if name == "response" else raw
        break
    note, question = _split(body)
    if question:
        return Delegate(note, question)
    return Speak(note) if note else Silence()


def _split(body: str) -> tuple[str, str]:
    """The note and the question of a response; the question is empty where nothing is delegated."""
    for found in _MARKER.finditer(body):
        if found[1].lower().startswith("delegat"):
            question = _first_line(body[found.end() :])
            return _first_line(body[: found.start()]), question
    return _first_line(body), ""


def _first_line(text: str) -> str:
    for line in text.splitlines():
        words = " ".join(_CONTROL.sub(" ", _MARKER.sub(" ", line)).split())
        if words:
            return words[:MAX_TEXT]
    return ""
