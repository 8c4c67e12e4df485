"""What people say, end to end through the model with its own understanding: wishes made, changed and ended."""

from __future__ import annotations

import pytest

from joyvl_core.models.embedded.percepts import PerceptKind
from joyvl_core.models.embedded.understanding import Understanding
from joyvl_core.observation import Request
from tests.models.embedded.asking import Talk
from tests.models.embedded.scripted import came, left, saw, thing


@pytest.fixture(scope="module")
def understanding() -> Understanding:
    return Understanding()


def test_greeting_and_goodbye_are_one_wish(understanding: Understanding) -> None:
    talk = Talk(understanding, [came(1, 3.0), left(1, 8.0)])
    reply = talk.says(0.0, "greet people and say goodbye when they leave")
    assert reply == 'I will say "hello" when somebody appears, and "goodbye" when somebody leaves.'
    assert [text for _, text in talk.run(1, 12)] == ["Hello!", "Goodbye!"]


def test_greeting_and_goodbye_in_chinese(understanding: Understanding) -> None:
    talk = Talk(understanding, [came(1, 3.0), left(1, 8.0)])
    assert talk.says(0.0, "来人打招呼，走的时候说再见") == "有人出现时我会说“你好”，有人离开时说“再见”。"
    assert [text for _, text in talk.run(1, 12)] == ["你好！", "再见！"]


def test_a_total_at_the_end_can_be_asked_for(understanding: Understanding) -> None:
    talk = Talk(understanding, [came(1, 3.0), came(2, 6.0)])
    assert talk.says(0.0, "count the cars and tell me the total at the end") == (
        "I will count the cars that pass. Ask me for the total at any time."
    )
    assert [text for _, text in talk.run(1, 10)] == ["1", "2"]
    assert talk.says(10.0, "what's the total?") == "2 cars so far."


@pytest.mark.parametrize(
    ("wish", "line"),
    [
        (
            "count the cars and the bikes separately",
            "I will count the cars and bikes that pass, all together: I cannot tell them apart.",
        ),
        ("分别数汽车和自行车", "我会数经过的汽车和自行车，一起数：我分不清它们。"),
    ],
)
def test_what_cannot_be_told_apart_is_counted_together_and_that_is_said(
    understanding: Understanding, wish: str, line: str
) -> None:
    talk = Talk(understanding, [came(1, 3.0), came(2, 6.0)])
    assert talk.says(0.0, wish) == line
    assert [text for _, text in talk.run(1, 10)] == ["1", "2"]


@pytest.mark.parametrize(
    ("hush", "seconds", "talk_again"),
    [
        ("be quiet for five minutes", 300.0, "you can talk again"),
        ("安静五分钟", 300.0, "可以说话了"),
        ("shh", None, "unmute yourself"),
        ("先别说话", None, "继续说吧"),
    ],
)
def test_quiet_and_talk_again(understanding: Understanding, hush: str, seconds: float | None, talk_again: str) -> None:
    talk = Talk(understanding)
    talk.says(1.0, hush)
    assert talk.last is not None
    assert talk.last.requests == (Request("quiet", seconds),)
    talk.says(2.0, talk_again)
    assert talk.last.requests == (Request("talk"),)


@pytest.mark.parametrize("words", ["please leave the call", "you can go now, thanks", "请退出通话", "你可以走了"])
def test_it_is_asked_to_leave(understanding: Understanding, words: str) -> None:
    talk = Talk(understanding)
    assert talk.says(1.0, words) in ("OK, I am leaving. Bye!", "好的，我走了。再见！")
    assert talk.last is not None
    assert talk.last.requests == (Request("leave"),)


@pytest.mark.parametrize("words", ["stop everything", "cancel all of it", "全部取消", "都停了吧"])
def test_everything_is_cancelled_at_once(understanding: Understanding, words: str) -> None:
    talk = Talk(understanding, [came(1, 9.0)])
    for t, wish in enumerate(("count the cars that pass", "say hi every 20 seconds", "tell me when a dog shows up")):
        talk.says(float(t), wish)
        talk.says(t + 0.5)
    assert len(talk.wishes) == 3
    talk.says(4.0, words)
    assert talk.wishes == []
    assert talk.run(5, 60) == []


def test_an_interval_is_changed(understanding: Understanding) -> None:
    talk = Talk(understanding)
    talk.says(0.0, 'say "still here" every 10 seconds')
    assert talk.run(0.5, 11) == [(10.0, "still here")]
    assert talk.says(12.0, "make that every 20 seconds") == 'I will say "still here" every 20 seconds.'
    assert talk.run(12.5, 53) == [(32.0, "still here"), (52.0, "still here")]


def test_a_quote_is_changed(understanding: Understanding) -> None:
    talk = Talk(understanding)
    talk.says(0.0, 'say "drink" every 10 seconds')
    talk.says(0.5)
    assert talk.says(1.0, 'say "stretch" instead') == 'I will say "stretch" every 10 seconds.'
    assert talk.run(1.5, 22) == [(11.0, "stretch"), (21.0, "stretch")]


def test_a_thing_is_changed(understanding: Understanding) -> None:
    talk = Talk(understanding, [came(1, 5.0, "blue"), came(2, 15.0, "red")])
    talk.says(0.0, "tell me when a blue car shows up")
    assert [text for _, text in talk.run(0.5, 10)] == ["A blue car is here."]
    assert talk.says(11.0, "look for red cars rather than blue ones") == "I will tell you when a red car appears."
    assert [text for _, text in talk.run(11.5, 20)] == ["A red car is here."]


def test_a_thing_is_changed_in_chinese(understanding: Understanding) -> None:
    talk = Talk(understanding, [came(1, 5.0, "blue"), came(2, 15.0, "red")])
    talk.says(0.0, "蓝色的车来了告诉我")
    assert [text for _, text in talk.run(0.5, 10)] == ["来了一辆蓝色的车。"]
    assert talk.says(11.0, "不是蓝色的车，是红色的车") == "红色的车出现时我会告诉你。"
    assert [text for _, text in talk.run(11.5, 20)] == ["来了一辆红色的车。"]


def test_the_last_one_out_is_told_once(understanding: Understanding) -> None:
    talk = Talk(understanding, [came(1, 2.0), came(2, 2.5), left(1, 5.0), left(2, 8.0)])
    talk.eyes.there = [(2.0, 5.0, thing(1)), (2.5, 8.0, thing(2))]
    assert talk.says(0.0, "ping me once everybody has left") == "I will tell you when everybody leaves."
    assert [text for _, text in talk.run(0.5, 15)] == ["Everyone is gone."]


@pytest.mark.parametrize(
    ("wish", "line"),
    [
        ("I left my laptop here, tell me if it disappears", "I will tell you when your laptop is taken away."),
        ("我的电脑被拿走了就告诉我", "你的电脑被拿走时我会告诉你。"),
    ],
)
def test_only_what_is_taken_is_told_where_only_that_is_asked(
    understanding: Understanding, wish: str, line: str
) -> None:
    talk = Talk(understanding, [saw(PerceptKind.PUT, 3.0), saw(PerceptKind.TAKEN, 6.0)])
    assert talk.says(0.0, wish) == line
    assert len(talk.run(1, 10)) == 1


def test_a_slip_of_the_keys_is_understood(understanding: Understanding) -> None:
    talk = Talk(understanding)
    assert talk.says(0.0, "cuont the cras that pas by pls") == "I will count the cars that pass."
    assert talk.says(1.0, "tel me wen sombody apears") == "I will tell you when somebody appears."
