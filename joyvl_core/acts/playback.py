"""Writing into a voice track so that what nobody has heard yet can be taken back."""

from __future__ import annotations

import asyncio

import numpy as np

from joyvl_core.acts.resample import SILENCE
from joyvl_core.errors import UnavailableError
from joyvl_core.media import Pcm
from joyvl_core.ports import VoiceTrack

FRAME = 0.02
"""Seconds of sound in one write: shorter ones only cost calls, longer ones are late to stop."""

_KEPT = 0.5
"""Seconds of written sound that are remembered; a track holds less than that."""
_STALLED = 2.0
"""A track that takes no frame for this long is out of order."""


class Playback:
    """Plays sound in order. `hold` silences it at once, `release` goes on with what was not heard."""

    def __init__(self, track: VoiceTrack) -> None:
        self._track = track
        self._frame = round(FRAME * track.rate)
        self._unwritten: Pcm = SILENCE
        self._writing: Pcm = SILENCE
        self._written: Pcm = SILENCE
        self._clears = 0
        self._open = asyncio.Event()
        self._open.set()

    @property
    def held(self) -> bool:
        """Whether it is silenced for the moment."""
        return not self._open.is_set()

    async def until_open(self) -> None:
        """Returns once it is not held."""
        await self._open.wait()

    async def play(self, samples: Pcm) -> None:
        """Plays samples after those before, and returns when the track has taken all but the last part of a frame.

        Raises:
            UnavailableError: The track takes nothing any more.
        """
        self._unwritten = np.concatenate((self._unwritten, samples))
        await self._write()

    async def drain(self) -> None:
        """Returns when everything has been heard.

        Raises:
            UnavailableError: The track takes nothing any more.
        """
        while True:
            self._unwritten = np.pad(self._unwritten, (0, -len(self._unwritten) % self._frame))
            await self._write()
            await asyncio.sleep(self._track.ahead)
            if not self.held and not len(self._unwritten):
                return

    def hold(self) -> None:
        """Falls silent at once and remembers where. A second call does nothing."""
        if self.held:
            return
        unheard = min(len(self._written), round(self._track.ahead * self._track.rate))
        keep = len(self._written) - unheard
        self._unwritten = np.concatenate((self._written[keep:], self._writing, self._unwritten))
        self._written = self._written[:keep]
        self._open.clear()
        self._clear_track()

    def release(self) -> None:
        """Goes on from where it was held."""
        self._open.set()

    def flush(self) -> None:
        """Forgets all that was not heard yet. Held stays held."""
        self._unwritten = self._written = SILENCE
        self._clear_track()

    def _clear_track(self) -> None:
        self._clears += 1
        self._writing = SILENCE
        self._track.clear()

    async def _write(self) -> None:
        while True:
            await self._open.wait()
            if len(self._unwritten) < self._frame:
                return
            frame, self._unwritten = self._unwritten[: self._frame], self._unwritten[self._frame :]
            self._writing, clears = frame, self._clears
            try:
                async with asyncio.timeout(_STALLED):
                    await self._track.write(frame)
            except TimeoutError:
                raise _stalled() from None
            if clears != self._clears:
                # The track was cleared during the write, which may have put the frame in afterwards.
                self._track.clear()
                continue
            self._writing = SILENCE
            self._written = np.concatenate((self._written, frame))[-round(_KEPT * self._track.rate) :]


def _stalled() -> UnavailableError:
    return UnavailableError(
        "the voice track takes no sound",
        source="voice",
        kind="stalled",
        hint="Chat goes on; the voice is tried again with the next remark.",
        retryable=True,
    )
