"""The phrases that understanding is set on (`tune`) and measured with (`heldout`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from joyvl_core.models.embedded.understanding import Understanding
from joyvl_core.models.embedded.wishes import Intent, Sureness


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase and what is meant by it."""

    text: str
    language: str
    intent: Intent


@dataclass(frozen=True, slots=True)
class Score:
    """Counts over a set: `scope` leaves out what is no wish at all."""

    phrases: int
    scope: int
    acted: int
    wrong: int
    asked: int
    asked_right: int

    def row(self) -> str:
        return (
            f"n {self.phrases}  acted on {self.acted / self.scope:.1%}  wrongly {self.wrong / self.phrases:.1%}  "
            f"asked back {self.asked} (the right thing: {self.asked_right})"
        )


def phrases(name: str, language: str) -> list[Phrase]:
    """The phrases of a set in one language."""
    found: list[Phrase] = []
    intent = Intent.OTHER
    for line in Path(__file__).with_name(f"{name}.{language}.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            intent = Intent(line.strip("[]"))
        elif line and not line.startswith("#"):
            found.append(Phrase(line, language, intent))
    return found


def score(understanding: Understanding, said: list[Phrase]) -> Score:
    """Reads every phrase with nothing running and counts what became of it."""
    acted = wrong = asked = asked_right = 0
    for phrase in said:
        reading = understanding.read(phrase.text, language=phrase.language)
        right = reading.wish.intent is phrase.intent
        if reading.sureness is Sureness.SURE:
            acted += phrase.intent is not Intent.OTHER
            wrong += not right
        elif reading.sureness is Sureness.ASK:
            asked += 1
            asked_right += right
    scope = sum(phrase.intent is not Intent.OTHER for phrase in said)
    return Score(len(said), scope, acted, wrong, asked, asked_right)
