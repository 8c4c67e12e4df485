"""On wording it has not seen, understanding acts often and seldom wrongly; its weights belong to its exemplars."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from joyvl_core.models.embedded.understanding import SentenceEmbedder, Understanding
from joyvl_core.models.embedded.understanding.classifier import normal, shipped
from joyvl_core.models.embedded.understanding.fit import exemplars, wordings
from joyvl_core.models.embedded.wishes import Intent
from tests.wishes.sets import phrases, score


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_acts_on_most_wishes_and_seldom_wrongly(language: str) -> None:
    understanding = Understanding()
    results = [score(understanding, phrases(name, language)) for name in ("tune", "blind2")]
    assert all(result.acted >= 0.75 * result.scope for result in results)
    assert sum(result.wrong for result in results) < 0.05 * sum(result.phrases for result in results)


def test_every_intent_has_enough_exemplars_in_both_languages() -> None:
    counted = Counter((exemplar.intent, exemplar.language) for exemplar in exemplars())
    assert min(counted[intent, language] for intent in Intent for language in ("en", "zh")) >= 40


def test_the_shipped_weights_were_fitted_on_the_exemplars() -> None:
    some = exemplars()[::40]
    vectors = np.asarray(SentenceEmbedder().embed([normal(e.text, e.language) for e in some]), np.float32)
    classifier = shipped()
    right = sum(
        classifier.guess(normal(e.text, e.language), vector, e.language).ranked[0][0] is e.intent
        for e, vector in zip(some, vectors, strict=True)
    )
    assert right >= 0.95 * len(some)


def test_alternatives_in_brackets_stand_for_several_wordings() -> None:
    assert wordings("stop (it|that) (now|please)") == [
        "stop it now",
        "stop it please",
        "stop that now",
        "stop that please",
    ]
    assert len(wordings("(a|b|c|d) (a|b|c|d) (a|b|c|d)")) <= 12
