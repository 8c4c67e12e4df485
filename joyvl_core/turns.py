"""What a model that takes turns, and pays for pictures by the token, tells the loop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a model that pays for pictures by the token takes the next tick.

    Attributes:
        keyframe: It remembers no picture (a new chunk, a lost turn): every track starts with an I-frame.
        predicted: It takes small pictures for P-frames; without them the codec makes skips and I-frames.
        recall: Questions to it are looked up in the archive first.
    """

    keyframe: bool = False
    predicted: bool = True
    recall: bool = True


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of what the model is saying in the tick under way. `reply_to`, `p_silence`: as in the decision."""

    text: str
    reply_to: str | None = None
    instruction: str | None = None
    p_silence: float | None = None
