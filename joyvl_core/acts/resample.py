"""Sound from one sample rate to another, chunk by chunk and without seams."""

from __future__ import annotations

import av
import numpy as np

from joyvl_core.media import Pcm

SILENCE: Pcm = np.zeros(0, np.int16)


class Resampler:
    """A band-limited resampler that keeps its state between chunks.

    Args:
        source: Samples a second of what is fed.
        target: Samples a second of what comes out.
    """

    def __init__(self, source: int, target: int) -> None:
        self.source = source
        self._swr = None if source == target else av.AudioResampler("s16", "mono", target)

    def feed(self, samples: Pcm) -> Pcm:
        """What can be told so far: all but the filter's last 1 to 2 ms."""
        if self._swr is None or not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "s16", "mono")
        frame.sample_rate = self.source
        return _joined(self._swr.resample(frame))

    def flush(self) -> Pcm:
        """The rest, once nothing more is fed. The resampler is used up."""
        if self._swr is None:
            return SILENCE
        return _joined(self._swr.resample(None))


def _joined(frames: list[av.AudioFrame]) -> Pcm:
    parts = [frame.to_ndarray().reshape(-1) for frame in frames]
    return np.concatenate(parts) if parts else SILENCE
