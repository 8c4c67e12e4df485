"""AdaCodec: frames as intra-coded or predicted packets, in groups that adapt to what happens."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from joyvl_core.codec.lettering import Lettering
from joyvl_core.codec.light import Plane
from joyvl_core.codec.motion import BlockMotion, Field, MotionSearch
from joyvl_core.codec.tokens import MAX_PIXELS, model_size, tokens_of
from joyvl_core.media import Frame, Luma
from joyvl_core.observation import FrameKind

GAMMA = 6.0
"""Predictive cost above which a new group begins, in brightness levels a pixel of the whole picture.

Above what the motion of things costs: `python -m tests.bench.bench_codec --calibrate` prints what other values do.
"""
LONGEST_GOP = 16
"""P-frames after which a new group begins in any case."""

Blocks = NDArray[np.bool_]
Area = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the picture, 0 to 1."""

_SHRINK = 2
"""The search runs on the model's picture shrunk by this: a patch of 16 pixels is a block of 8."""
_BLOCK = 16 // _SHRINK
_FLOOR = 2.0
"""Brightness levels a pixel by which a block must differ on the quietest camera."""
_NOISE_GAIN = 3.0
_NOISE_PACE = 0.15
_NOISIEST = 5.0
_STALE_AFTER = 60
"""Skips after which another light is worth a frame too, though nothing in the picture changed."""
_OTHER_LIGHT = 8.0
"""Brightness levels by which pixels differ on average in another light."""
_LEAST_EXCESS = 16.0
"""Brightness levels above the floor, summed over the changed blocks, that are worth a frame."""
_TEXT_EDGE = 40.0
_TEXT_DENSITY = 0.22
_TEXT_RUN = 3


@dataclass(frozen=True, slots=True, eq=False)
class Packet:
    """One frame as the codec sends it.

    Attributes:
        kind: I, P, or skip when nothing changed that is worth a token.
        tokens: What it costs, vision start and end included.
        cost: Predictive cost: brightness levels a pixel that motion leaves unexplained, noise deducted.
        motion: From each 16x16 patch of the model's picture to where it was in the last sent frame,
            (rows, columns, 2) in pixels of that picture, x first.
        changed: Patches that differ from the last sent frame, (rows, columns).
        position: Place in the group: 0 for the I-frame, then 1 to 16. A skip keeps the place before it.
    """

    kind: FrameKind
    tokens: int
    cost: float
    motion: Field
    changed: Blocks
    position: int

    def area(self) -> Area | None:
        """Where the frame differs: left, top, right, bottom as shares of the picture; None where nowhere."""
        rows, columns = (np.flatnonzero(self.changed.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return None
        height, width = self.changed.shape
        return (
            float(columns[0]) / width,
            float(rows[0]) / height,
            float(columns[-1] + 1) / width,
            float(rows[-1] + 1) / height,
        )


class AdaCodec:
    """Encodes the sampled frames of one video track. One thread at a time; a few milliseconds a frame.

    Args:
        gamma: Predictive cost above which a new group begins.
        max_pixels: Largest picture of an I-frame.
    """

    def __init__(self, *, gamma: float = GAMMA, max_pixels: int = MAX_PIXELS) -> None:
        self._gamma = gamma
        self._max_pixels = max_pixels
        self._search = MotionSearch(_BLOCK)
        self._reference: Plane | None = None
        self._previous = np.zeros((0, 0), np.float32)
        self._skipped = 0
        self._lettering = Lettering()
        self._size = (0, 0)
        self._noise = np.zeros((0, 0), np.float32)
        self._position = 0

    def encode(self, frame: Frame, *, keyframe: bool = False, predicted: bool = True) -> Packet:
        """Encodes the newest frame against the last one that was sent (I or P).

        Args:
            frame: Of any size; another size than before begins a group.
            keyframe: It is an I-frame, whatever changed.
            predicted: P-frames can be shown; without them what would be one is an I-frame.
        """
        seen = _seen(frame, self._max_pixels)
        picture = _working(seen)
        if self._reference is None or self._size != frame.picture.size:
            self._lettering = Lettering()
            self._lettering.look(seen, frame.t)
            self._lettering.show()
            return self._begin(frame, picture)
        motion = self._search.search(self._reference, picture)
        floor = _FLOOR + _NOISE_GAIN * np.maximum(self._noise - _FLOOR / _NOISE_GAIN, 0.0)
        changed = _supported(motion.still > floor)
        cost = float(np.where(changed, np.maximum(motion.cost - floor, 0.0), 0.0).mean())
        self._learn(motion.still, changed, picture)
        written = self._lettering.look(seen, frame.t)
        kind = FrameKind.I if keyframe or written else self._kind(motion, changed, floor, cost, picture)
        if kind is FrameKind.P and not predicted:
            kind = FrameKind.I
        if kind is FrameKind.I:
            self._lettering.show()
        self._skipped += 1
        if kind is not FrameKind.SKIP:
            self._reference = picture
            self._skipped = 0
            self._position = 0 if kind is FrameKind.I else self._position + 1
        tokens = tokens_of(kind, self._size, self._max_pixels)
        return Packet(kind, tokens, cost, motion.field * _SHRINK, changed, self._position)

    def _learn(self, still: Plane, changed: Blocks, picture: Plane) -> None:
        """Follows the camera's noise: what no light explains, and what comes from one frame to the next.

        Against the reference alone, what creeps in over many frames would pass for noise.
        """
        step = cv2.resize(cv2.absdiff(picture, self._previous), still.shape[::-1], interpolation=cv2.INTER_AREA)
        strays = np.minimum(cv2.min(still, step), _NOISIEST)
        self._noise += (strays - self._noise) * np.where(changed, 0.2, 1.0) * _NOISE_PACE
        self._previous = picture

    def _kind(self, motion: BlockMotion, changed: Blocks, floor: Plane, cost: float, picture: Plane) -> FrameKind:
        unlike = motion.other or float((motion.still - floor)[changed].sum()) >= _LEAST_EXCESS
        if not unlike and not self._stale(picture):
            return FrameKind.SKIP
        if cost > self._gamma or motion.other or self._position >= LONGEST_GOP:
            return FrameKind.I
        unexplained = changed & (motion.cost > floor)
        return FrameKind.I if _has_text(picture, unexplained) else FrameKind.P

    def _stale(self, picture: Plane) -> bool:
        """Whether what was last sent shows the scene in a light that is long gone."""
        if self._skipped < _STALE_AFTER or self._reference is None:
            return False
        return float(cv2.absdiff(picture, self._reference).mean()) > _OTHER_LIGHT

    def _begin(self, frame: Frame, picture: Plane) -> Packet:
        self._size = frame.picture.size
        self._reference = self._previous = picture
        self._position = self._skipped = 0
        rows, columns = picture.shape[0] // _BLOCK, picture.shape[1] // _BLOCK
        self._noise = np.full((rows, columns), _FLOOR / 2, np.float32)
        motion = np.zeros((rows, columns, 2), np.int16)
        everything = np.ones((rows, columns), np.bool_)
        return Packet(FrameKind.I, tokens_of(FrameKind.I, self._size, self._max_pixels), 0.0, motion, everything, 0)


def _seen(frame: Frame, max_pixels: int) -> Luma:
    luma = frame.picture.luma()
    return cv2.resize(luma, model_size((luma.shape[1], luma.shape[0]), max_pixels), interpolation=cv2.INTER_AREA)


def _working(seen: Luma) -> Plane:
    size = seen.shape[1] // _SHRINK, seen.shape[0] // _SHRINK
    return cv2.resize(seen, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def _supported(changed: Blocks) -> Blocks:
    """Keeps the changed blocks that touch another one: noise strikes alone."""
    near = cv2.boxFilter(changed.astype(np.uint8), -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return changed & (near >= min(2, changed.size))


def _has_text(picture: Plane, blocks: Blocks) -> bool:
    """Whether a row of blocks looks written: strokes side by side, much denser than the edges of things."""
    if np.count_nonzero(blocks) < _TEXT_RUN:
        return False
    strokes = (cv2.absdiff(picture[:, 1:], picture[:, :-1]) > _TEXT_EDGE).astype(np.float32)
    strokes = cv2.copyMakeBorder(strokes, 0, 0, 0, 1, cv2.BORDER_CONSTANT)
    density = cv2.resize(strokes, (blocks.shape[1], blocks.shape[0]), interpolation=cv2.INTER_AREA)
    written = (blocks & (density > _TEXT_DENSITY)).astype(np.uint8)
    runs = cv2.erode(written, np.ones((1, _TEXT_RUN), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return bool(runs.any())
