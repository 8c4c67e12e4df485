"""Reads what people ask: grammar first, then meaning, then how sure that is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from joyvl_core.errors import UnavailableError
from joyvl_core.models.embedded import cues
from joyvl_core.models.embedded.understanding import phrases
from joyvl_core.models.embedded.understanding.classifier import Guess, normal, shipped
from joyvl_core.models.embedded.understanding.dialogue import meant, merged
from joyvl_core.models.embedded.understanding.durations import durations
from joyvl_core.models.embedded.understanding.embedder import SentenceEmbedder
from joyvl_core.models.embedded.understanding.grammar import certain, core
from joyvl_core.models.embedded.understanding.slots import fill
from joyvl_core.models.embedded.understanding.spelling import corrected
from joyvl_core.models.embedded.understanding.wording import clean, language_of, unquoted
from joyvl_core.models.embedded.understanding.wordlists import pattern
from joyvl_core.models.embedded.wishes import Intent, Reading, Running, Sureness, Wish
from joyvl_core.ports import TextEmbedder

log = logging.getLogger(__name__)

_SURE = 0.33
"""From this lead on the best guess is acted on. Set on `tests/wishes/tune.*.txt` for under 5 % wrong acts."""
_ASK = 0.10
"""Below this lead not even a question is worth asking."""
_OVERRULES = 0.40
"""From this lead on a guess counts more than a rule that says otherwise."""
_FIRM = (Intent.TIME_EVERY, Intent.TIME_IN, Intent.CANCEL, Intent.CHANGE)
"""What times and words of ending say is rarely meant otherwise; meaning alone is weak there."""
_SAYS_MORE = {
    Intent.GREET: (Intent.GREET, Intent.LEAVE),
    Intent.COUNT_PASSING: (Intent.COUNT_SO_FAR, Intent.COUNT_PASSING),
    Intent.COUNT_STANDING: (Intent.COUNT_SO_FAR, Intent.COUNT_STANDING),
}
"""What a second half may say more about the same wish: "greet people and say goodbye when they leave"."""
_JOINTS_EN = pattern("reading", "joints_en")
_JOINTS_ZH = pattern("reading", "joints_zh")


class Understanding:
    """Reads wishes. Thread-safe; one instance serves every session."""

    def __init__(self, embedder: TextEmbedder | None = None) -> None:
        self._embedder: TextEmbedder = embedder or SentenceEmbedder()
        self._lock = threading.Lock()
        self._limits = ""

    @property
    def limits(self) -> str:
        """What is missing for full understanding, in one line with the fix; "" when nothing is."""
        return self._limits

    def warm(self) -> None:
        """Loads everything, so that the first wish is read as quickly as the later ones."""
        self._guess("count the cars", "en")

    def can_do(self, language: str) -> str:
        """One line that lists what can be asked, for wishes that stay unclear."""
        return phrases.can_do(language)

    def read(self, text: str, *, running: Sequence[Running] = (), language: str = "en") -> Reading:
        """Reads one wish or question. Any text gives a reading; long text is read from its beginning.

        Of two wishes in one line the first is read, and `understood` names what was left out.

        Args:
            text: What was said or typed.
            running: What is being served now, oldest first: it decides what "stop that" means.
            language: The session's language, for text that is in none.
        """
        language = "zh" if language == "zh" else "en"
        cleaned = clean(text)
        spoken = language_of(cleaned, language)
        if not spoken:
            return _unclear(Wish(Intent.OTHER, language, cleaned, standing=False))
        if spoken == "en":
            cleaned = corrected(cleaned)
        first, second = self._halves(cleaned, spoken)
        reading = self._read_one(first, spoken, running)
        if second and reading.sureness is not Sureness.UNCLEAR:
            return replace(reading, understood=f"{reading.understood} {phrases.left_out(second, spoken)}")
        return self._read_one(cleaned, spoken, running) if second else reading

    def _halves(self, text: str, language: str) -> tuple[str, str]:
        """The text as two wishes, where each half is certain to be one, else the whole and ""."""
        if _certain(text, language) in (Intent.CHANGE, Intent.CANCEL):
            return text, ""
        for joint in (_JOINTS_ZH if language == "zh" else _JOINTS_EN).finditer(text):
            first, second = text[: joint.start()].strip(" ,，"), text[joint.end() :].strip()
            kinds = _certain(first, language), _certain(second, language)
            if kinds[0] in _SAYS_MORE and (
                kinds[1] in _SAYS_MORE[kinds[0]] or cues.goodbye(second.lower()) or cues.at_the_end(second.lower())
            ):
                return text, ""
            if None not in kinds and kinds[0] is not kinds[1]:
                return first, second
        return text, ""

    def _read_one(self, text: str, language: str, running: Sequence[Running]) -> Reading:
        ruled = _certain(text, language)
        guess = self._guess(text, language)
        if guess is None:
            if ruled is None:
                return _unclear(_wish(Intent.OTHER, text, language))
            return _settle(_wish(ruled, text, language), Sureness.SURE, None, 1.0, running)
        best, second, margin = guess.ranked[0][0], guess.ranked[1][0], guess.margin
        if ruled is best:
            # Grammar and meaning come to it by different ways: together they are sure even of a narrow lead.
            return _settle(_wish(best, text, language), Sureness.SURE, second, margin, running)
        if ruled in _FIRM and margin < _OVERRULES:
            return _settle(_wish(ruled, text, language), Sureness.SURE, best, margin, running)
        if ruled is not None and margin < _OVERRULES:
            return _settle(_wish(ruled, text, language), Sureness.ASK, best, 0.0, running)
        sureness = Sureness.SURE if margin >= _SURE else Sureness.ASK if margin >= _ASK else Sureness.UNCLEAR
        return _settle(_wish(best, text, language), sureness, second, margin, running)

    def _guess(self, text: str, language: str) -> Guess | None:
        """What the meaning of the words suggests; None where there is no model for meaning."""
        words = normal(text, language)
        try:
            vector = np.asarray(self._embedder.embed([words])[0], np.float32)
        except UnavailableError as error:
            with self._lock:
                if not self._limits:
                    self._limits = f"Only plain wording is understood: {error} {error.hint}".strip()
                    log.warning("%s", self._limits)
            return None
        return shipped().guess(words, vector, language)


def _certain(text: str, language: str) -> Intent | None:
    bare = core(unquoted(text), language)
    return certain(bare, language, durations(bare, language))


def _wish(intent: Intent, text: str, language: str) -> Wish:
    return fill(intent, text, language, durations(unquoted(text), language))


def _unclear(wish: Wish, runner_up: Intent | None = None, margin: float = 0.0) -> Reading:
    line = phrases.unclear(wish.language)
    return Reading(wish, Sureness.UNCLEAR, line, runner_up=runner_up, margin=margin)


def _settle(
    wish: Wish, sureness: Sureness, runner_up: Intent | None, margin: float, running: Sequence[Running]
) -> Reading:
    """Turns a wish and how sure it is into a reading, with what is running taken into account."""
    if wish.intent is Intent.OTHER or sureness is Sureness.UNCLEAR:
        return _unclear(wish, runner_up, margin)
    if (wish.intent is Intent.TIME_EVERY and not wish.every) or (wish.intent is Intent.TIME_IN and not wish.within):
        return replace(_unclear(wish, runner_up, margin), question=phrases.ask_when(wish.language))
    targets: tuple[Running, ...] = ()
    if wish.intent in (Intent.CANCEL, Intent.CHANGE):
        targets = meant(wish, running)
    if wish.intent is Intent.CHANGE and targets:
        wish = merged(wish, targets[0].wish)
        line = phrases.understood(wish)
    elif wish.intent in (Intent.CANCEL, Intent.CHANGE):
        line = phrases.ending(wish, [target.wish for target in targets])
    else:
        line = phrases.understood(wish)
    question = phrases.asked(line, wish.language) if sureness is Sureness.ASK else ""
    return Reading(wish, sureness, line, question, runner_up, tuple(target.id for target in targets), margin)
