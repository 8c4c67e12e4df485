"""Durations are read by grammar, with what they are for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.models.embedded.understanding.durations import Role, durations


@pytest.mark.parametrize(
    ("text", "seconds", "role"),
    [
        ("say the time every 5 seconds", 5, Role.EVERY), ("two and a half minutes", 150, Role.PLAIN),
        ("in the past hour", 3600, Role.PAST), ("in half an hour tell me", 1800, Role.IN),
        ("every quarter of an hour", 900, Role.EVERY), ("once a minute", 60, Role.EVERY),
        ("an hour and a half", 5400, Role.PLAIN), ("in 1 minute 30 seconds", 90, Role.IN), ("1h30m", 5400, Role.PLAIN),
        ("every other minute", 120, Role.EVERY), ("in the last ten minutes", 600, Role.PAST),
        ("5 minutes ago", 300, Role.PAST), ("set a timer for 3 minutes", 180, Role.IN),
        ("a hundred and twenty seconds", 120, Role.PLAIN), ("every twenty-five seconds", 25, Role.EVERY),
    ],
)  # fmt: skip
def test_english_durations(text: str, seconds: float, role: Role) -> None:
    assert [(d.seconds, d.role) for d in durations(text, "en")] == [(seconds, role)]


@pytest.mark.parametrize(
    ("text", "seconds", "role"),
    [
        ("一刻钟后叫我", 900, Role.IN), ("两分半", 150, Role.PLAIN), ("每隔一刻钟", 900, Role.EVERY),
        ("两个半小时", 9000, Role.PLAIN), ("半小时后", 1800, Role.IN), ("每分钟报一次时间", 60, Role.EVERY),
        ("一分钟说一次你好", 60, Role.EVERY), ("过30秒说", 30, Role.IN), ("接下来五分钟什么都不要说", 300, Role.FOR),
        ("过去十分钟", 600, Role.PAST), ("一分三十秒后", 90, Role.IN), ("三刻钟", 2700, Role.PLAIN),
    ],
)  # fmt: skip
def test_chinese_durations(text: str, seconds: float, role: Role) -> None:
    assert [(d.seconds, d.role) for d in durations(text, "zh")] == [(seconds, role)]


@pytest.mark.parametrize("text", ["the second car", "every second car", "tell me the second a dog appears", "the hour"])
def test_a_second_that_is_no_time_is_no_duration(text: str) -> None:
    assert durations(text, "en") == []


@given(st.text(max_size=120), st.sampled_from(["en", "zh"]))
def test_any_text_can_be_searched(text: str, language: str) -> None:
    for duration in durations(text, language):
        assert duration.seconds > 0
