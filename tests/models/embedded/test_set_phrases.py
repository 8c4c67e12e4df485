"""Short lines that need no understanding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.models.embedded import set_phrases


@pytest.mark.parametrize("text", ["yes", "Yes, please", "ok", "对", "是的。", "好的，谢谢", "that's it"])
def test_a_yes(text: str) -> None:
    assert set_phrases.is_yes(text)
    assert set_phrases.refusal(text) is None


@pytest.mark.parametrize(
    ("text", "rest"), [("no", ""), ("不是。", ""), ("No, count the dogs", "count the dogs"), ("不对，数狗", "数狗")]
)
def test_a_no_and_what_follows_it(text: str, rest: str) -> None:
    assert set_phrases.refusal(text) == rest
    assert not set_phrases.is_yes(text)


@pytest.mark.parametrize("text", ["nobody came", "now", "not cats, dogs", "不是猫，是狗", "不用再盯着狗了", "is it?"])
def test_lines_that_only_look_like_a_no(text: str) -> None:
    assert set_phrases.refusal(text) is None


def test_other_set_phrases() -> None:
    assert [set_phrases.cancelled_id(t) for t in ("cancel i12", "取消i3", "cancel it")] == ["i12", "i3", None]
    assert set_phrases.lets_talk("you can talk again")
    assert set_phrases.lets_talk("可以说话了")
    assert not set_phrases.lets_talk("talk to me when a car comes")
    assert set_phrases.asks_time("What time is it?")
    assert set_phrases.asks_time("现在几点了？")
    assert not set_phrases.asks_time("what time did she leave?")
    assert set_phrases.thanks("thank you so much")
    assert set_phrases.without_mention("@bot: count") == "count"
    assert set_phrases.language_of("数车", "en") == "zh"


@given(st.text(max_size=80))
def test_any_line_is_read(text: str) -> None:
    set_phrases.refusal(text)
    assert not (set_phrases.is_yes(text) and set_phrases.cancelled_id(text))
    assert not set_phrases.without_mention(text).startswith(" ")
