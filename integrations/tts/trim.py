"""Silence cut off both ends of a clause: it delays the first sound and stretches the pauses."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np

from joyvl_core.media import AudioChunk, Pcm

_FLOOR = 160
"""Samples at or below this (-46 dBFS) are silence."""
_MARGIN = 0.008
"""Seconds kept before the first and after the last sound, for soft consonants."""
_CHUNK = 0.2


async def trimmed(chunks: AsyncGenerator[AudioChunk]) -> AsyncGenerator[AudioChunk]:
    """The chunks without the silence before and after; silence within stays.

    Yields:
        Chunks of at most 0.2 s; the first begins with sound.
    """
    quiet: Pcm = np.zeros(0, np.int16)
    heard = False
    rate = 0
    async with aclosing(chunks):
        async for chunk in chunks:
            rate = chunk.rate
            margin = round(_MARGIN * rate)
            samples = np.concatenate((quiet, chunk.samples))
            loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _FLOOR)
            if not len(loud):
                quiet = samples if heard else samples[-margin:]
                continue
            start = 0 if heard else max(0, int(loud[0]) - margin)
            end = int(loud[-1]) + 1
            quiet = samples[end:]
            heard = True
            step = round(_CHUNK * rate)
            for at in range(start, end, step):
                yield AudioChunk(samples[at : min(at + step, end)], rate)
    if heard and len(quiet):
        yield AudioChunk(quiet[: round(_MARGIN * rate)], rate)
