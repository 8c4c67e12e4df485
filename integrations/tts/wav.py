"""WAV read as it comes: from a pipe, before its length is known."""

from __future__ import annotations

import struct

import numpy as np

from joyvl_core.media import Pcm

_LONGEST_HEADER = 4096
_PCM = 1


class WavDecoder:
    """Takes the bytes of a WAV in pieces and gives its samples: mono, 16 bits.

    `rate` is 0 until the header has been read. The length in the header is not believed: a program
    that writes into a pipe does not know it.
    """

    def __init__(self) -> None:
        self.rate = 0
        self._pending = b""
        self._in_data = False

    def feed(self, data: bytes) -> Pcm:
        """The samples that are complete with these bytes.

        Raises:
            ValueError: This is no mono 16-bit WAV.
        """
        self._pending += data
        if not self._in_data and not self._read_header():
            return np.zeros(0, np.int16)
        whole = len(self._pending) & ~1
        samples = np.frombuffer(self._pending[:whole], "<i2").astype(np.int16)
        self._pending = self._pending[whole:]
        return samples

    def _read_header(self) -> bool:
        """Whether the header is complete; `_pending` then begins with the first sample."""
        head = self._pending
        if head[:4] != b"RIFF"[: len(head)] or (len(head) >= 12 and head[8:12] != b"WAVE"):
            raise ValueError("no WAV")
        at = 12
        while len(head) >= at + 8:
            kind, size = struct.unpack_from("<4sI", head, at)
            at += 8
            if kind == b"data":
                if not self.rate:
                    raise ValueError("a WAV without a format")
                self._pending, self._in_data = head[at:], True
                return True
            if kind == b"fmt " and len(head) >= at + 16:
                self._read_format(head[at : at + 16])
            at += size + size % 2
        if len(head) > _LONGEST_HEADER:
            raise ValueError("a WAV without sound")
        return False

    def _read_format(self, chunk: bytes) -> None:
        coding, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk)
        if (coding, channels, bits) != (_PCM, 1, 16) or not 4_000 <= rate <= 192_000:
            raise ValueError(f"a WAV of {channels} channels, {bits} bits, {rate} Hz, coding {coding}")
        self.rate = rate
