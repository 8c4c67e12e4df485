"""Things and percepts as scripted eyes tell them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from joyvl_core.models.embedded.percepts import Box, Percept, PerceptKind, Thing

INSIDE = Box(0.4, 0.4, 0.2, 0.2)


def thing(number: int, since: float = 0.0, colour: str = "", **more: Any) -> Thing:
    return Thing(number, "cam", since, since, more.pop("box", INSIDE), colour=colour, **more)


def came(number: int, t: float, colour: str = "", *, late: float = 0.4, **more: Any) -> Percept:
    return Percept(PerceptKind.APPEAR, "cam", t, t + late, thing=thing(number, t, colour, **more))


def left(number: int, t: float, colour: str = "") -> Percept:
    return Percept(PerceptKind.LEAVE, "cam", t, t + 0.4, thing=replace(thing(number, t - 4, colour), last=t))


def saw(kind: PerceptKind, t: float, text: str = "", area: Box | None = None) -> Percept:
    return Percept(kind, "cam", t, t, text=text, area=area)
