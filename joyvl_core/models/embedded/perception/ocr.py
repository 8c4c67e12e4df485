"""Text recognition: the words on a picture, line by line in reading order."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from joyvl_core.media import Rgb
from joyvl_core.models.embedded.percepts import Box

_DETECT_WITHIN = 960
"""Longest side at which lines are looked for; they are read at full size."""
_SURE, _SURE_SHORT, _SHORT = 0.6, 0.8, 2
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text. `box` is in shares of the picture it was read on; `score` is 0 to 1."""

    text: str
    box: Box
    score: float


def recognise(picture: Rgb) -> tuple[Line, ...]:
    """Reads English and Chinese. Blocks for a tenth of a second or several; one call at a time in the process."""
    height, width = picture.shape[:2]
    with _LOCK:
        found = _engine()(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if found.txts is None or found.boxes is None:
        return ()
    lines = []
    for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
        words = " ".join(text.split())
        letters = sum(letter.isalnum() for letter in words)
        if not letters or score < (_SURE_SHORT if letters <= _SHORT else _SURE):
            continue
        left, top, wide, high = cv2.boundingRect(np.asarray(corners, np.float32))
        box = Box(left / width, top / height, wide / width, high / height)
        lines.append(Line(words, box, float(score)))
    return in_reading_order(lines)


def warm() -> None:
    """Loads the model, so that the first reading is as quick as the later ones."""
    with _LOCK:
        _engine()


def in_reading_order(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Rows from top to bottom, each from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.box.y + line.box.height / 2):
        if rows and _same_row(rows[-1][-1].box, line.box):
            rows[-1].append(line)
        else:
            rows.append([line])
    return tuple(line for row in rows for line in sorted(row, key=lambda line: line.box.x))


def _same_row(one: Box, other: Box) -> bool:
    shared = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return shared > 0.5 * min(one.height, other.height)


@lru_cache(maxsize=1)
def _engine() -> Any:
    # Imported here: it takes a second and is needed only where somebody wants text.
    from rapidocr import RapidOCR

    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Global.text_score": _SURE,
            "Det.limit_type": "max",
            "Det.limit_side_len": _DETECT_WITHIN,
            # One thread: the machine also decodes, watches and speaks.
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
