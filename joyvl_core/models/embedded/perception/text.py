"""On-screen text: what is written on the picture, told once when it appears and once when it is gone.

Recognition takes a few tenths of a second, so it runs only on a place where new strokes have come to stand.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import cv2

from joyvl_core.media import Frame, Rgb
from joyvl_core.models.embedded.perception import ocr
from joyvl_core.models.embedded.perception.ocr import Line
from joyvl_core.models.embedded.perception.strokes import Fresh, Patch, Settled, Strokes
from joyvl_core.models.embedded.percepts import Box, Percept, PerceptKind

_LOG = logging.getLogger(__name__)

_PAUSE, _LONGEST_PAUSE = 0.4, 4.0
"""Seconds between two readings of a track; doubled each time that one finds no words."""
_SECONDS_A_LINE = 0.08
"""A page full of words that keeps changing is read no more often than a third of a processor allows."""
_MORE = 2
"""How many times more strokes than lately were no words are worth a reading before the pause is over."""
_GROWTH = 1.15
_PATIENCE = 0.8
"""Words that are still being written are waited for, this many seconds at most."""
_GONE_AFTER = 0.4
_STANDS, _EMPTY = 0.5, 0.3
_ALIKE, _CORRECTED = 0.8, 0.5
_COVERED, _COVERED_FOR = 0.5, 2.5
"""Share of a line's strokes that must stand where they stood for it to be the same one, and for how many seconds."""
_MOST_LINES = 64
_LEGIBLE_WIDTH, _MOST_ENLARGED = 960, 3.0
_CONFUSED = str.maketrans("oliszbgq|", "011528991")


@dataclass(slots=True, eq=False)
class _Shown:
    """A line that is on the picture.

    Attributes:
        missing: Since when its strokes are not there.
        denied: Its place was read meanwhile, and it was not found.
        replaced: Since when another line is in its place.
    """

    line: Line
    block: _Block
    patch: Patch
    missing: float | None = None
    denied: bool = False
    replaced: float | None = None


@dataclass(slots=True, eq=False)
class _Block:
    """Lines that were told together. `left` counts those still on the picture."""

    text: str
    area: Box
    left: int


@dataclass(slots=True)
class _Track:
    """What is known of one video track. `lately`: lines that went away, and when."""

    strokes: Strokes = field(default_factory=Strokes)
    shown: list[_Shown] = field(default_factory=list)
    lately: list[tuple[_Shown, float]] = field(default_factory=list)
    growing: int = 0
    grown_since: float = 0.0
    fruitless: int = 0
    pause: float = _PAUSE
    next_reading: float = float("-inf")
    due: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """A place being read on one frame, with the strokes that stood then."""

    track: str
    area: Box
    amount: int
    settled: Settled
    lines: Future[tuple[Line, ...]]


class TextReader:
    """Reads what is written on the pictures of any number of video tracks.

    `look` and `forget` are called by one thread at a time, `read` by any. The recogniser is shared by the whole
    process and loads when text is first wanted.

    Attributes:
        wanted: Whether anybody wants text. While not, a look costs nothing and what was known is forgotten.
    """

    def __init__(self, *, inline: bool = False) -> None:
        """Makes a reader.

        Args:
            inline: Recognise within `look`, which then blocks; else on a thread of the reader's own, with the
                outcome in a later look.
        """
        self.wanted = False
        self._inline = inline
        self._tracks: dict[str, _Track] = {}
        self._thread: ThreadPoolExecutor | None = None
        self._reading: _Reading | None = None
        self._failed = False

    def look(self, frame: Frame) -> tuple[Percept, ...]:
        """Looks at a frame; returns what has appeared or gone since the last look at its track."""
        if not self.wanted:
            self._tracks.clear()
            self._reading = None
            return ()
        track = self._tracks.get(frame.track)
        if track is None:
            track = self._tracks[frame.track] = _Track()
            self._warm()
        track.strokes.look(frame.picture, frame.t)
        told = self._outcome(frame)
        fresh = track.strokes.fresh([shown.line.box for shown in track.shown])
        track.due = fresh is not None
        if fresh is not None and self._reading is None and _is_time(track, fresh, frame.t):
            self._begin(track, frame, fresh)
            told += self._outcome(frame)
        return (*_gone(track, frame), *told)

    def read(self, frame: Frame) -> str:
        """Reads everything on a frame, in reading order. Blocks."""
        return " ".join(line.text for line in ocr.recognise(_legible(frame.picture.rgb(), frame.picture.size[0])))

    def busy(self) -> bool:
        """Whether something is being read, or about to be."""
        return self._reading is not None or any(
            track.due or any(shown.missing is not None for shown in track.shown) for track in self._tracks.values()
        )

    def forget(self, track: str) -> None:
        """Drops what is known of a track that has ended."""
        self._tracks.pop(track, None)
        if self._reading is not None and self._reading.track == track:
            self._reading = None

    def close(self) -> None:
        """Ends the reader's thread. Idempotent."""
        self._tracks.clear()
        self._reading = None
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    def _warm(self) -> None:
        if not self._inline and self._thread is None:
            self._thread = ThreadPoolExecutor(1, "text")
            self._thread.submit(ocr.warm)

    def _begin(self, track: _Track, frame: Frame, fresh: Fresh) -> None:
        settled = track.strokes.settled()
        track.strokes.mark_read(fresh.area)
        if self._thread is not None:
            lines = self._thread.submit(_read_area, frame, fresh.area)
        else:
            lines = Future()
            try:
                lines.set_result(_read_area(frame, fresh.area))
            except Exception as failure:  # told in `_outcome`, like those of the thread
                lines.set_exception(failure)
        self._reading = _Reading(frame.track, fresh.area, fresh.amount, settled, lines)

    def _outcome(self, frame: Frame) -> tuple[Percept, ...]:
        """What a finished reading of this track found."""
        reading = self._reading
        if reading is None or reading.track != frame.track or not reading.lines.done():
            return ()
        self._reading = None
        track = self._tracks[frame.track]
        failure = reading.lines.exception()
        if failure is not None and not self._failed:
            self._failed = True
            _LOG.warning("text recognition failed: %s", failure)
        lines = () if failure is not None else reading.lines.result()
        new = _match(track, reading, lines)
        told = tuple(_appear(track, reading, block, frame) for block in _blocks(new))
        # Strokes that turn out to be no words are looked at less and less often.
        track.fruitless = 0 if lines else max(track.fruitless, reading.amount)
        track.pause = _PAUSE if lines else min(track.pause * 2, _LONGEST_PAUSE)
        track.next_reading = frame.t + max(track.pause, len(lines) * _SECONDS_A_LINE)
        return told


def _is_time(track: _Track, fresh: Fresh, t: float) -> bool:
    """Whether to read now: not too often, and not while the words are still being written."""
    if t < track.next_reading and not 0 < track.fruitless * _MORE < fresh.amount:
        return False
    grows = fresh.amount > track.growing * _GROWTH or fresh.restless > fresh.amount
    if not track.growing:
        track.grown_since = t
    track.growing = fresh.amount
    if grows and t - track.grown_since < _PATIENCE:
        return False
    track.growing = 0
    return True


def _match(track: _Track, reading: _Reading, lines: Sequence[Line]) -> list[Line]:
    """Recognises lines that were told before, drops those that gave way to others, and returns the new ones."""
    new: list[Line] = []
    found: list[_Shown] = []
    for line in lines:
        known = next((shown for shown in track.shown if _is_same(shown, line, reading)), None)
        if known is None:
            covered = [shown for shown in track.shown if _is_part(shown, line, reading)]
            back = _back(track, line, reading)
            found += covered + back
            if not covered and not back:
                new.append(line)
        else:
            known.line = Line(known.line.text, line.box, max(known.line.score, line.score))
            known.patch = reading.settled.patch(line.box)
            known.missing, known.denied = None, False
            found.append(known)
    for shown in track.shown:
        if shown in found or not _overlap(shown.line.box, reading.area):
            continue
        shown.denied = shown.missing is not None and shown.missing <= reading.settled.t
        successor = next((line for line in new if _overlap(shown.line.box, line.box)), None)
        if successor is not None:
            shown.replaced = reading.settled.patch(successor.box).since
    return new


def _is_same(shown: _Shown, line: Line, reading: _Reading) -> bool:
    """Whether a line is one that was told: alike in its place, or moved away from it."""
    here = _overlap(shown.line.box, line.box)
    if not here and shown.missing is None:
        return False
    if alike(shown.line.text, line.text):
        return True
    hasty = shown.line.score < 0.9 < line.score and reading.settled.t - shown.patch.read < _PATIENCE
    return here and hasty and _similarity(shown.line.text, line.text) >= _CORRECTED


def _back(track: _Track, line: Line, reading: _Reading) -> list[_Shown]:
    """Takes a line up again that somebody had walked in front of."""
    back = [
        shown
        for shown, ended in track.lately
        if reading.settled.t - ended < _COVERED_FOR
        and (_is_part(shown, line, reading) or alike(shown.line.text, line.text))
        and reading.settled.matches(shown.patch, line.box) >= _COVERED
    ]
    for shown in back:
        shown.missing, shown.denied, shown.replaced = None, False, None
        shown.block.left += 1
    track.lately = [(shown, ended) for shown, ended in track.lately if shown not in back]
    track.shown += back
    return back


def _is_part(shown: _Shown, line: Line, reading: _Reading) -> bool:
    """Whether a line is what can be seen of one that was told, while something is in front of the rest.

    Strokes decide, not letters: those of a covered line stand where they stood, and the letter at the edge of what
    covers it is misread. Figures are left out, because a shorter number is another number.
    """
    seen, whole = _letters(line.text), _letters(shown.line.text)
    if not _overlap(shown.line.box, line.box) or len(seen) >= len(whole) or any(map(str.isdigit, seen + whole)):
        return False
    return reading.settled.matches(shown.patch, line.box) >= _COVERED


def _appear(track: _Track, reading: _Reading, lines: Sequence[Line], frame: Frame) -> Percept:
    text = " ".join(line.text for line in lines)
    score = min(line.score for line in lines)
    block = _Block(text, _around([line.box for line in lines]), len(lines))
    patches = [reading.settled.patch(line.box) for line in lines]
    track.shown += [_Shown(line, block, patch) for line, patch in zip(lines, patches, strict=True)]
    del track.shown[:-_MOST_LINES]
    since = min(patch.since for patch in patches)
    return Percept(PerceptKind.TEXT, frame.track, since, frame.t, text=text, area=block.area, score=score)


def _gone(track: _Track, frame: Frame) -> list[Percept]:
    """What is on the picture no more."""
    told = []
    for shown in list(track.shown):
        end = _end(shown, track.strokes, frame.t)
        if end is None:
            continue
        track.shown.remove(shown)
        track.lately = [*track.lately, (shown, end)][-_MOST_LINES:]
        block = shown.block
        block.left -= 1
        if not block.left:
            gone = Percept(PerceptKind.TEXT_GONE, frame.track, end, frame.t, text=block.text, area=block.area)
            told.append(gone)
    return told


def _end(shown: _Shown, strokes: Strokes, t: float) -> float | None:
    """When a line ended; None while it may still be there."""
    if shown.replaced is not None:
        return shown.replaced
    if strokes.kept(shown.patch) >= _STANDS:
        shown.missing, shown.denied = None, False
        return None
    if shown.missing is None:
        shown.missing = t
    away = t - shown.missing
    # Where strokes stand again they are about to be read: the line may only have moved a little.
    empty = shown.denied or strokes.occupied(shown.patch) < _EMPTY
    return shown.missing if away >= _LONGEST_PAUSE or (empty and away >= _GONE_AFTER) else None


def _read_area(frame: Frame, area: Box) -> tuple[Line, ...]:
    """Reads a part of a frame; the lines come back in shares of the whole."""
    picture = frame.picture.rgb()
    height, width = picture.shape[:2]
    top, left = int(area.y * height), int(area.x * width)
    part = picture[top : top + max(1, round(area.height * height)), left : left + max(1, round(area.width * width))]
    return tuple(
        Line(
            line.text,
            Box(
                area.x + line.box.x * area.width,
                area.y + line.box.y * area.height,
                line.box.width * area.width,
                line.box.height * area.height,
            ),
            line.score,
        )
        for line in ocr.recognise(_legible(part, width))
    )


def _legible(part: Rgb, width: int) -> Rgb:
    """Enlarges a part of a picture of `width` so far that small words can be read."""
    scale = min(max(_LEGIBLE_WIDTH / width, 1.0), _MOST_ENLARGED)
    return part if scale == 1.0 else cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


def _blocks(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines that belong together: one under another, closer than a line is high."""
    blocks: list[list[Line]] = []
    for line in lines:
        last = next((block for block in blocks if _adjoins(block[-1].box, line.box)), None)
        if last is None:
            blocks.append([line])
        else:
            last.append(line)
    return blocks


def _adjoins(above: Box, below: Box) -> bool:
    apart = below.y - (above.y + above.height)
    aside = max(above.x, below.x) - min(above.x + above.width, below.x + below.width)
    tall = max(above.height, below.height)
    return apart < tall and aside < tall


def alike(one: str, other: str) -> bool:
    """Whether two readings are of the same words: a letter may be misread, a figure may not differ."""
    a, b = _letters(one), _letters(other)
    if a.translate(_CONFUSED) == b.translate(_CONFUSED):
        return True
    figures = [[letter for letter in words if letter.isdigit()] for words in (a, b)]
    return figures[0] == figures[1] and _similarity(one, other) >= _ALIKE


def _similarity(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, _letters(one), _letters(other), autojunk=False).ratio()


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _overlap(one: Box, other: Box) -> bool:
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return across > 0 and down > 0.3 * min(one.height, other.height)


def _around(boxes: Sequence[Box]) -> Box:
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)
