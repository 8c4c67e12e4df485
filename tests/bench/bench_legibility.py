"""What a picture loses: how often words and small moving things can still be made out in what a model is shown.

`python -m tests.bench legibility`. The judges look at the decoded JPEGs. Words: at every second at which a line has
been on the picture for `READ_AFTER`, text recognition reads the newest picture that was shown by then; what remembers
pictures may also look back to those shown since the line came. Things: at every second at which one is wholly in the
picture, the picture shown in that very second must differ from the empty scene, shown alike.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from joyvl_core.codec import CodecSettings, encode_jpeg, picture_for
from joyvl_core.media import Frame, Rgb, RgbPicture
from joyvl_core.models.embedded.perception import ocr
from joyvl_core.observation import TrackView
from tests.bench.bench_codec import PAGES
from tests.bench.shown import POLICIES, Second, shown
from tests.clips import Clip, Shown
from tests.clips.captions import scoreboard, slides, subtitles, written
from tests.clips.scenes import Mover, street

READ_AFTER = 1.0
ALIKE = 0.8
CONFUSED = str.maketrans("oil", "011")
ENLARGED = 960
"""Width to which a picture is enlarged for the reader, as the embedded model does."""
SIZES = (6, 10, 16, 24)
"""Sides of the small things, in pixels of a picture of 640x360."""
CONTRAST = 25
LEAST_PIXELS = 3
LINES = ["The last train leaves at ten", "人民广场到了请下车", "Mind the gap", "Doors open on the left", "欢迎光临"]
LABELS = ["Gate 14 closes 09:35", "三号登机口", "Level 2 parking", "EXIT"]


def signs(*, size: int, contrast: int, every: float = 6.0) -> Clip:
    """Labels on a still street, one after another."""
    ground = street(seconds=every * len(LABELS)).draw(0.0) // 2 + 40
    level = (110 + contrast,) * 3

    def draw(t: float) -> Rgb:
        label = LABELS[min(int(t / every), len(LABELS) - 1)]
        return written(ground, label, (0.65, 0.3), size=size, colour=level, outline=0)

    lines = tuple(Shown(label, n * every, (n + 1) * every) for n, label in enumerate(LABELS))
    return Clip(draw, every * len(LABELS), shown=lines)


TEXTS: Mapping[str, Clip] = {
    "slides": slides(PAGES, every=6),
    "subtitles on a film": subtitles([Shown(line, n * 4.0 + 0.5, n * 4.0 + 3.6) for n, line in enumerate(LINES)]),
    "score on a film": scoreboard(["Home 0:0", "Home 1:0", "Home 1:1", "Home 2:1"], every=5.0),
    "labels of 16 px": signs(size=16, contrast=120),
    "faint labels of 18 px": signs(size=18, contrast=50),
}


@dataclass
class Tally:
    """How many of how many."""

    hits: int = 0
    asked: int = 0

    def add(self, hit: bool) -> None:
        self.hits += hit
        self.asked += 1

    def __str__(self) -> str:
        return f"{self.hits / self.asked:.0%}" if self.asked else "-"


def words(clip: Clip, settings: CodecSettings) -> tuple[Tally, Tally]:
    """How often the lines of a clip can be read in the newest picture, and in any shown since the line came."""
    newest, any_since = Tally(), Tally()
    seen: list[tuple[float, str]] = []
    for second in shown(clip.frames(1.0), settings):
        if second.picture is not None:
            seen.append((second.t, _read(second.picture)))
        for line in clip.shown:
            if line.start + READ_AFTER <= second.t < line.end:
                newest.add(_has(seen[-1][1], line.text))
                any_since.add(any(_has(text, line.text) for t, text in seen if t >= line.start))
    return newest, any_since


def things(side: int, settings: CodecSettings) -> Tally:
    """How often a thing of `side` pixels that crosses a still street can be made out."""
    tally = Tally()
    thing = Mover(1.5, 11.5, width=side / 640, height=side / 360, colour=(235, 230, 60))
    empty = street(seconds=13).draw(0.0)
    for second in shown(street(thing, seconds=13).frames(1.0), settings):
        if thing.start + 1.0 <= second.t <= thing.end - 1.0:
            tally.add(second.picture is not None and _differs(second, empty, settings))
    return tally


def rows(policies: Mapping[str, CodecSettings], texts: Mapping[str, Clip]) -> Iterator[str]:
    """The table: one policy a row. Where looking back helps, its share follows in brackets."""
    yield "| policy | " + " | ".join(texts) + " | " + " | ".join(f"thing of {side} px" for side in SIZES) + " |"
    yield "|---" * (1 + len(texts) + len(SIZES)) + "|"
    for name, settings in policies.items():
        cells = []
        for clip in texts.values():
            newest, back = words(clip, settings)
            cells.append(str(newest) if newest == back else f"{newest} ({back})")
        cells += [str(things(side, settings)) for side in SIZES]
        yield f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    """Prints the table."""
    for line in rows(POLICIES, TEXTS):
        print(line, flush=True)


def _decoded(picture: Rgb) -> Rgb:
    return cv2.imdecode(np.frombuffer(encode_jpeg(picture), np.uint8), cv2.IMREAD_COLOR_RGB)


def _read(picture: Rgb) -> str:
    scale = max(1.0, min(3.0, ENLARGED / picture.shape[1]))
    large = cv2.resize(_decoded(picture), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return _plain(" ".join(line.text for line in ocr.recognise(large)))


def _plain(text: str) -> str:
    return re.sub(r"\W", "", text).lower().translate(CONFUSED)


def _has(read: str, text: str) -> bool:
    """Whether every line of `text` is among what was read: figures exactly, words but for a letter in five."""
    for line in map(_plain, text.splitlines()):
        windows = [read[start : start + len(line)] for start in range(max(1, len(read) - len(line) + 1))]
        best = max(difflib.SequenceMatcher(None, line, window).ratio() for window in windows)
        if best < (1.0 if re.search(r"\d", text) else ALIKE):
            return False
    return True


def _differs(second: Second, empty: Rgb, settings: CodecSettings) -> bool:
    without = TrackView("a", "", Frame("a", RgbPicture(empty), 0.0), second.kind, changed=second.area)
    before = picture_for(without, settings)
    assert second.picture is not None
    assert before is not None
    apart = cv2.absdiff(_decoded(second.picture), _decoded(before)).max(axis=2)
    return int(np.count_nonzero(apart > CONTRAST)) >= LEAST_PIXELS


if __name__ == "__main__":
    main()
