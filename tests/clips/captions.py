"""Scenes with words on them: subtitles over a moving picture, slides, a score board."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from joyvl_core.media import Rgb
from tests.clips import Clip, Shown
from tests.clips.scenes import SIZE, crowd

FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
"""Draws English and Chinese; comes with the package fonts-noto-cjk."""

Colour = tuple[int, int, int]
WHITE: Colour = (250, 250, 250)


@lru_cache(maxsize=16)
def font(size: int) -> ImageFont.FreeTypeFont:
    if not FONT.is_file():
        stop = pytest.fail if "CI" in os.environ else pytest.skip
        stop(f"{FONT} is not there: install fonts-noto-cjk")
    return ImageFont.truetype(str(FONT), size)


def written(
    picture: Rgb, text: str, at: tuple[float, float], *, size: int = 24, colour: Colour = WHITE, outline: int = 2
) -> Rgb:
    """The picture with `text` centred at `at` (shares of the picture); lines break at newlines."""
    image = Image.fromarray(picture)
    place = (at[0] * image.width, at[1] * image.height)
    ImageDraw.Draw(image).multiline_text(
        place,
        text,
        fill=colour,
        font=font(size),
        anchor="mm",
        align="center",
        stroke_width=outline,
        stroke_fill=(0, 0, 0),
    )
    return np.asarray(image)


def subtitles(
    lines: Sequence[Shown], *, behind: Clip | None = None, fade: float = 0.0, jitter: float = 0.0, size: int = 24
) -> Clip:
    """Subtitles at the foot of a moving picture; `fade` seconds to full strength, `jitter` in pixels."""
    seconds = max(line.end for line in lines) + 1.0
    scene = behind or crowd(seconds)

    def draw(t: float) -> Rgb:
        picture = scene.draw(t)
        for line in lines:
            if line.start <= t < line.end:
                shift = jitter * float(np.sin(t * 37.0)) / SIZE[1]
                text = written(picture, line.text, (0.5, 0.88 + shift), size=size)
                strength = min(1.0, (t - line.start) / fade) if fade else 1.0
                picture = (picture * (1.0 - strength) + text * strength).astype(np.uint8)
        return picture

    return Clip(draw, seconds, shown=tuple(lines))


def slides(pages: Sequence[tuple[str, str]], every: float = 3.0, *, dark: bool = False) -> Clip:
    """Slides of a title and a body, one after another."""
    ground, ink = ((24, 26, 34), (235, 235, 240)) if dark else ((248, 248, 246), (25, 25, 30))

    @lru_cache(maxsize=32)
    def page(n: int) -> Rgb:
        picture = np.full((SIZE[1], SIZE[0], 3), ground, np.uint8)
        picture = written(picture, pages[n][0], (0.5, 0.2), size=40, colour=ink, outline=0)
        return written(picture, pages[n][1], (0.5, 0.55), size=24, colour=ink, outline=0)

    shown = [Shown(f"{title}\n{body}", n * every, (n + 1) * every) for n, (title, body) in enumerate(pages)]
    return Clip(lambda t: page(min(int(t / every), len(pages) - 1)).copy(), every * len(pages), shown=tuple(shown))


def scoreboard(scores: Sequence[str], every: float = 3.0) -> Clip:
    """A score in the corner of a moving picture that changes every few seconds."""
    scene = crowd(every * len(scores), seed=11)

    def draw(t: float) -> Rgb:
        picture = scene.draw(t)
        picture[14:58, 14:190] = (20, 30, 70)
        return written(picture, scores[min(int(t / every), len(scores) - 1)], (0.16, 0.1), size=28, outline=0)

    shown = tuple(Shown(score, n * every, (n + 1) * every) for n, score in enumerate(scores))
    return Clip(draw, every * len(scores), shown=shown)
