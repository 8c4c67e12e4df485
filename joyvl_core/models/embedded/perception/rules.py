"""When a followed region is believed to be a thing, and when the thing is believed gone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from joyvl_core.models.embedded.perception.matching import inside
from joyvl_core.models.embedded.perception.target import State, Target

_EDGE_SECONDS, _EDGE_WAY = 0.25, 4.0
_INNER_SECONDS, _INNER_WAY = 0.35, 10.0
_EDGE_STRAIGHT, _INNER_STRAIGHT = 0.35, 0.5
_FOUND_SHARE = 0.7
_RESTLESS = 6  # candidates at once that make every single one less believable

_PLAIN_CONTRAST = 2.5  # times the limit
_PLAIN_AREA = 80
_PLAIN_OUTLINE = 1.2
_PLAIN_SECONDS, _PLAIN_EDGE_SECONDS = 0.03, 0.2

STILL_SECONDS = 0.6
_CANDIDATE_SECONDS = 6.0
_LOST_SECONDS = 0.5

_GONE_AT_EDGE, _GONE_INSIDE, _GONE_HIDDEN = 0.3, 0.9, 2.5


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a look is like as a whole.

    Attributes:
        t: Session second.
        size: Width and height of the small picture.
        hold: The scene itself seems to change: nothing new is to be believed.
        calm: Settled background, steady light and camera, little else going on.
        candidates: Unconfirmed targets alive.
    """

    t: float
    size: tuple[int, int]
    calm: bool
    hold: bool
    candidates: int


def is_sliver(target: Target) -> bool:
    """Far too long and thin to be a thing: an edge, a cable, a border of light."""
    width, height = target.blob.width, target.blob.height
    return max(width, height) > 12 * min(width, height)


def is_plain(target: Target, outline: float, now: Circumstances) -> bool:
    """It stands out so clearly from so calm a picture that two sights are enough."""
    blob = target.blob
    return (
        now.calm
        and target.hits >= 2
        and now.t - target.born >= (_PLAIN_EDGE_SECONDS if target.at_edge else _PLAIN_SECONDS)
        and blob.contrast >= _PLAIN_CONTRAST
        and blob.area >= _PLAIN_AREA
        and blob.area > 0.3 * blob.width * blob.height
        and outline >= _PLAIN_OUTLINE
        and not target.split_from_known
    )


def has_come(target: Target, now: Circumstances) -> bool:
    """Enough has been seen of a moving candidate to say that something came."""
    t = now.t
    age = t - target.born
    restless = 1.0 + max(0, now.candidates - _RESTLESS) / _RESTLESS
    need = (_EDGE_SECONDS if target.at_edge else _INNER_SECONDS) * restless
    share = target.hit_share(t)
    if target.hits < 3 or age < need or share < _FOUND_SHARE:
        return False
    straight = target.straightness(t)
    if not target.at_edge:
        return target.net >= _INNER_WAY * restless and straight > _INNER_STRAIGHT
    moved = target.net >= _EDGE_WAY * restless and straight > _EDGE_STRAIGHT
    grows = (
        target.area > 90 and age > 0.5 and share > 0.9 and target.still == 0.0 and target.area > 0.8 * target.largest
    )
    stays = age > 1.2 and share > 0.9
    return moved or grows or stays


def never_moved(target: Target) -> bool:
    """Still now, and no farther from where it was first seen than its outline wavers."""
    return target.still >= STILL_SECONDS and target.reach < 0.6 * math.sqrt(target.largest) + 3.0


def is_hopeless(target: Target, now: Circumstances) -> bool:
    """A candidate that will not become a thing any more."""
    unseen = now.t - target.last
    return unseen > _LOST_SECONDS or now.t - target.born > _CANDIDATE_SECONDS


def has_left(target: Target, others: Sequence[Target], now: Circumstances) -> bool:
    """A present thing has not been seen for as long as its situation allows."""
    unseen = now.t - target.last
    misses = sum(1 for at, _ in target.looks if at > target.last)
    if unseen < _GONE_AT_EDGE or misses < 2:
        return False
    x, y = target.cx + target.vx * (unseen + 0.1), target.cy + target.vy * (unseen + 0.1)
    width, height = now.size
    outside = not (0 < x < width and 0 < y < height)
    if at_edge(target, now.size) and (outside or not _is_hidden(target, others, now, x, y)):
        return True
    limit = _GONE_HIDDEN if _is_hidden(target, others, now, x, y) else _GONE_INSIDE
    return unseen >= limit


def at_edge(target: Target, size: tuple[int, int]) -> bool:
    """So near the edge of the picture that the next step leads out."""
    x, y, w, h = target.box
    margin = 5.0 + target.speed * 0.25
    return x <= margin or y <= margin or x + w >= size[0] - margin or y + h >= size[1] - margin


def has_passed(target: Target, size: tuple[int, int]) -> bool:
    """It went through the picture, not just into it and out."""
    return target.reach > 0.22 * size[0] or (target.reach > 0.3 * size[1] and at_edge(target, size))


def _is_hidden(target: Target, others: Sequence[Target], now: Circumstances, x: float, y: float) -> bool:
    """Another present thing, seen in this look, is where it should be."""
    half = (target.blob.width / 2, target.blob.height / 2)
    for other in others:
        if other is target or other.state is not State.PRESENT or other.last < now.t:
            continue
        ox, oy, w, h = other.box
        if inside(x, y, (ox - half[0], oy - half[1], w + 2 * half[0], h + 2 * half[1]), 4.0):
            return True
    return False
