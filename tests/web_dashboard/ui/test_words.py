"""Every word that a page says is there, in both languages, and says the same with the same values."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import web_dashboard.ui
from web_dashboard.ui import pages
from web_dashboard.ui.shell import PAGES
from web_dashboard.ui.words import say, words

_UI = Path(web_dashboard.ui.__file__).parent
_VALUE = re.compile(r"\{(\w+)")
_MAY_BE_EMPTY = re.compile(r"field\..*\.what")


def _used() -> set[str]:
    """Keys that the pages' code names in full: first arguments of `t` and of `say`, and those of navigation."""
    keys = set()
    for file in _UI.rglob("*.py"):
        if "words" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("t", "word") and node.args and isinstance(node.args[0], ast.Constant):
                keys.add(str(node.args[0].value))
    return keys


def test_every_key_that_a_page_uses_is_there() -> None:
    assert _used()
    assert not _used() - set(words())


def test_every_page_has_a_name() -> None:
    pages.load()
    assert {page.path for page in PAGES} >= {"/", "/profiles", "/system", "/account", "/sessions/{session}"}
    assert len({page.path for page in PAGES}) == len(PAGES)


@pytest.mark.parametrize("key", sorted(words()))
def test_both_languages_say_it_with_the_same_values(key: str) -> None:
    english, chinese = words()[key]
    assert chinese
    assert english or _MAY_BE_EMPTY.fullmatch(key)
    if not _MAY_BE_EMPTY.fullmatch(key):
        assert set(_VALUE.findall(english)) == set(_VALUE.findall(chinese))


def test_values_stay_as_they_are() -> None:
    assert say("en", "overview.open", title="{x} <b>") == "Open {x} <b>"
    with pytest.raises(KeyError):
        say("en", "nothing")
