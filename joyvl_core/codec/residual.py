"""What a P-tokenizer is given of a predicted frame: where its blocks come from, and what that leaves over."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from joyvl_core.codec.adacodec import AdaCodec, Packet
from joyvl_core.codec.motion import Field
from joyvl_core.codec.pictures import whole
from joyvl_core.codec.tokens import MAX_PIXELS
from joyvl_core.media import Frame, Rgb
from joyvl_core.observation import FrameKind

Residual = NDArray[np.int16]
"""Signed difference in colour, (height, width, 3), -255 to 255."""


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One link of a chain of sent frames.

    Attributes:
        packet: What the codec made of the frame; `packet.motion` is the motion field, `packet.position` the place.
        picture: The frame as the model would see it whole, (h, w, 3), sides of whole tokens.
        residual: For a P-frame, what the motion leaves over of `picture`, (h, w, 3); None for an I-frame.
    """

    packet: Packet
    picture: Rgb
    residual: Residual | None


class Chain:
    """Turns the sampled frames of one track into the units that a P-tokenizer is trained on and fed with.

    Args:
        max_pixels: Largest picture of an I-frame.
    """

    def __init__(self, *, max_pixels: int = MAX_PIXELS) -> None:
        self._max_pixels = max_pixels
        self._codec = AdaCodec(max_pixels=max_pixels)
        self._reference: Rgb | None = None

    def add(self, frame: Frame, *, keyframe: bool = False) -> Unit | None:
        """The unit of the newest frame; None for one that is skipped, which is no link of the chain."""
        packet = self._codec.encode(frame, keyframe=keyframe)
        if packet.kind is FrameKind.SKIP:
            return None
        picture, reference = whole(frame.picture, self._max_pixels), self._reference
        self._reference = picture
        if packet.kind is FrameKind.I or reference is None:
            return Unit(packet, picture, None)
        return Unit(packet, picture, residual_of(reference, picture, packet.motion))


def residual_of(reference: Rgb, picture: Rgb, motion: Field) -> Residual:
    """The picture less what its blocks were in the frame before it in the chain.

    Args:
        reference: The preceding sent frame, I or P, (h, w, 3). A skipped frame counts as not sampled.
        picture: The frame itself, (h, w, 3).
        motion: From each patch to where it was, (rows, columns, 2) in pixels, x first, as in `Packet.motion`.

    Returns:
        (h, w, 3): `picture` is this plus the moved reference, exactly.
    """
    return picture.astype(np.int16) - moved(reference, motion)


def moved(reference: Rgb, motion: Field) -> Rgb:
    """The reference (h, w, 3) with every patch taken from where the motion points; outside lies what the border is."""
    height, width = reference.shape[:2]
    wide = cv2.resize(motion.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST)
    wide += np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float32)
    return cv2.remap(reference, wide, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
