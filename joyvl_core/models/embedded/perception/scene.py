"""Tells a new scene or slide from things that move in the old one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from joyvl_core.media import Luma
from joyvl_core.models.embedded.perception.background import Mask
from joyvl_core.models.embedded.perception.blobs import Foreground

_BLOCKS = (20, 11)  # columns, rows
_BLOCK = 8  # pixels along a block, after shrinking
_TEXTURE = 16.0  # variance above which a block has a pattern to lose
_LOST_BELOW = 0.4  # correlation
_LOST_SHARE = 0.55
_BROKEN_SHARE, _BROKEN_BLOBS, _BROKEN_SECONDS = 0.25, 3, 0.8
_DOUBT_SECONDS = 1.2
_STEADY_SECONDS = 0.3
_HOLD_SECONDS = 0.4
_STUCK_SECONDS = 4.0
_CALM_SHARE, _CALM_WITHIN = 0.02, 0.4
_BURST_SHARE, _BURST_BLOBS = 0.08, 3
_BURST_STEADY, _BURST_OVER = 0.35, 1.2
_COVERED_MOST = 0.45
_COVERED_BY_KNOWN = 0.7
_MISFIT_MOST = 14.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a picture says about the scene.

    Attributes:
        blind: Too much differs to decide about single things.
        broken: The pattern is gone in many places at once: single things are not to be believed yet.
        restart: The background is to be learned anew.
        new_scene: It is another scene, not just bad light.
        since: Session second at which it changed.
    """

    blind: bool
    broken: bool = False
    restart: bool = False
    new_scene: bool = False
    since: float = 0.0


class SceneWatch:
    """Follows how much of the background's pattern is gone, and since when."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, NDArray[np.float32]]] = deque(maxlen=8)
        self._last: float | None = None
        self._gone = 0.0
        self._blind = 0.0
        self._broken = 0.0
        self._changed_at: float | None = None
        self._calm_at = float("-inf")
        self._burst_at: float | None = None

    def look(
        self, t: float, now: Luma, expected: Luma, foreground: Foreground, covered: Mask, misfit: float
    ) -> Verdict:
        """Judges one picture.

        Args:
            t: Session second.
            now: The picture.
            expected: The background under the picture's light.
            foreground: What stands out.
            covered: Where confirmed things are.
            misfit: Grey levels that the light could not explain.
        """
        dt = 0.0 if self._last is None else min(t - self._last, 0.5)
        self._last = t
        small = _blocks(now)
        variance = small.var(axis=2)
        share, known = foreground.share, cv2.countNonZero(covered) / covered.size
        lost, textured = self._lost(small, variance, expected, covered)
        pattern_gone = lost > _LOST_SHARE and known < 0.3
        changed = (pattern_gone and textured >= 6) or (share > 0.5 and known < 0.3 and (lost > 0.3 or textured < 6))
        most = _COVERED_BY_KNOWN if known > 0.15 else _COVERED_MOST
        blind = changed or share > most or misfit > _MISFIT_MOST
        if blind and self._changed_at is None:
            self._changed_at = t
        if not blind:
            self._changed_at = None
        broken = lost > _BROKEN_SHARE
        self._broken = self._broken + dt if broken and not changed else 0.0
        self._gone = self._gone + dt if changed and self._steady(t, small, variance) else 0.0
        self._blind = self._blind + dt if blind else 0.0
        burst = self._burst(t, foreground)
        new_slide = burst is not None and t - burst >= _BURST_STEADY and self._steady(t, small, variance)
        self._remember(t, small)
        since = t if self._changed_at is None else self._changed_at
        if self._gone >= _HOLD_SECONDS:
            return Verdict(blind=True, restart=True, new_scene=lost > 0.3 or textured < 6, since=since)
        if self._blind > _STUCK_SECONDS:
            return Verdict(blind=True, restart=True, new_scene=lost > 0.5, since=since)
        if self._broken >= _BROKEN_SECONDS and len(foreground.blobs) > _BROKEN_BLOBS:
            return Verdict(blind=True, restart=True, new_scene=True, since=t - self._broken)
        if burst is not None and new_slide and not blind:
            return Verdict(blind=True, restart=True, new_scene=True, since=burst)
        return Verdict(blind=blind, broken=burst is not None or (broken and self._broken < _DOUBT_SECONDS))

    def _burst(self, t: float, foreground: Foreground) -> float | None:
        """Since when several places have changed at once out of calm: a slide does that, and nothing that moves."""
        if foreground.share < _CALM_SHARE:
            self._calm_at, self._burst_at = t, None
        elif self._burst_at is None:
            much = foreground.share >= _BURST_SHARE and len(foreground.blobs) >= _BURST_BLOBS
            self._burst_at = t if much and t - self._calm_at <= _CALM_WITHIN else None
        elif t - self._burst_at > _BURST_OVER:
            self._burst_at, self._calm_at = None, float("-inf")
        return self._burst_at

    def _lost(
        self, small: NDArray[np.float32], variance: NDArray[np.float32], expected: Luma, covered: Mask
    ) -> tuple[float, int]:
        """Share of the uncovered patterned blocks that no longer show their pattern, and how many have one."""
        before = _blocks(expected)
        pattern = before.var(axis=2)
        likeness = _likeness(small, variance, before, pattern)
        textured = (pattern > _TEXTURE) & (cv2.resize(covered, _BLOCKS, interpolation=cv2.INTER_NEAREST) == 0)
        count = int(textured.sum())
        return (float((likeness[textured] < _LOST_BELOW).mean()) if count >= 6 else 0.0), count

    def _steady(self, t: float, small: NDArray[np.float32], variance: NDArray[np.float32]) -> bool:
        older = [p for at, p in self._recent if t - at >= _STEADY_SECONDS]
        if not older:
            return False
        before = older[-1]
        pattern = before.var(axis=2)
        likeness = _likeness(small, variance, before, pattern)
        textured = pattern > _TEXTURE
        if int(textured.sum()) > 5:
            return float((likeness[textured] > 0.6).mean()) > 0.7
        return float(np.abs(small - before).mean()) < 4.0

    def _remember(self, t: float, small: NDArray[np.float32]) -> None:
        if not self._recent or t - self._recent[-1][0] >= 0.09:
            self._recent.append((t, small))


def _blocks(picture: Luma) -> NDArray[np.float32]:
    """The picture in blocks, (rows, columns, pixels of a block)."""
    columns, rows = _BLOCKS
    small = cv2.resize(picture, (columns * _BLOCK, rows * _BLOCK), interpolation=cv2.INTER_AREA)
    blocks = small.reshape(rows, _BLOCK, columns, _BLOCK).transpose(0, 2, 1, 3)
    return blocks.reshape(rows, columns, _BLOCK * _BLOCK).astype(np.float32)


def _likeness(
    now: NDArray[np.float32], variance: NDArray[np.float32], before: NDArray[np.float32], pattern: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Correlation of each block with the same block before."""
    shared = (now * before).mean(axis=2) - now.mean(axis=2) * before.mean(axis=2)
    return shared / np.sqrt(np.maximum(variance, 1.0) * np.maximum(pattern, 1.0))
