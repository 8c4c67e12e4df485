"""What the pages say, in every language: one module a page, each with its `WORDS`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Final

LANGUAGES: Final = ("en", "zh")
NAMES: Final = {"en": "English", "zh": "中文"}
"""What each language calls itself."""


@cache
def words() -> dict[str, tuple[str, str]]:
    """All words by key: English, Chinese.

    Raises:
        ValueError: Two modules have the same key.
    """
    found: dict[str, tuple[str, str]] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        for key, word in importlib.import_module(f"{__name__}.{module}").WORDS.items():
            if key in found:
                raise ValueError(f"The word {key} is there twice; the second time in {module}.")
            found[key] = word
    return found


def say(language: str, key: str, **values: object) -> str:
    """The words of a key in a language, with `values` filled in.

    Raises:
        KeyError: There is no such key.
    """
    word = words()[key][LANGUAGES.index(language)]
    return word.format(**values) if values else word
