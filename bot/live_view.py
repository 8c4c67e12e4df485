"""Pictures of what the bot sees, for people who look on: made only while somebody does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import cv2

from bot.link.frames import LivePicture
from joyvl_core.media import Frame
from joyvl_core.threads import in_thread

_QUALITY = 70
_LEASES = 8
_TALLEST = 4
"""A picture may be so many times taller than wide."""


class LiveView:
    """Sends the newest picture of each track for as long as somebody looks.

    Args:
        frames: Every track's name and its newest frame.
        send: Takes the pictures.
    """

    def __init__(
        self, frames: Callable[[], Sequence[tuple[str, Frame | None]]], send: Callable[[LivePicture], None]
    ) -> None:
        self._frames = frames
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._leases: dict[tuple[int, float], float] = {}
        self._looked_at = asyncio.Event()

    def watch(self, width: int, every: float, seconds: float) -> None:
        """Somebody looks for so many seconds from now: a picture every `every` seconds, at most `width` pixels wide.

        Of several who look the widest and the quickest counts.
        """
        self._expire()
        if len(self._leases) < _LEASES:
            self._leases[width, every] = self._loop.time() + seconds
        self._looked_at.set()

    async def run(self) -> None:
        """Sends until cancelled."""
        while True:
            await self._looked_at.wait()
            sent: dict[str, Frame] = {}
            while self._leases:
                began = self._loop.time()
                for name, frame in self._frames():
                    if frame is not None and sent.get(name) is not frame:
                        sent[name] = frame
                        await self._show(name, frame, max(width for width, _ in self._leases))
                every = min(every for _, every in self._leases)
                await asyncio.sleep(max(0.0, began + every - self._loop.time()))
                self._expire()
            self._looked_at.clear()

    def _expire(self) -> None:
        now = self._loop.time()
        self._leases = {lease: until for lease, until in self._leases.items() if until > now}

    async def _show(self, name: str, frame: Frame, width: int) -> None:
        try:
            jpeg = await in_thread(_jpeg, frame, width)
        except Exception:  # whatever a decoder handed over: one picture less, and the next one comes
            return
        self._send(LivePicture(frame.t, name, jpeg))


def named(frames: Sequence[tuple[str, Frame | None]]) -> list[tuple[str, Frame | None]]:
    """The tracks by their labels; of several with the same label each has a name of its own."""
    seen: Counter[str] = Counter()
    found = []
    for label, frame in frames:
        seen[label] += 1
        found.append((label if seen[label] == 1 else f"{label} {seen[label]}", frame))
    return found


def _jpeg(frame: Frame, width: int) -> bytes:
    pixels = cv2.cvtColor(frame.picture.rgb((width, width * _TALLEST)), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
