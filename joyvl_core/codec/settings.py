"""What may be chosen about the codec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from joyvl_core.codec.tokens import MAX_PIXELS

Policy = Literal["adaptive", "dense"]
Predicted = Literal["whole", "crop"]


@dataclass(frozen=True, slots=True)
class CodecSettings:
    """How pictures become what a model that pays by the token is shown.

    Attributes:
        policy: `adaptive` sends what changed; `dense` sends every new picture of a tick as an I-frame.
        max_pixels: Largest picture of an I-frame, in pixels.
        predicted: What a P-frame's small picture shows: the `whole` frame, or a `crop` of what changed.
    """

    policy: Policy = "adaptive"
    max_pixels: int = MAX_PIXELS
    predicted: Predicted = "whole"
