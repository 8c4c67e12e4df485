"""What pictures cost a model that pays by the token."""

from __future__ import annotations

from dataclasses import dataclass, field

from joyvl_core.observation import FrameKind

MAX_PIXELS = 262_144
"""Largest picture that the model takes; larger ones are shrunk to it."""
TOKEN_SIDE = 32
"""A token stands for a square of this side, in pixels of the picture the model sees."""
WRAPPING = 2
"""Vision start and vision end, around every picture."""
P_SIDE = 128
"""Side of a predicted frame's picture, in pixels, for weights that know no P-tokens."""
P_TOKENS = (P_SIDE // TOKEN_SIDE) ** 2
"""A predicted frame: a small picture, or as many P-tokens for weights that know them."""


def model_size(size: tuple[int, int], max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """The size at which the model sees a picture of `size`: sides of whole tokens, at most `max_pixels`."""
    width, height = (max(1, side) for side in size)
    shrink = min(1.0, (max_pixels / (width * height)) ** 0.5)
    columns = max(1, round(width * shrink / TOKEN_SIDE))
    rows = max(1, round(height * shrink / TOKEN_SIDE))
    most = max(1, max_pixels // TOKEN_SIDE**2)
    if columns * rows > most:
        columns, rows = max(1, int(width * shrink / TOKEN_SIDE)), max(1, int(height * shrink / TOKEN_SIDE))
    # A ribbon is longer than all the tokens there are.
    return min(columns, most) * TOKEN_SIDE, min(rows, most) * TOKEN_SIDE


def tokens_of(kind: FrameKind, size: tuple[int, int], max_pixels: int = MAX_PIXELS) -> int:
    """Tokens of a frame of `kind` on a track of `size` (width, height), vision start and end included."""
    match kind:
        case FrameKind.I:
            width, height = model_size(size, max_pixels)
            return width * height // TOKEN_SIDE**2 + WRAPPING
        case FrameKind.P:
            return P_TOKENS + WRAPPING
        case _:
            return 0


@dataclass(slots=True)
class TokenMeter:
    """Tokens of one session so far, as they were and as they would be without a codec.

    Attributes:
        max_pixels: Largest picture of an I-frame.
        coded: Tokens of the frames as the codec made them.
        dense: Tokens had every one been an I-frame.
        frames: Frames by kind.
    """

    max_pixels: int = MAX_PIXELS
    coded: int = 0
    dense: int = 0
    frames: dict[FrameKind, int] = field(default_factory=dict)

    def add(self, kind: FrameKind, size: tuple[int, int]) -> None:
        """Counts one frame of a track of `size` (width, height)."""
        self.coded += tokens_of(kind, size, self.max_pixels)
        self.dense += tokens_of(FrameKind.I, size, self.max_pixels)
        self.frames[kind] = self.frames.get(kind, 0) + 1

    @property
    def saved(self) -> float:
        """Share of the dense tokens that were not spent, 0 to 1."""
        return 1.0 - self.coded / self.dense if self.dense else 0.0

    def report(self, seconds: float) -> str:
        """In words, for a session that lasted `seconds`: tokens a minute, dense against codec."""
        minutes = max(seconds, 1.0) / 60
        times = f", {self.dense / self.coded:.1f} times fewer" if self.coded else ""
        kinds = ", ".join(f"{self.frames.get(kind, 0)} {kind}" for kind in (FrameKind.I, FrameKind.P, FrameKind.SKIP))
        return (
            f"{self.coded / minutes:.0f} picture tokens a minute, {self.dense / minutes:.0f} had every picture been "
            f"sent whole{times} ({kinds})"
        )
