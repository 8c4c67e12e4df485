"""What people ask is read into wishes, in English and Chinese, and anything else stays unclear."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joyvl_core.errors import UnavailableError
from joyvl_core.models.embedded.understanding import Understanding
from joyvl_core.models.embedded.understanding.spelling import corrected
from joyvl_core.models.embedded.understanding.things import chinese_thing, english_thing
from joyvl_core.models.embedded.understanding.wording import clean, unquoted
from joyvl_core.models.embedded.wishes import Category, Intent, Running, Sureness, Wish
from tests.wishes.sets import phrases


@pytest.fixture(scope="module")
def understanding() -> Understanding:
    return Understanding()


EXACT: list[tuple[str, Intent, dict[str, object]]] = [
    ("Count the cars that pass", Intent.COUNT_PASSING, {"object": "cars", "standing": True}),
    ("数一数经过的汽车", Intent.COUNT_PASSING, {"object": "汽车", "category": Category.VEHICLE, "language": "zh"}),
    ("Tell me when a vehicle shows up", Intent.APPEAR, {"object": "vehicle", "category": Category.VEHICLE}),
    ("Say the time every 5 seconds", Intent.TIME_EVERY, {"every": 5.0, "say_time": True}),
    ("how many so far?", Intent.COUNT_SO_FAR, {"standing": False}),
    ("when did the red car come?", Intent.PAST_WHEN, {"object": "red car", "colour": "red", "event": Intent.APPEAR}),
    ("红色的车什么时候来的?", Intent.PAST_WHEN, {"colour": "red", "event": Intent.APPEAR}),
    ("一共多少了?", Intent.COUNT_SO_FAR, {"object": ""}),
    ("In 30 seconds remind me to check the oven", Intent.TIME_IN, {"within": 30.0, "topic": "check the oven"}),
    ("how long has he been there?", Intent.TIME_ELAPSED, {"category": Category.PERSON, "event": Intent.APPEAR}),
    ("what did you see", Intent.PAST_WHAT, {}),
    ("stop counting", Intent.CANCEL, {}),
    ("@bot count the cars", Intent.COUNT_PASSING, {"object": "cars"}),
    ("count the red cars", Intent.COUNT_PASSING, {"object": "red cars", "colour": "red"}),
    ("数一下红色的车", Intent.COUNT_PASSING, {"object": "红色的车", "colour": "red"}),
    ("how many people are there?", Intent.COUNT_STANDING, {"object": "people", "standing": False}),
    ("tell me whenever the number of people changes", Intent.COUNT_STANDING, {"object": "people", "standing": True}),
    ("is anyone there?", Intent.COUNT_STANDING, {"category": Category.PERSON, "standing": False}),
    ("Read me what's on the screen", Intent.READ_TEXT, {"standing": True}),
    ("what does the sign say?", Intent.READ_TEXT, {"standing": False}),
    ("when did the second car leave?", Intent.PAST_WHEN, {"ordinal": 2, "event": Intent.LEAVE}),
    ("第二辆车什么时候走的", Intent.PAST_WHEN, {"ordinal": 2, "event": Intent.LEAVE}),
    ("when did the last person come in", Intent.PAST_WHEN, {"ordinal": -1, "event": Intent.APPEAR}),
    ("上一个人什么时候走的", Intent.PAST_WHEN, {"ordinal": -1, "event": Intent.LEAVE}),
    ("What happened in the last ten minutes", Intent.PAST_WHAT, {"within": 600.0}),
    ("Every five minutes remind me to drink water", Intent.TIME_EVERY, {"every": 300.0, "topic": "drink water"}),
    ("每五分钟提醒我喝水", Intent.TIME_EVERY, {"every": 300.0, "topic": "喝水"}),
    ('Say "drink" every 20 seconds', Intent.TIME_EVERY, {"every": 20.0, "quote": "drink"}),
    ("be quiet for 5 minutes", Intent.QUIET, {"within": 300.0}),
    ("leave the call", Intent.LEAVE_ROOM, {}),
    ("say good morning to the first person who shows up", Intent.GREET, {"first": True, "quote": "good morning"}),
    ("有人进来就打招呼", Intent.GREET, {"category": Category.PERSON}),
    ("Tell me when my bag gets taken", Intent.STATIC_CHANGE, {"object": "bag"}),
    ("tell me when the fire starts", Intent.UNJUDGEABLE, {}),
    ("alert me if someone falls", Intent.UNJUDGEABLE, {}),
    ("whose dog is that", Intent.UNJUDGEABLE, {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "intent", "slots"), EXACT)
def test_a_plain_wish_is_acted_on_with_its_slots(
    understanding: Understanding, text: str, intent: Intent, slots: dict[str, object]
) -> None:
    reading = understanding.read(text)
    assert (reading.sureness, reading.wish.intent) == (Sureness.SURE, intent)
    assert {name: getattr(reading.wish, name) for name in slots} == slots
    assert reading.understood


@pytest.mark.parametrize("text", [text for text, _, _ in EXACT[:12]])
def test_case_and_punctuation_do_not_change_what_is_meant(understanding: Understanding, text: str) -> None:
    plain = understanding.read(text).wish.intent
    for other in (text.lower(), text.upper(), text.rstrip("?？"), f"{text.rstrip('?')}!!", f"  {text}  "):
        assert understanding.read(other).wish.intent is plain, other


def test_what_was_understood_is_said_in_the_language_of_the_wish(understanding: Understanding) -> None:
    assert understanding.read("Count the vehicles that pass").understood == "I will count the vehicles that pass."
    assert understanding.read("数一数经过的车").understood == "我会数经过的车。"
    assert understanding.read("Count everything that passes by").understood == "I will count what passes."


@pytest.fixture
def running(understanding: Understanding) -> tuple[Running, ...]:
    wishes = ("count the cars that pass", "every 10 seconds say still here", "tell me when a dog shows up")
    return tuple(Running(str(i), understanding.read(text).wish) for i, text in enumerate(wishes, start=1))


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("stop that", ("3",)), ("never mind", ("3",)), ("stop counting", ("1",)), ("别数了", ("1",)),
        ("cancel the reminder", ("2",)), ("stop everything", ("1", "2", "3")), ("全部取消", ("1", "2", "3")),
        ("stop telling me about the dog", ("3",)), ("别再跟我说车的事了", ("1",)), ("stop reading", ()),
    ],
)  # fmt: skip
def test_what_is_running_decides_what_stop_means(
    understanding: Understanding, running: tuple[Running, ...], text: str, targets: tuple[str, ...]
) -> None:
    reading = understanding.read(text, running=running)
    assert (reading.wish.intent, reading.targets) == (Intent.CANCEL, targets)


def test_a_change_keeps_what_it_does_not_name(understanding: Understanding, running: tuple[Running, ...]) -> None:
    for text in ("make that every 20 seconds", "make it 20 seconds", "改成每20秒一次"):
        reading = understanding.read(text, running=running)
        assert reading.targets == ("2",), text
        assert (reading.wish.intent, reading.wish.every, reading.wish.quote) == (Intent.TIME_EVERY, 20.0, "still here")


def test_a_correction_puts_the_new_thing_in_place(understanding: Understanding, running: tuple[Running, ...]) -> None:
    for text, thing in (("not cars, trucks", "trucks"), ("count the bikes instead", "bikes"), ("改数卡车", "卡车")):
        reading = understanding.read(text, running=running)
        assert (reading.targets, reading.wish.intent) == (("1",), Intent.COUNT_PASSING), text
        assert reading.wish.object == thing


def test_with_nothing_running_there_is_nothing_to_stop_or_change(understanding: Understanding) -> None:
    assert understanding.read("stop that").targets == ()
    changed = understanding.read("make it 5 seconds")
    assert (changed.wish.intent, changed.targets) == (Intent.CHANGE, ())


def test_of_two_wishes_the_first_is_served_and_the_other_named(understanding: Understanding) -> None:
    reading = understanding.read("count the cars and tell me when it gets dark")
    assert reading.wish.intent is Intent.COUNT_PASSING
    assert "tell me when it gets dark" in reading.understood


def test_a_reminder_without_a_time_is_asked_for_one(understanding: Understanding) -> None:
    reading = understanding.read("remind me to drink water")
    assert reading.sureness is Sureness.UNCLEAR
    assert reading.question


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\x00", "\ud800", "😀😀", "?!", "Cuenta los coches que pasan", "Посчитай машины", "nuqneH jIyajbe'",
        "車を数えてください", "aGVsbG8gd29ybGQgdGhpcyBpcw==", "x" * 20_000, "你好吗", "thank you very much",
    ],
)  # fmt: skip
def test_what_is_no_wish_stays_unclear(understanding: Understanding, text: str) -> None:
    assert understanding.read(text).sureness is Sureness.UNCLEAR


@settings(max_examples=60, deadline=2000)
@given(st.text(max_size=400), st.sampled_from(["en", "zh", "xx"]))
def test_any_text_gives_a_reading(understanding: Understanding, text: str, language: str) -> None:
    reading = understanding.read(text, language=language)
    assert reading.understood
    assert reading.wish.language in ("en", "zh")


class _Missing:
    def embed(self, texts: object) -> list[list[float]]:
        raise UnavailableError("It is not here.", source="test", kind="missing", hint="Install it.")


def test_without_the_sentence_model_plain_wording_is_understood_and_that_is_stated() -> None:
    understanding = Understanding(_Missing())
    assert understanding.read("Count the cars that pass").wish.intent is Intent.COUNT_PASSING
    assert understanding.read("my aunt likes tea").sureness is Sureness.UNCLEAR
    assert "Install it." in understanding.limits


def test_a_wish_read_alone_is_told_apart_from_talk_about_it(understanding: Understanding) -> None:
    running = (Running("7", Wish(Intent.COUNT_PASSING, "en", "count the cars", object="cars")),)
    assert understanding.read("we counted the cars yesterday", running=running).sureness is not Sureness.SURE


@pytest.mark.parametrize(
    ("text", "thing"),
    [
        ("tell me when the baby crawls out of the picture", "baby"),
        ("if anybody acts up tell me", "anybody"),
        ("my grandson should come by, tell me when he does", "grandson"),
        ("an orange van is supposed to come, say when it's there", "orange van"),
        ("count the police cars", "police cars"),
        ("can you count cars and bikes", "cars and bikes"),
        ("tell me when the llama spits", "llama"),
        ("tell me when the zorblax spits", "zorblax"),
        ("count the zorblaxes and tell me", "zorblaxes"),
        ("when two dogs show up tell me", "dogs"),
        ("count the blue and red cars", "cars"),
        ("let me know when you see her", "her"),
    ],
)
def test_what_a_wish_is_about_has_no_verb_left_on_it(text: str, thing: str) -> None:
    assert english_thing(text) == thing


@pytest.mark.parametrize(
    ("text", "thing"),
    [
        ("有辆紫色的公交车来了叫我", "紫色的公交车"),
        ("幻灯片换了告诉我", ""),
        ("我孙子要来，他到了告诉我", "孙子"),
        ("数汽车和自行车", "汽车和自行车"),
    ],
)
def test_what_a_chinese_wish_is_about(text: str, thing: str) -> None:
    assert chinese_thing(text) == thing


@pytest.mark.parametrize("name", ["tune", "heldout", "blind"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_understood_is_whole_words_of_what_was_said(name: str, language: str) -> None:
    thing_of = chinese_thing if language == "zh" else english_thing
    for phrase in phrases(name, language):
        said = clean(phrase.text if language == "zh" else corrected(phrase.text)).lower()
        thing = thing_of(unquoted(said))
        if language == "zh":
            assert thing in said, phrase
        else:
            words = set(re.findall(r"[a-z0-9-]+", said))
            assert set(re.findall(r"[a-z0-9-]+", thing)) <= words, phrase


@given(st.text(max_size=200))
def test_putting_slips_right_leaves_quotations_and_never_fails(text: str) -> None:
    assert corrected(f'say "{"helo wrold"}" evry minute') == 'say "helo wrold" every minute'
    corrected(text)


@pytest.mark.parametrize(
    "text", ["tell me when the jay lands", "the stoat and the hare", "count the stairs", "tell Reed"]
)
def test_words_that_are_merely_rare_are_left_alone(text: str) -> None:
    assert corrected(text) == text
