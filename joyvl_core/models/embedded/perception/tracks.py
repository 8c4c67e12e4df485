"""Follows what stands out from look to look and tells what happens to it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np

from joyvl_core.media import Luma
from joyvl_core.models.embedded.perception import rules
from joyvl_core.models.embedded.perception.background import Background, Comparison, Mask
from joyvl_core.models.embedded.perception.blobs import Blob, Foreground, outline_ratio
from joyvl_core.models.embedded.perception.colour import colour_shares
from joyvl_core.models.embedded.perception.matching import gap, inside, is_fragment, match, shared
from joyvl_core.models.embedded.perception.rules import Circumstances
from joyvl_core.models.embedded.perception.target import State, Target
from joyvl_core.models.embedded.percepts import Box, Percept, PerceptKind, Thing

_MOST_TARGETS = 64
_STILL_WINDOW = 0.45
_STILL_SHARE = 0.12
_STILL_LEVELS = 9.0
_KEEP_STANDING_SECONDS = 90.0
_COLOUR_EVERY = 0.15
_BURST, _BURST_SHARE, _BURST_SECONDS = 6, 0.12, 0.4
_LEAST_WAY = 10.0
_LEFT_REACH, _LEFT_SPEED = 60.0, 0.4
_UNCOVERED_SECONDS = 0.6
_CLEAR_OUTLINE = 1.2
_REST_MOST = 32


class Follower:
    """The things of one video track.

    Args:
        track: Id of the video track.
        size: Width and height of the small picture.
        ids: Numbers for new things.
    """

    def __init__(self, track: str, size: tuple[int, int], ids: Iterator[int]) -> None:
        self._track = track
        self._size = size
        self._ids = ids
        self._targets: list[Target] = []
        self._recent: deque[tuple[float, Luma]] = deque(maxlen=8)
        self._before = -math.inf
        self._covered_at = np.full((size[1], size[0]), -math.inf, np.float32)

    @property
    def active(self) -> bool:
        """Something is followed that is not at rest."""
        return any(target.state is not State.RESTING for target in self._targets)

    @property
    def things(self) -> tuple[Thing, ...]:
        """What is believed to be there."""
        return tuple(t.thing(self._track, self._size) for t in self._targets if t.state is not State.CANDIDATE)

    def covered(self) -> Mask:
        """(height, width), 1 where a present thing is or may be."""
        mask = np.zeros((self._size[1], self._size[0]), np.uint8)
        for target in self._targets:
            if target.state is State.PRESENT:
                x, y, w, h = (round(v) for v in target.box)
                mask[max(0, y - 3) : max(0, y + h + 3), max(0, x - 3) : max(0, x + w + 3)] = 1
        return mask

    def clear(self) -> None:
        """Another scene: what was followed is gone without a word."""
        self._targets.clear()
        self._recent.clear()

    def idle(self, t: float) -> None:
        """Nothing stood out at `t`, and nothing was followed."""
        self._before = t

    def step(
        self, t: float, seen: Comparison, foreground: Foreground, background: Background, calm: bool, hold: bool
    ) -> list[Percept]:
        """Takes in one look.

        Args:
            t: Session second.
            seen: The comparison.
            foreground: Its regions.
            background: Takes in what has come to rest.
            calm: See `Circumstances`.
            hold: Follow, but believe nothing new yet.
        """
        now_grey = cv2.cvtColor(seen.picture, cv2.COLOR_RGB2GRAY)
        changing = self._changing(t, now_grey)
        blobs = foreground.blobs
        live = [target for target in self._targets if target.state is not State.RESTING]
        pairs = match(live, blobs, t)
        merged = self._untangle(t, live, blobs, pairs)
        for i, j in pairs.items():
            if i not in merged:
                region = changing[blobs[j].region][blobs[j].mask > 0]
                live[i].see(t, blobs[j], still=float(region.mean()) < _STILL_SHARE)
        taken = set(pairs.values())
        self._bear(t, [blob for j, blob in enumerate(blobs) if j not in taken])
        self._hand_over(t)
        for target in live:
            if target.last < t:
                target.miss(t)
        if self._new_slide(t):
            since = min(target.first_visible(self._size) for target in self._targets if target.last == t)
            return [Percept(PerceptKind.SCENE, self._track, since, t)]
        candidates = sum(target.state is State.CANDIDATE for target in self._targets)
        circumstances = Circumstances(t, self._size, calm, hold, candidates)
        percepts = self._judge(circumstances, seen, now_grey, background)
        self._targets = [target for target in self._targets if target.state is not State.GONE]
        self._before = t
        self._covered_at[self.covered() > 0] = t
        return percepts

    def _changing(self, t: float, grey: Luma) -> np.ndarray:
        """Where the picture differs from the one of half a second ago, light apart."""
        grey = cv2.blur(grey, (3, 3))
        older = [picture for at, picture in self._recent if t - at >= _STILL_WINDOW]
        past = older[-1] if older else (self._recent[0][1] if self._recent else grey)
        if not self._recent or t - self._recent[-1][0] >= 0.09:
            self._recent.append((t, grey))
        gain = float(np.median(grey[::7, ::7])) / max(float(np.median(past[::7, ::7])), 1.0)
        return cv2.absdiff(grey, cv2.convertScaleAbs(past, alpha=gain)) > _STILL_LEVELS

    def _untangle(self, t: float, live: list[Target], blobs: tuple[Blob, ...], pairs: dict[int, int]) -> set[int]:
        """A blob in which two present things have merged is neither of them: both go on as they went.

        Returns:
            Indices of the targets that were matched with such a blob.
        """
        merged: set[int] = set()
        for i, target in enumerate(live):
            if target.state is not State.PRESENT or i in pairs or t - target.last > 1.0:
                continue
            x, y = target.predicted(t)
            for k, j in pairs.items():
                blob, other = blobs[j], live[k]
                box = (blob.x, blob.y, blob.width, blob.height)
                if other.state is not State.PRESENT or not inside(x, y, box):
                    continue
                target.coast(t, blob)
                if k not in merged and blob.area > 1.3 * other.area and inside(*other.predicted(t), box):
                    other.coast(t, blob)
                    merged.add(k)
                break
        return merged

    def _bear(self, t: float, blobs: list[Blob]) -> None:
        born: list[Target] = []
        for blob in blobs[: max(0, _MOST_TARGETS - len(self._targets))]:
            target = Target(blob, t, self._before if self._before > -math.inf else t, blob.edges(self._size))
            uncovered = t - self._covered_at[blob.region][blob.mask > 0]
            target.split_from_known = float((uncovered < _UNCOVERED_SECONDS).mean()) > 0.5
            target.over = next(
                (r for r in self._targets if r.state is State.RESTING and shared(target.box, r.box) > 0.4), None
            )
            born.append(target)
        self._targets += born
        if len(born) >= _BURST and _spread(born) > _BURST_SHARE * self._size[0] * self._size[1]:
            for target in born:
                target.in_burst = True

    def _new_slide(self, t: float) -> bool:
        """Many things that came at once, far and wide, are all still where they came."""
        burst = [target for target in self._targets if target.in_burst]
        if len(burst) < _BURST or t - burst[0].born < _BURST_SECONDS:
            return False
        for target in burst:
            target.in_burst = False
        stayed = [target for target in burst if target.hit_share(t) > 0.6 and target.reach < 12.0]
        return len(stayed) >= 0.6 * len(burst)

    def _hand_over(self, t: float) -> None:
        """Pieces of a present thing keep it present, and stand in for it when its own sight is lost."""
        present = [target for target in self._targets if target.state is State.PRESENT]
        for piece in self._targets:
            if piece.state is not State.CANDIDATE or piece.last < t:
                continue
            whole = next((whole for whole in present if is_fragment(piece, whole)), None)
            if whole is not None and whole.last < t and piece.still == 0.0:
                whole.see(t, piece.blob, still=False)
                piece.state = State.GONE

    def _judge(self, now: Circumstances, seen: Comparison, grey: Luma, background: Background) -> list[Percept]:
        percepts: list[Percept] = []
        expected: Luma = cv2.cvtColor(seen.expected, cv2.COLOR_RGB2GRAY)
        for target in sorted(self._targets, key=lambda target: -target.area):
            if target.state is State.CANDIDATE:
                percepts += self._judge_candidate(target, now, seen, grey, expected, background)
            elif target.state is State.PRESENT:
                percepts += self._judge_present(target, now, seen, background)
        return percepts

    def _judge_candidate(
        self,
        target: Target,
        now: Circumstances,
        seen: Comparison,
        grey: Luma,
        expected: Luma,
        background: Background,
    ) -> list[Percept]:
        t = now.t
        found = target.last == t
        if now.hold:
            return []
        if found and rules.is_sliver(target):
            target.still = 0.0
        elif found and not target.in_burst and not self._is_fragment(target, t):
            outline = outline_ratio(target.blob, grey, expected)
            if rules.is_plain(target, outline, now) or (rules.has_come(target, now) and target.still == 0.0):
                return self._confirm(target, t, seen)
        if found and (target.split_from_known or not target.at_edge) and rules.never_moved(target):
            return self._settle(target, t, seen, outline_ratio(target.blob, grey, expected), background)
        if rules.is_hopeless(target, now):
            target.state = State.GONE
            if found:
                background.absorb(_around(target.blob), seen)
        return []

    def _is_fragment(self, target: Target, t: float) -> bool:
        present = (other for other in self._targets if other.state is State.PRESENT and t - other.last < 0.5)
        return any(is_fragment(target, other) for other in present)

    def _confirm(self, target: Target, t: float, seen: Comparison) -> list[Percept]:
        mover = self._left_behind(target, t)
        if mover is not None:
            return self._swap(mover, target, t)
        over = target.over
        target.state = State.PRESENT
        target.colours = colour_shares(target.blob, seen)
        target.coloured_at = t
        if over is not None and over.state is State.RESTING and not over.put:
            # What had come to rest goes on: no new thing.
            over.state = State.GONE
            target.id, target.announced = over.id, over.announced
            return [self._tell(PerceptKind.MOTION, target, t, t)]
        target.id, target.announced = next(self._ids), True
        return [self._tell(PerceptKind.APPEAR, target, target.first_visible(self._size), t)]

    def _left_behind(self, target: Target, t: float) -> Target | None:
        """The present thing that goes on as `target`, while what was followed as it stays where it is."""
        if not target.split_from_known:
            return None
        for other in self._targets:
            came_far = other.reach > _LEAST_WAY and other.alone and other.last == t
            if other.state is not State.PRESENT or not came_far or gap(other.box, target.box) > _LEFT_REACH:
                continue
            if other.speed < _LEFT_SPEED * target.speed and other.blob.area < 0.8 * other.largest:
                return other
        return None

    def _swap(self, mover: Target, target: Target, t: float) -> list[Percept]:
        """The mover goes on as what has split from it; what it left behind is to be judged by itself."""
        left = Target(mover.blob, t, self._before, frozenset(), split_from_known=True)
        mover.see(t, target.blob, still=False)
        mover.vx, mover.vy = target.vx, target.vy
        target.state = State.GONE
        self._targets.append(left)
        return []

    def _settle(
        self, target: Target, t: float, seen: Comparison, outline: float, background: Background
    ) -> list[Percept]:
        """Something still has come into the picture or gone from it."""
        background.absorb(_around(target.blob), seen)
        happened = target.first_visible(self._size)
        resting = [r for r in self._targets if r.state is State.RESTING]
        over = next((r for r in resting if shared(target.box, r.box) > 0.5), None)
        if outline >= 1.0 and over is None:
            target.put = True
            target.state = State.RESTING
            if target.id == 0:
                target.id = next(self._ids)
                target.colours = colour_shares(target.blob, seen)
            if len(resting) >= _REST_MOST:
                resting[0].state = State.GONE
            percepts = [self._tell(PerceptKind.PUT, target, happened, t)]
            if not target.announced and not target.split_from_known and outline >= _CLEAR_OUTLINE:
                # Nobody brought it: it came by itself, only too faintly to be sure of it before.
                target.announced = True
                percepts.insert(0, self._tell(PerceptKind.APPEAR, target, happened, t))
            return percepts
        target.state = State.GONE
        if over is None:
            target.id = target.id or next(self._ids)
            return [self._tell(PerceptKind.TAKEN, target, happened, t)]
        over.state = State.GONE
        over.last = happened
        percepts = [self._tell(PerceptKind.TAKEN, over, happened, t)] if over.put else []
        if over.announced:
            percepts.append(self._tell(PerceptKind.LEAVE, over, happened, t))
        return percepts

    def _judge_present(
        self, target: Target, now: Circumstances, seen: Comparison, background: Background
    ) -> list[Percept]:
        t = now.t
        if target.last < t:
            others = [other for other in self._targets if other is not target]
            if not rules.has_left(target, others, now):
                return []
            target.state = State.GONE
            gone = self._gone_at(target)
            percepts = [self._tell(PerceptKind.LEAVE, target, gone, t)] if target.announced else []
            if rules.has_passed(target, self._size):
                percepts.append(self._tell(PerceptKind.PASS, target, gone, t))
            return percepts
        if not target.alone:
            return []
        if t - target.coloured_at >= _COLOUR_EVERY and target.blob.area > 0.6 * target.largest:
            target.coloured_at = t
            # A thing that has come in whole tells more of its colour than its first corner.
            target.colours = target.colours + target.blob.area / 100.0 * colour_shares(target.blob, seen)
        if not target.put and not target.at_edge and rules.never_moved(target):
            return self._settle(target, t, seen, math.inf, background)
        if target.still > _KEEP_STANDING_SECONDS:
            background.absorb(_around(target.blob), seen)
            target.state = State.RESTING
        return []

    def _gone_at(self, target: Target) -> float:
        """When the last part of it was visible, as far as its speed tells."""
        next_look = next((at for at, hit in target.looks if at > target.last and not hit), target.last)
        return target.last + min((next_look - target.last) / 2, 0.25)

    def _tell(self, kind: PerceptKind, target: Target, happened: float, known: float) -> Percept:
        thing = target.thing(self._track, self._size)
        area: Box | None = thing.box if kind in (PerceptKind.PUT, PerceptKind.TAKEN) else None
        return Percept(kind, self._track, min(happened, known), known, thing, area=area)


def _around(blob: Blob) -> tuple[slice, slice]:
    return (
        slice(max(0, blob.y - 4), blob.y + blob.height + 4),
        slice(max(0, blob.x - 4), blob.x + blob.width + 4),
    )


def _spread(targets: list[Target]) -> float:
    """Pixels of the box around all of them."""
    boxes = [target.came for target in targets]
    width = max(x + w for x, _, w, _ in boxes) - min(x for x, _, _, _ in boxes)
    height = max(y + h for _, y, _, h in boxes) - min(y for _, y, _, _ in boxes)
    return float(width * height)
