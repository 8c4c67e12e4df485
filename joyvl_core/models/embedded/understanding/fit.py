"""Makes `weights.npz` from the exemplars: `python -m joyvl_core.models.embedded.understanding.fit`.

Run it after every change of the exemplars. The same exemplars give the same weights.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from joyvl_core.models.embedded.understanding.classifier import features, normal
from joyvl_core.models.embedded.understanding.embedder import SentenceEmbedder
from joyvl_core.models.embedded.wishes import Intent

_WORDINGS = 12
_LOOSENESS = 10.0
"""Inverse weight of the penalty on large weights (C of the field's usual notation)."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A phrase of which the intent is known."""

    intent: Intent
    language: str
    text: str


def exemplars() -> list[Exemplar]:
    """The phrases that ship with the package: a file a language, an `[intent]` line before the phrases of each."""
    found: list[Exemplar] = []
    for language in ("en", "zh"):
        intent = Intent.OTHER
        for line in files(__package__).joinpath(f"exemplars.{language}.txt").read_text("utf-8").splitlines():
            line = line.strip()
            if line.startswith("["):
                intent = Intent(line.strip("[]"))
            elif line and not line.startswith("#"):
                found.extend(Exemplar(intent, language, wording) for wording in wordings(line))
    return found


def wordings(line: str) -> list[str]:
    """What a line with (alternatives|in brackets) stands for: up to a dozen, evenly picked from all of them."""
    pieces = [piece.split("|") for piece in re.split(r"[()]", line)]
    every = ["".join(choice) for choice in itertools.product(*pieces)]
    return every[:: len(every) // _WORDINGS + 1] if len(every) > _WORDINGS else every


def fit(
    phrases: list[Exemplar], vectors: NDArray[np.float32], looseness: float = _LOOSENESS
) -> dict[str, NDArray[Any]]:
    """Fits the classifier's weights.

    Args:
        phrases: The exemplars.
        vectors: Their unit vectors, shape (phrases, 384).
        looseness: The larger, the closer to the exemplars and the further from caution.
    """
    intents = [str(intent) for intent in Intent]
    languages = np.array([phrase.language for phrase in phrases])
    centres = {language: vectors[languages == language].mean(axis=0) for language in ("en", "zh")}
    x = np.stack(
        [
            features(normal(p.text, p.language), vector - centres[p.language], p.language)
            for p, vector in zip(phrases, vectors, strict=True)
        ]
    ).astype(np.float64)
    y = np.array([intents.index(p.intent) for p in phrases])
    weights, bias = _logistic_regression(x, y, len(intents), looseness)
    return {
        "weights": weights.astype(np.float16),
        "bias": bias.astype(np.float16),
        "intents": np.array(intents),
        "centre_en": centres["en"].astype(np.float16),
        "centre_zh": centres["zh"].astype(np.float16),
    }


def embedded(phrases: list[Exemplar]) -> NDArray[np.float32]:
    """The unit vectors of phrases, as the classifier will see them."""
    return np.asarray(SentenceEmbedder().embed([normal(p.text, p.language) for p in phrases]), np.float32)


def _logistic_regression(
    x: NDArray[np.float64], y: NDArray[np.int64], classes: int, looseness: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Softmax regression with every class weighing the same, by L-BFGS from zero."""
    rows, width = x.shape
    target = np.eye(classes)[y]
    weight = (rows / (classes * np.maximum(target.sum(axis=0), 1.0)))[y]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w = flat[: width * classes].reshape(width, classes)
        b = flat[width * classes :]
        logits = x @ w + b
        logits -= logits.max(axis=1, keepdims=True)
        log_odds = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        error = (np.exp(log_odds) - target) * weight[:, None]
        value = -(weight * (log_odds * target).sum(axis=1)).sum() * looseness + 0.5 * (w * w).sum()
        gradient = np.concatenate([(looseness * (x.T @ error) + w).ravel(), looseness * error.sum(axis=0)])
        return float(value), gradient

    start = np.zeros(width * classes + classes)
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 80}).x
    return best[: width * classes].reshape(width, classes), best[width * classes :]


def main() -> None:
    """Fits and writes the weights beside this file."""
    phrases = exemplars()
    weights = fit(phrases, embedded(phrases))
    np.savez_compressed(Path(__file__).with_name("weights.npz"), **weights)  # type: ignore[arg-type]  # its stubs take every keyword for `allow_pickle`


if __name__ == "__main__":
    main()
