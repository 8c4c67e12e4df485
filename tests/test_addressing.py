import pytest
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.addressing import Addressed, Addressing, command

NAMES = Addressing("JoyVL (AI)")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("@bot count the cars", Addressed("count the cars", True)),
        ("@Bot, count the cars", Addressed("count the cars", True)),
        ("count the cars @bot", Addressed("count the cars", True)),
        ("@JoyVL (AI) what did you see?", Addressed("what did you see?", True)),
        ("bot: 数一数经过的汽车", Addressed("数一数经过的汽车", True)),
        ("hey bot, be quiet", Addressed("be quiet", True)),
        ("＠bot别数了", Addressed("别数了", True)),
        ("the bot is nice", Addressed("the bot is nice", False)),
        ("@bottle count", Addressed("@bottle count", False)),
        ("@joyvl what did you see?", Addressed("what did you see?", True)),
        ("你好@bot 数车", Addressed("你好 数车", True)),
        ("mail me at a@bot.org", Addressed("mail me at a@bot.org", False)),
        ("mail me at a@bottom.org", Addressed("mail me at a@bottom.org", False)),
    ],
)
def test_a_mention_says_who_is_meant(line, meant):
    assert NAMES.read(line) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Leave!", "leave"),
        ("please leave", "leave"),
        ("离开。", "leave"),
        ("mute", "mute"),
        ("leave it to me", None),
        ("", None),
    ],
)
def test_plain_commands_are_taken_word_for_word(text, meant):
    assert command(text) == meant


@given(st.text())
def test_any_line_is_read(text):
    read = NAMES.read(text)
    assert isinstance(read.to_bot, bool)
    command(read.text)
