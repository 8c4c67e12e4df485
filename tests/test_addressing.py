import pytest
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.addressing import Addressed, Addressing, Forget, cancelled_ticket, command, forgetting

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


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("forget the last ten minutes", Forget(600.0)),
        ("Please forget the last 90 seconds.", Forget(90.0)),
        ("forget the past hour", Forget(3_600.0)),
        ("forget what you saw in the last half an hour", Forget(1_800.0)),
        ("erase everything from the last two hours", Forget(7_200.0)),
        ("forget everything!", Forget()),
        ("忘掉最近十分钟", Forget(600.0)),
        ("请忘掉过去半小时的内容吧。", Forget(1_800.0)),
        ("把最近五分钟的内容都忘掉", Forget(300.0)),
        ("忘记刚才的两分钟", Forget(120.0)),
        ("忘掉一切", Forget()),
        ("全部忘掉", Forget()),
        ("forget about the cars", None),
        ("forget it", None),
        ("don't forget the last ten minutes", None),
        ("forget the last ten cars", None),
        ("forget the first ten minutes", None),
        ("forget the next ten minutes", None),
        ("ten minutes", None),
        ("别忘了看门", None),
        ("忘掉前十分钟", None),
        ("不要忘掉最近十分钟", None),
        ("别把最近十分钟忘掉", None),
        ("", None),
    ],
)
def test_what_is_to_be_forgotten_is_taken_word_for_word(text, meant):
    assert forgetting(text) == meant


@given(st.text())
def test_any_line_is_read(text):
    read = NAMES.read(text)
    assert isinstance(read.to_bot, bool)
    command(read.text)
    forgetting(read.text)


@pytest.mark.parametrize(
    ("text", "ticket"),
    [("cancel d3", "d3"), ("Please cancel question D12.", "d12"), ("取消 d3", "d3"), ("取消d3。", "d3")],
)
def test_a_delegation_is_cancelled_by_its_id(text: str, ticket: str):
    assert cancelled_ticket(text) == ticket


@pytest.mark.parametrize("text", ["cancel", "cancel i3", "cancel that", "don't cancel d3", "取消"])
def test_nothing_else_cancels_a_delegation(text: str):
    assert cancelled_ticket(text) is None
