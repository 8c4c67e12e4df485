"""Drawn figures: people, cars, pets, hands, shapes, each in a few poses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Sprite = NDArray[np.uint8]
"""(height, width, 4): red, green, blue, opacity."""
Colour = tuple[int, int, int]

POSES = 8


class Canvas:
    """Draws colour and opacity at once, in units of the figure's height."""

    def __init__(self, width: int, height: int, ground: Colour) -> None:
        self.pixels = np.zeros((height, width, 4), np.uint8)
        self.pixels[..., :3] = ground

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour, angle: float = 0.0) -> None:
        centre, axes = (round(x * 16), round(y * 16)), (max(16, round(rx * 16)), max(16, round(ry * 16)))
        for target, paint in self._layers(colour):
            cv2.ellipse(target, centre, axes, angle, 0, 360, paint, -1, cv2.LINE_AA, 4)
        self._merge()

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        corners = np.array([[round(x * 16), round(y * 16)] for x, y in points], np.int32)
        for target, paint in self._layers(colour):
            cv2.fillPoly(target, [corners], paint, cv2.LINE_AA, 4)
        self._merge()

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        self.polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], colour)

    def limb(self, points: list[tuple[float, float]], thickness: float, colour: Colour) -> None:
        corners = np.array([[round(x * 16), round(y * 16)] for x, y in points], np.int32)
        for target, paint in self._layers(colour):
            cv2.polylines(target, [corners], False, paint, max(1, round(thickness)), cv2.LINE_AA, 4)
        self._merge()

    def _layers(self, colour: Colour) -> list[tuple[np.ndarray, tuple[int, ...]]]:
        self._rgb = np.ascontiguousarray(self.pixels[..., :3])
        self._alpha = np.ascontiguousarray(self.pixels[..., 3])
        return [(self._rgb, colour), (self._alpha, (255,))]

    def _merge(self) -> None:
        self.pixels[..., :3] = self._rgb
        self.pixels[..., 3] = self._alpha


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure in `POSES` poses, looking to the right.

    Attributes:
        stride: Pixels of way in which all poses are gone through once.
    """

    name: str
    poses: tuple[Sprite, ...]
    stride: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.poses[0].shape[1], self.poses[0].shape[0]

    def pose(self, way: float, leftwards: bool) -> Sprite:
        """How it looks after `way` pixels."""
        sprite = self.poses[int(way / self.stride * len(self.poses)) % len(self.poses)]
        return sprite[:, ::-1] if leftwards else sprite


def _any_colour(rng: np.random.Generator) -> Colour:
    hue = np.array([[[rng.integers(0, 180), rng.integers(90, 255), rng.integers(70, 240)]]], np.uint8)
    if rng.random() < 0.3:
        hue[..., 1] = rng.integers(0, 25)
    red, green, blue = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue


def _shade(colour: Colour, by: float) -> Colour:
    red, green, blue = (int(min(255, max(0, c * by))) for c in colour)
    return red, green, blue


def person(rng: np.random.Generator, height: float, *, striped: bool = False) -> Figure:
    """Walks with swinging legs and arms."""
    h, w = round(height), round(height * 0.6)
    skin: Colour = [(236, 196, 164), (198, 146, 106), (122, 80, 54), (250, 214, 190)][int(rng.integers(4))]
    shirt, trousers, hair = _any_colour(rng), _any_colour(rng), _shade((90, 60, 40), float(rng.uniform(0.2, 2.0)))
    poses = []
    for k in range(POSES):
        swing = math.sin(2 * math.pi * k / POSES)
        c = Canvas(w, h, shirt)
        hip, knee, foot, x = 0.53 * h, 0.75 * h, 0.97 * h, w / 2
        for side in (-1, 1):
            step = side * swing * 0.13 * h
            c.limb([(x, hip), (x + step * 0.6, knee), (x + step, foot)], 0.1 * h, trousers)
            c.limb([(x + step, foot), (x + step + 0.05 * h, foot)], 0.05 * h, (40, 34, 30))
        c.limb([(x, 0.25 * h), (x + swing * 0.1 * h, 0.4 * h), (x + swing * 0.15 * h, 0.5 * h)], 0.06 * h, skin)
        c.ellipse(x, 0.38 * h, 0.115 * h, 0.2 * h, shirt)
        if striped:
            for row in range(4):
                c.box(x - 0.08 * h, (0.26 + 0.07 * row) * h, 0.16 * h, 0.03 * h, _shade(shirt, 0.5))
        c.limb([(x, 0.25 * h), (x - swing * 0.1 * h, 0.4 * h), (x - swing * 0.15 * h, 0.5 * h)], 0.06 * h, shirt)
        c.ellipse(x + 0.01 * h, 0.1 * h, 0.065 * h, 0.085 * h, skin)
        c.ellipse(x - 0.005 * h, 0.055 * h, 0.07 * h, 0.05 * h, hair)
        poses.append(c.pixels)
    return Figure("person", tuple(poses), 0.5 * height)


def car(rng: np.random.Generator, height: float) -> Figure:
    """Seen from the side, with windows and turning wheels."""
    h, w = round(height), round(height * 2.4)
    paint = _any_colour(rng)
    poses = []
    for k in range(POSES):
        c = Canvas(w, h, paint)
        c.polygon([(0.18 * w, 0.45 * h), (0.32 * w, 0.05 * h), (0.7 * w, 0.05 * h), (0.85 * w, 0.45 * h)], paint)
        c.polygon(
            [(0.24 * w, 0.43 * h), (0.35 * w, 0.12 * h), (0.48 * w, 0.12 * h), (0.48 * w, 0.43 * h)], (60, 78, 92)
        )
        c.polygon(
            [(0.52 * w, 0.12 * h), (0.67 * w, 0.12 * h), (0.78 * w, 0.43 * h), (0.52 * w, 0.43 * h)], (64, 84, 98)
        )
        c.box(0.02 * w, 0.42 * h, 0.96 * w, 0.38 * h, paint)
        c.box(0.02 * w, 0.68 * h, 0.96 * w, 0.08 * h, _shade(paint, 0.6))
        c.box(0.94 * w, 0.48 * h, 0.04 * w, 0.1 * h, (250, 240, 180))
        for x in (0.22 * w, 0.78 * w):
            c.ellipse(x, 0.8 * h, 0.19 * h, 0.19 * h, (24, 24, 26))
            c.ellipse(x, 0.8 * h, 0.1 * h, 0.1 * h, (150, 150, 155))
            angle = math.pi * k / POSES
            c.limb([(x, 0.8 * h), (x + 0.09 * h * math.cos(angle), 0.8 * h + 0.09 * h * math.sin(angle))], 2, (60,) * 3)
        poses.append(c.pixels)
    return Figure("car", tuple(poses), height)


def car_from_above(rng: np.random.Generator, height: float) -> Figure:
    """A car as a camera over the road sees it, driving to the right."""
    h, w = round(height), round(height * 2.0)
    paint = _any_colour(rng)
    c = Canvas(w, h, paint)
    c.box(0.02 * w, 0.08 * h, 0.96 * w, 0.84 * h, paint)
    c.ellipse(0.9 * w, 0.5 * h, 0.09 * w, 0.42 * h, paint)
    c.box(0.6 * w, 0.14 * h, 0.12 * w, 0.72 * h, (40, 50, 60))
    c.box(0.16 * w, 0.16 * h, 0.1 * w, 0.68 * h, (46, 54, 64))
    c.box(0.3 * w, 0.14 * h, 0.26 * w, 0.72 * h, _shade(paint, 1.15))
    return Figure("car from above", (c.pixels,), height)


def pet(rng: np.random.Generator, height: float) -> Figure:
    """A dog or a cat that trots."""
    h, w = round(height), round(height * 1.5)
    fur = [(60, 48, 40), (200, 170, 130), (235, 230, 222), (150, 96, 54)][int(rng.integers(4))]
    poses = []
    for k in range(POSES):
        swing = math.sin(2 * math.pi * k / POSES) * 0.12 * h
        c = Canvas(w, h, fur)
        for x, side in ((0.28, 1), (0.36, -1), (0.66, -1), (0.72, 1)):
            c.limb([(x * w, 0.6 * h), (x * w + side * swing, 0.96 * h)], 0.1 * h, _shade(fur, 0.85))
        c.ellipse(0.5 * w, 0.52 * h, 0.28 * w, 0.2 * h, fur)
        c.ellipse(0.82 * w, 0.28 * h, 0.12 * w, 0.17 * h, fur)
        c.polygon([(0.76 * w, 0.18 * h), (0.8 * w, 0.01 * h), (0.84 * w, 0.16 * h)], _shade(fur, 0.7))
        c.limb([(0.24 * w, 0.45 * h), (0.1 * w, 0.3 * h + swing)], 0.07 * h, fur)
        poses.append(c.pixels)
    return Figure("pet", tuple(poses), 0.7 * height)


def hand(rng: np.random.Generator, height: float) -> Figure:
    """A forearm that reaches in from the left, with open fingers."""
    h, w = round(height), round(height * 3.2)
    skin: Colour = [(236, 196, 164), (198, 146, 106), (122, 80, 54)][int(rng.integers(3))]
    sleeve = _any_colour(rng)
    poses = []
    for k in range(POSES):
        spread = 0.06 * math.sin(2 * math.pi * k / POSES) + 0.12
        c = Canvas(w, h, skin)
        c.box(0, 0.3 * h, 0.5 * w, 0.4 * h, sleeve)
        c.box(0.48 * w, 0.34 * h, 0.24 * w, 0.32 * h, skin)
        c.ellipse(0.76 * w, 0.5 * h, 0.1 * w, 0.28 * h, skin)
        for finger in range(-2, 3):
            tip = 0.5 * h + finger * (0.06 + spread) * h
            c.limb([(0.78 * w, 0.5 * h + finger * 0.08 * h), (0.96 * w - abs(finger) * 0.02 * w, tip)], 0.1 * h, skin)
        poses.append(c.pixels)
    return Figure("hand", tuple(poses), height)


def shape(rng: np.random.Generator, height: float) -> Figure:
    """A circle, rectangle or triangle of one colour."""
    h = round(height)
    w = round(height * rng.uniform(0.7, 1.6))
    paint = _any_colour(rng)
    c = Canvas(w, h, paint)
    kind = rng.integers(3)
    if kind == 0:
        c.ellipse(w / 2, h / 2, w / 2 - 2, h / 2 - 2, paint)
    elif kind == 1:
        c.box(1, 1, w - 2, h - 2, paint)
    else:
        c.polygon([(w / 2, 1), (w - 1, h - 1), (1, h - 1)], paint)
    return Figure("shape", (c.pixels,), height)


def bag(rng: np.random.Generator, height: float) -> Figure:
    """Something to put down: a box with a handle."""
    h, w = round(height), round(height * 1.2)
    paint = _any_colour(rng)
    c = Canvas(w, h, paint)
    c.limb(
        [(0.3 * w, 0.3 * h), (0.35 * w, 0.08 * h), (0.65 * w, 0.08 * h), (0.7 * w, 0.3 * h)],
        0.08 * h,
        _shade(paint, 0.6),
    )
    c.box(0.05 * w, 0.3 * h, 0.9 * w, 0.66 * h, paint)
    c.box(0.05 * w, 0.5 * h, 0.9 * w, 0.1 * h, _shade(paint, 0.6))
    return Figure("bag", (c.pixels,), height)


def cyclist(rng: np.random.Generator, height: float) -> Figure:
    """A rider on two thin wheels."""
    h, w = round(height), round(height * 1.05)
    shirt, frame = _any_colour(rng), _any_colour(rng)
    poses = []
    for k in range(POSES):
        turn = 2 * math.pi * k / POSES
        c = Canvas(w, h, shirt)
        for x in (0.22 * w, 0.78 * w):
            ring = [(x + 0.19 * h * math.cos(a), 0.78 * h + 0.19 * h * math.sin(a)) for a in np.linspace(0, 6.3, 24)]
            c.limb(ring, max(2.0, 0.03 * h), (30, 30, 30))
        c.limb([(0.22 * w, 0.78 * h), (0.45 * w, 0.5 * h), (0.72 * w, 0.5 * h), (0.78 * w, 0.78 * h)], 0.035 * h, frame)
        pedal = (0.48 * w + 0.07 * h * math.cos(turn), 0.78 * h + 0.07 * h * math.sin(turn))
        c.limb([(0.42 * w, 0.46 * h), (0.56 * w, 0.6 * h), pedal], 0.07 * h, (50, 54, 70))
        c.limb([(0.42 * w, 0.46 * h), (0.55 * w, 0.22 * h)], 0.14 * h, shirt)
        c.limb([(0.56 * w, 0.24 * h), (0.72 * w, 0.44 * h)], 0.05 * h, (226, 186, 154))
        c.ellipse(0.6 * w, 0.1 * h, 0.07 * h, 0.09 * h, (226, 186, 154))
        poses.append(c.pixels)
    return Figure("cyclist", tuple(poses), height)


def lorry(rng: np.random.Generator, height: float) -> Figure:
    """A long load behind a cab, on three wheels a side."""
    h, w = round(height), round(height * 2.9)
    cab, load = _any_colour(rng), _any_colour(rng)
    c = Canvas(w, h, load)
    c.box(0.01 * w, 0.05 * h, 0.72 * w, 0.75 * h, load)
    c.box(0.75 * w, 0.25 * h, 0.23 * w, 0.57 * h, cab)
    c.box(0.87 * w, 0.3 * h, 0.1 * w, 0.2 * h, (70, 86, 96))
    for x in (0.12, 0.24, 0.86):
        c.ellipse(x * w, 0.86 * h, 0.13 * h, 0.13 * h, (24, 24, 26))
    return Figure("lorry", (c.pixels,), height)


def bird(rng: np.random.Generator, height: float) -> Figure:
    """Flaps its wings."""
    h, w = round(height), round(height * 1.4)
    feather = [(40, 40, 46), (230, 230, 226), (120, 96, 70)][int(rng.integers(3))]
    poses = []
    for k in range(POSES):
        flap = math.sin(2 * math.pi * k / POSES)
        c = Canvas(w, h, feather)
        c.ellipse(0.5 * w, 0.55 * h, 0.3 * w, 0.13 * h, feather)
        c.ellipse(0.8 * w, 0.48 * h, 0.09 * w, 0.11 * h, feather)
        c.polygon(
            [(0.35 * w, 0.52 * h), (0.6 * w, 0.52 * h), (0.4 * w, (0.52 - 0.45 * flap) * h)], _shade(feather, 0.8)
        )
        poses.append(c.pixels)
    return Figure("bird", tuple(poses), height)


def striped_person(rng: np.random.Generator, height: float) -> Figure:
    """A person in a striped shirt."""
    return person(rng, height, striped=True)


Maker = Callable[[np.random.Generator, float], Figure]
