"""Questions about what was seen, in people's own words, answered right to a second."""

from __future__ import annotations

import pytest

from joyvl_core.models.embedded.percepts import PerceptKind
from joyvl_core.models.embedded.understanding import Understanding
from tests.models.embedded.asking import Talk
from tests.models.embedded.scripted import came, left, saw, thing


@pytest.fixture(scope="module")
def understanding() -> Understanding:
    return Understanding()


@pytest.fixture(scope="module")
def road(understanding: Understanding) -> Talk:
    """Forty seconds of a road: three cars and two texts are over, the fourth car is there since 0:25."""
    talk = Talk(
        understanding,
        [
            came(1, 4.5, "white"), left(1, 8.7, "white"), came(2, 14.3, "light blue"), came(3, 14.8, "red"),
            left(2, 18.2, "light blue"), left(3, 18.8, "red"), saw(PerceptKind.TEXT, 20.0, "EXIT 12"),
            saw(PerceptKind.TEXT, 22.0, "Welcome"), came(4, 25.2, "white"),
        ],
    )  # fmt: skip
    talk.eyes.there = [(25.2, 999.0, thing(4, 25.2, "white"))]
    talk.says(0.0, "count the cars that pass")
    talk.run(0.5, 40)
    return talk


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("how many so far?", "4 cars so far."),
        ("how many red cars did you see?", "1 red car so far."),
        ("到现在过了几辆车", "到现在4辆车。"),
        ("when did the first car come?", "The white car came at 0:05, 36 seconds ago."),
        ("when did the second car come?", "The light blue car came at 0:14, 26 seconds ago."),
        ("when did the last car come?", "The white car came at 0:25, 15 seconds ago."),
        ("when did the red car come?", "The red car came at 0:15, 25 seconds ago."),
        ("when did the blue car come?", "The blue car came at 0:14, 26 seconds ago."),
        ("when did the second car leave?", "The light blue car left at 0:18, 22 seconds ago."),
        ("when did the fourth car leave?", "It is still there."),
        ("when did the ninth car come?", "I have not seen that."),
        ("has the red car left yet?", "The red car left at 0:19, 21 seconds ago."),
        ("第二辆车什么时候来的", "那辆浅蓝色的车是0:14来的，26秒前。"),
        ("最后一辆车什么时候来的", "那辆白色的车是0:25来的，15秒前。"),
        ("浅蓝色的车几点走的", "那辆浅蓝色的车是0:18走的，22秒前。"),
        ("红色的车走了吗", "那辆红色的车是0:19走的，21秒前。"),
        ("how long was the red car there?", "For 4 seconds, from 0:15 to 0:19."),
        ("how long has the white car been there?", "For 15 seconds, since 0:25."),
        ("红色的车停了多久", "4秒，从0:15到0:19。"),
        ("how long has it been since the last one?", "15 seconds, since 0:25."),
        ("how long has it been since the last car left?", "21 seconds, since 0:19."),
        ("离上一辆车多久了", "15秒了，从0:25算起。"),
        ("is anybody there now?", "1 person right now."),
        ("现在有人吗", "现在有1个人。"),
        ("what did you see in the last 10 seconds?", "Nothing has happened in the last 10 seconds."),
        (
            "what did you see in the last 19 seconds?",
            "1 thing came (white 0:25) and I read “Welcome” in the last 19 seconds.",
        ),
        ("最近19秒你看到了什么", "过去19秒来了1个（白色 0:25）、读到“Welcome”。"),
        ("what was the last text you saw?", "I read “Welcome” at 0:22, 18 seconds ago."),
        ("最后看到的文字是什么", "0:22读到“Welcome”，18秒前。"),
    ],
)  # fmt: skip
def test_a_question_is_answered_to_the_second(road: Talk, question: str, answer: str) -> None:
    assert road.says(40.0, question) == answer


def test_did_anything_happen_tells_what(road: Talk) -> None:
    assert road.says(40.0, "did anything happen?").startswith("4 things came (white 0:05, light blue 0:14, ")
    assert road.says(40.0, "发生什么事了吗").startswith("来了4个（白色 0:05、浅蓝色 0:14、")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("when did that happen?", "Something red came at 0:15, 25 seconds ago."),
        ("how long was it there?", "For 4 seconds, from 0:15 to 0:19."),
        ("它在那儿待了多久", "4秒，从0:15到0:19。"),
    ],
)
def test_it_is_what_was_spoken_of_last(road: Talk, question: str, answer: str) -> None:
    road.says(40.0, "when did the red car come?")
    assert road.says(40.0, question) == answer


def test_nothing_seen_and_nothing_read_are_said_plainly(understanding: Understanding) -> None:
    talk = Talk(understanding)
    assert talk.says(60.0, "is anybody there now?") == "Nobody that I can see."
    assert talk.says(60.0, "how many so far?") == "None so far."
    assert talk.says(60.0, "did anything happen in the last minute?") == "Nothing has happened in the last minute."
    assert talk.says(60.0, "what was the last text you saw?") == "I have read nothing. I read only while I am asked to."
    assert talk.says(60.0, "现在有人吗") == "我没看到人。"
