"""What a live source shows again when it is opened again."""

from __future__ import annotations

import zlib
from collections import OrderedDict

from bot.rooms.livestream.decoding import Shown
from joyvl_core.media import Picture

REMEMBERED = 1_800
"""Pictures remembered: a minute at 30 a second, more than a playlist of a live stream lists."""

_STEP = 16


class Memory:
    """Remembers the newest pictures shown, by their time and a few of their pixels.

    A playlist still lists the last segments of a sender that is gone, and servers keep the last
    pictures for whoever joins: without this, the same car would pass at every attempt to reopen.
    """

    def __init__(self) -> None:
        self._marks: OrderedDict[float, int] = OrderedDict()

    def add(self, shown: Shown) -> None:
        """Remembers a picture."""
        self._marks[shown.pts] = _mark(shown.picture)
        self._marks.move_to_end(shown.pts)
        if len(self._marks) > REMEMBERED:
            self._marks.popitem(last=False)

    def has(self, shown: Shown) -> bool:
        """Whether this very picture has been shown before."""
        return self._marks.get(shown.pts) == _mark(shown.picture)


def _mark(picture: Picture) -> int:
    return zlib.crc32(picture.luma()[::_STEP, ::_STEP].tobytes())
