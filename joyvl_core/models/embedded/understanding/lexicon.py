"""Which words name which sort of thing, and which name a colour."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files

from joyvl_core.models.embedded.wishes import Category

_IRREGULAR = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse", "buses": "bus",
    "boxes": "box",
    "parties": "party", "puppies": "puppy", "babies": "baby", "ladies": "lady", "lorries": "lorry", "flies": "fly",
    "guys": "guy", "knives": "knife", "wolves": "wolf", "glasses": "glass", "passers-by": "passer-by",
    "families": "family", "kitties": "kitty", "bunnies": "bunny", "buddies": "buddy", "taxis": "taxi", "foxes": "fox",
}  # fmt: skip


@lru_cache(maxsize=1)
def _data() -> dict[str, dict[str, str]]:
    return tomllib.loads(files(__package__).joinpath("lexicon.toml").read_text("utf-8"))


@lru_cache(maxsize=1)
def _nouns() -> dict[str, Category]:
    data = _data()
    return {
        word: Category(sort) for side in ("en", "zh") for sort, words in data[side].items() for word in words.split()
    }


@lru_cache(maxsize=1)
def _colours() -> dict[str, str]:
    return {word: name for name, words in _data()["colours"].items() for word in words.split()}


@lru_cache(maxsize=1)
def chinese_noun() -> re.Pattern[str]:
    """Matches the longest known Chinese noun, alone in its group."""
    words = sorted({w for w in _nouns() if not w.isascii()}, key=len, reverse=True)
    return re.compile("|".join(words))


@lru_cache(maxsize=1)
def chinese_colour() -> re.Pattern[str]:
    """Matches the longest known Chinese colour name."""
    words = sorted((w for w in _colours() if not w.isascii()), key=len, reverse=True)
    return re.compile("|".join(words))


@lru_cache(maxsize=1)
def two_colours() -> re.Pattern[str]:
    """Matches "red or blue " before a noun: a wish holds one colour, so that of two neither is asked for."""
    names = "|".join(sorted((word for word in _colours() if word.isascii()), key=len, reverse=True))
    return re.compile(rf"\b(?:{names}) (?:and|or) (?:{names}) (?=[a-z])")


def singular(word: str) -> str:
    """The singular of an English noun, as far as the lexicon needs it."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _nouns():
        return word
    if word.endswith("es") and word[:-2] in _nouns():
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def category_of(word: str) -> Category | None:
    """The sort of thing a single word names; None when the lexicon doesn't know it."""
    return _nouns().get(word) or _nouns().get(singular(word))


def colour_of(text: str, language: str) -> str:
    """The first colour that the text names, as its English name, or ""."""
    colours = _colours()
    if language == "zh":
        match = chinese_colour().search(text)
        return colours[match[0]] if match else ""
    words = re.findall(r"[a-z]+", text.lower().replace("light blue", "light-blue"))
    if "light-blue" in text.lower().replace("light blue", "light-blue"):
        return "light blue"
    return next((colours[word] for word in words if word in colours), "")
