"""Session seconds as people write them."""

from __future__ import annotations

import re

_TIME = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,2}):)?(\d{1,7}(?:\.\d+)?)")


def second(text: str | None) -> float | None:
    """The session second of `90`, `1:30` or `1:02:03`; None for nothing.

    Raises:
        ValueError: It is no time.
    """
    text = (text or "").strip()
    if not text:
        return None
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3_600 + minutes * 60 + seconds
