"""Patterns and word lists that are data, read once from `wordlists.toml`."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=1)
def _data() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files(__package__).joinpath("wordlists.toml").read_text("utf-8"))


def pattern(module: str, name: str) -> re.Pattern[str]:
    """One pattern."""
    return re.compile(_data()[module][name])


def words(module: str, name: str) -> frozenset[str]:
    """A set of words."""
    return frozenset(_data()[module][name].split())


def lists(module: str, name: str) -> list[str]:
    """Several patterns, in order."""
    return list(_data()[module][name])


def patterns(module: str, name: str) -> dict[str, str]:
    """Patterns by what they stand for, in order."""
    return dict(_data()[module][name])


def texts(module: str, name: str) -> dict[str, str]:
    """Words with the words they stand for."""
    return dict(_data()[module][name])


def numbers(module: str, name: str) -> dict[str, int]:
    """Words with the numbers they stand for."""
    return dict(_data()[module][name])
