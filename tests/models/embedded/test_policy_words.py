"""Nouns, colours, phrases, and what waits to be said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.models.embedded.policy import Priority, Utterance, colours, nouns, phrases
from joyvl_core.models.embedded.policy.judging import applies
from joyvl_core.models.embedded.policy.pending import Pending
from joyvl_core.models.embedded.wishes import Category, Intent, Wish


def about(thing: str, category: Category = Category.ANYTHING, language: str = "en") -> Wish:
    return Wish(Intent.APPEAR, language, "", object=thing, category=category)


@pytest.mark.parametrize(
    ("thing", "category", "a", "the", "three"),
    [
        ("vehicle", Category.VEHICLE, "a white vehicle", "the white vehicle", "3 vehicles"),
        ("red cars", Category.VEHICLE, "a white car", "the white car", "3 cars"),
        ("the buses", Category.VEHICLE, "a white bus", "the white bus", "3 buses"),
        ("someone", Category.PERSON, "somebody", "somebody", "3 people"),
        ("people", Category.PERSON, "somebody", "somebody", "3 people"),
        ("the person at the door", Category.PERSON, "somebody", "somebody", "3 people"),
        ("men", Category.PERSON, "a white man", "the white man", "3 men"),
        ("puppies", Category.ANIMAL, "a white puppy", "the white puppy", "3 puppies"),
        ("anything", Category.ANYTHING, "something white", "something white", "3 things"),
        ("", Category.VEHICLE, "a white vehicle", "the white vehicle", "3 vehicles"),
    ],
)
def test_english_nouns(thing: str, category: Category, a: str, the: str, three: str) -> None:
    wish = about(thing, category)
    assert (nouns.a_thing(wish, "white"), nouns.the_thing(wish, "white"), nouns.several(wish, 3)) == (a, the, three)


@pytest.mark.parametrize(
    ("thing", "category", "a", "the", "three"),
    [
        ("汽车", Category.VEHICLE, "一辆白色的汽车", "那辆白色的汽车", "3辆汽车"),
        ("红色的车", Category.VEHICLE, "一辆白色的车", "那辆白色的车", "3辆车"),
        ("有人", Category.PERSON, "有人", "有人", "3个人"),
        ("人", Category.PERSON, "有人", "有人", "3个人"),
        ("一只狗", Category.ANIMAL, "一只白色的狗", "那只白色的狗", "3只狗"),
        ("东西", Category.OBJECT, "一个白色的东西", "那个白色的东西", "3个东西"),
    ],
)
def test_chinese_nouns(thing: str, category: Category, a: str, the: str, three: str) -> None:
    wish = about(thing, category, "zh")
    assert (nouns.a_thing(wish, "white"), nouns.the_thing(wish, "white"), nouns.several(wish, 3)) == (a, the, three)


@given(
    st.text(max_size=60), st.sampled_from(Category), st.sampled_from(["en", "zh"]), st.sampled_from(["", "red", "??"])
)
def test_any_object_gives_words(thing: str, category: Category, language: str, colour: str) -> None:
    wish = about(thing, category, language)
    assert nouns.a_thing(wish, colour)
    assert nouns.the_thing(wish, colour)
    assert nouns.several(wish, 2).startswith("2")


@pytest.mark.parametrize(
    ("asked", "seen", "fit"),
    [
        ("", "red", True),
        ("red", "dark red", True),
        ("light blue", "blue", True),
        ("light blue", "dark blue", False),
        ("gray", "silver", True),
        ("red", "white", False),
        ("red", "", False),
    ],
)
def test_colours_that_are_meant_by_a_name(asked: str, seen: str, fit: bool) -> None:
    assert colours.fits(asked, seen) is fit


def test_colours_have_chinese_names() -> None:
    assert [colours.in_chinese(c) for c in ("red", "light blue", "gray", "silver", "")] == [
        "红色",
        "浅蓝色",
        "灰色",
        "银色",
        "",
    ]


def test_every_phrase_exists_in_both_languages() -> None:
    assert all(set(wordings) == {"en", "zh"} for wordings in phrases._LINES.values())


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0.2, "0 seconds", "0秒"),
        (1, "1 second", "1秒"),
        (60, "1 minute", "1分钟"),
        (65, "1 minute 5 seconds", "1分5秒"),
        (7_320, "2 hours 2 minutes", "2小时2分钟"),
    ],
)
def test_durations_in_words(seconds: float, english: str, chinese: str) -> None:
    assert (phrases.duration(seconds, "en"), phrases.duration(seconds, "zh")) == (english, chinese)


def test_the_clock_of_a_player() -> None:
    assert [phrases.clock(t) for t in (4.5, 59.6, 3_661)] == ["0:05", "1:00", "1:01:01"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [("NO", False), ("No.", False), ("no, nothing burns", False), ("不", False), ("", False), ("Now it burns!", True)],
)
def test_what_a_delegate_answers_to_a_standing_question(answer: str, said: bool) -> None:
    assert applies(answer) is said


def utterance(text: str, priority: Priority = Priority.COUNT, born: float = 0.0, **more: bool) -> Utterance:
    return Utterance(text, priority, born, instruction="i1", **more)


def test_the_most_urgent_is_said_first_and_equals_in_their_order() -> None:
    pending = Pending()
    pending.add([utterance("1"), utterance("2"), utterance("hey", Priority.REPLY)])
    assert [u.text for _ in range(4) if (u := pending.next(1.0))] == ["hey", "1", "2"]


def test_late_numbers_give_way_to_the_newest_total_which_is_never_lost() -> None:
    pending = Pending()
    pending.add([utterance("1", total=True), utterance("2", total=True), utterance("old", Priority.ALERT)])
    assert [u.text for _ in range(3) if (u := pending.next(60.0))] == ["2"]


@given(st.lists(st.tuples(st.sampled_from(Priority), st.floats(0, 100)), max_size=80))
def test_what_waits_is_bounded_and_comes_out_by_urgency(offered: list[tuple[Priority, float]]) -> None:
    pending = Pending(limit=8)
    pending.add(utterance(str(i), priority, born) for i, (priority, born) in enumerate(offered))
    assert len(pending) <= 8
    out = []
    while (chosen := pending.next(0.0)) is not None:
        out.append(chosen.priority)
    assert out == sorted(out, reverse=True)
