"""Tells intents apart by meaning: a linear classifier on sentence vectors and on parts of words."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from joyvl_core.models.embedded.understanding.grammar import core
from joyvl_core.models.embedded.understanding.wording import unquoted
from joyvl_core.models.embedded.wishes import Intent

BUCKETS = 4096
"""Parts of words are hashed into so many features."""

_PARTS_WEIGHT = 1.0
_PUNCTUATION = re.compile(r"[^\w\s'…-]+|_")


@dataclass(frozen=True, slots=True)
class Guess:
    """Intents by probability, the best first."""

    ranked: tuple[tuple[Intent, float], ...]

    @property
    def margin(self) -> float:
        """How far the best is ahead of the second."""
        return self.ranked[0][1] - self.ranked[1][1]


class IntentClassifier:
    """Logistic regression fitted on the exemplars (see `fit`); vectors are centred for each language."""

    def __init__(self, weights: dict[str, NDArray[Any]]) -> None:
        self._weights = weights
        self._intents = tuple(Intent(name) for name in weights["intents"].tolist())

    def guess(self, text: str, vector: NDArray[np.float32], language: str) -> Guess:
        """The intents of a wish by probability.

        Args:
            text: The wish, in lower case, without quotations.
            vector: Its unit vector.
            language: `en` or `zh`.
        """
        w = self._weights
        x = features(text, vector - w[f"centre_{language}"], language)
        logits = x @ w["weights"] + w["bias"]
        odds = np.exp(logits - logits.max())
        shares = odds / odds.sum()
        order = np.argsort(-shares)
        return Guess(tuple((self._intents[i], float(shares[i])) for i in order))


@lru_cache(maxsize=1)
def shipped() -> IntentClassifier:
    """The classifier with the weights that ship with the package."""
    with as_file(files(__package__).joinpath("weights.npz")) as path, np.load(path) as data:
        return IntentClassifier(
            {n: data[n].astype(np.float32) if data[n].dtype == np.float16 else data[n] for n in data.files}
        )


def normal(text: str, language: str) -> str:
    """A wish as the classifier and its exemplars see it: no polite words, no punctuation, quotations left blank."""
    bare = core(unquoted(text), language)
    return " ".join(_PUNCTUATION.sub(" ", bare).split()) or "…"


def features(text: str, centred: NDArray[np.float32], language: str) -> NDArray[np.float32]:
    """What the classifier sees of a wish: its centred vector, then which parts of words it has (384 + BUCKETS)."""
    parts = np.zeros(BUCKETS, np.float32)
    for part in _parts(text, language):
        parts[zlib.crc32(part.encode()) % BUCKETS] = 1.0
    length = float(np.linalg.norm(parts))
    direction = centred / max(float(np.linalg.norm(centred)), 1e-6)
    return np.concatenate([direction, parts * (_PARTS_WEIGHT / max(length, 1.0))])


def _parts(text: str, language: str) -> set[str]:
    if language == "zh":
        return {text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1)}
    words = ["^", *text.split(), "$"]
    pairs = {f"{a} {b}" for a, b in pairwise(words)}
    stems = {word[:5] for word in words}
    return set(words) | pairs | stems
