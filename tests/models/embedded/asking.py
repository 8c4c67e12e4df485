"""A session of the embedded model with its own understanding, on scripted eyes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from joyvl_core.actions import Speak
from joyvl_core.media import Frame, RgbPicture
from joyvl_core.models.embedded.model import EmbeddedModel
from joyvl_core.models.embedded.percepts import Percept, Thing
from joyvl_core.models.embedded.understanding import Understanding
from joyvl_core.observation import ChatLine, Decision, Instruction, Observation, TrackView, Trigger

_PICTURE = RgbPicture(np.zeros((9, 16, 3), np.uint8))


@dataclass
class ScriptedEyes:
    """Percepts by the second at which they become known; `there` by the seconds between which a thing is there."""

    script: list[Percept] = field(default_factory=list)
    there: list[tuple[float, float, Thing]] = field(default_factory=list)
    now: float = 0.0

    def look(self, frame: Frame) -> tuple[Percept, ...]:
        self.now = frame.t
        due = tuple(p for p in self.script if p.known <= frame.t)
        self.script = [p for p in self.script if p.known > frame.t]
        return due

    def present(self) -> tuple[Thing, ...]:
        return tuple(thing for start, end, thing in self.there if start <= self.now < end)

    def busy(self) -> bool:
        return bool(self.present())

    def forget(self, track: str) -> None: ...


class Talk:
    """Drives a model second by second, and follows its edits, as the engine would."""

    def __init__(self, understanding: Understanding, script: Sequence[Percept] = ()) -> None:
        self.understanding = understanding
        self.eyes = ScriptedEyes(list(script))
        self.model = EmbeddedModel(self.eyes, understanding)
        self.instructions: list[Instruction] = []
        self.last: Decision | None = None
        self._ticks = 0

    def says(self, t: float, *chat: str) -> str:
        """What is said in reply, or by itself, in the tick at session second `t`."""
        self._ticks += 1
        frame = self.frame(t)
        self.model.look(frame)
        lines = tuple(ChatLine(f"c{self._ticks}.{i}", "ann", text, t, True) for i, text in enumerate(chat))
        decision = asyncio.run(
            self.model.step(
                Observation(
                    n=self._ticks,
                    t=t,
                    now=t,
                    wall=1e9 + t,
                    triggers=(Trigger.INTERVAL,),
                    tracks=(TrackView("cam", "camera", frame),),
                    instructions=tuple(self.instructions),
                    chat=lines,
                )
            )
        )
        self.last = decision
        self._follow(decision, t)
        return decision.action.text if isinstance(decision.action, Speak) else ""

    def frame(self, t: float) -> Frame:
        """What the camera shows at session second `t`."""
        return Frame("cam", _PICTURE, t)

    def run(self, start: float, end: float) -> list[tuple[float, str]]:
        """What is said by itself between two seconds, at a tick every half second."""
        ticks = [start + k / 2 for k in range(round((end - start) * 2))]
        return [(t, text) for t in ticks if (text := self.says(t))]

    @property
    def wishes(self) -> list[str]:
        """The words of the instructions that stand."""
        return [instruction.text for instruction in self.instructions]

    def _follow(self, decision: Decision, t: float) -> None:
        for edit in decision.edits:
            if edit.kind == "add":
                self.instructions.append(Instruction(f"i{self._ticks}", edit.text, "ann", t))
            elif edit.kind == "cancel":
                self.instructions = [i for i in self.instructions if i.id != edit.id]
            else:
                self.instructions = [
                    replace(i, text=edit.text, t=t) if i.id == edit.id else i for i in self.instructions
                ]
