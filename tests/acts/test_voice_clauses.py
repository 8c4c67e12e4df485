from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joyvl_core.acts.clauses import clauses, weight


@settings(deadline=None)
@given(st.text(max_size=2000))
def test_the_clauses_are_the_text_and_none_is_long_or_empty(text: str) -> None:
    pieces = clauses(text)
    assert "".join(pieces) == text
    assert all(weight(piece.strip()) <= 140 for piece in pieces)
    assert not text.strip() or all(piece.strip() for piece in pieces)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello there, somebody has come in.", ["Hello there, ", "somebody has come in."]),
        ("Yes, I see two people.", ["Yes, I see two people."]),
        ("It is 12:30 and 3.5 m, at 1,200 Hz.", ["It is 12:30 and 3.5 m, ", "at 1,200 Hz."]),
        ("有人进来了，他穿着红色的衣服。再见！", ["有人进来了，", "他穿着红色的衣服。", "再见！"]),
        ("4", ["4"]),
        ("", []),
    ],
)
def test_cuts_are_where_a_speaker_breathes(text: str, expected: list[str]) -> None:
    assert clauses(text) == expected
