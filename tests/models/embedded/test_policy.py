"""Whether and what to say: one policy for each family of wishes, on scripted percepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from joyvl_core.models.embedded.percepts import Box, Percept, PerceptKind, Thing
from joyvl_core.models.embedded.policy import Moment, Policy, Served, policy_for
from joyvl_core.models.embedded.wishes import STANDING, Category, Intent, Wish
from tests.models.embedded.scripted import came, left, saw, thing


def serve(intent: Intent, text: str = "", *, start: float = 0.0, language: str = "en", **slots: Any) -> Policy:
    return policy_for(Served("i1", Wish(intent, language, text, **slots), start))


def hears(
    policy: Policy, now: float, *percepts: Percept, present: Sequence[Thing] = (), can_delegate: bool = False
) -> list[str]:
    said = policy.propose(percepts, Moment(now, 1e9 + now, present=tuple(present), can_delegate=can_delegate))
    assert all(utterance.instruction == "i1" for utterance in said)
    return [utterance.text or utterance.question for utterance in said]


@pytest.mark.parametrize("intent", sorted(STANDING))
def test_every_standing_intent_is_served_and_silent_while_nothing_happens(intent: Intent) -> None:
    policy = serve(intent, "some wish", every=100.0 if intent is Intent.TIME_EVERY else None, within=100.0)
    assert [hears(policy, t) for t in range(10)] == [[]] * 10


CAR = {"object": "vehicle", "category": Category.VEHICLE}


def test_each_appearance_is_told_once_in_the_persons_words() -> None:
    policy = serve(Intent.APPEAR, **CAR)
    assert hears(policy, 5, came(1, 4.5, "white")) == ["A vehicle is here."]
    assert hears(policy, 6, present=[thing(1, 4.5, "white")]) == []
    assert hears(policy, 14, came(2, 13.5, "orange")) == ["A vehicle is here."]
    assert hears(policy, 15, came(3, 14.5)) == ["Another vehicle is here."]


def test_an_appearance_is_told_in_chinese() -> None:
    car = {"object": "汽车", "category": Category.VEHICLE}
    assert hears(serve(Intent.APPEAR, language="zh", **car), 5, came(1, 4.5, "light blue")) == ["来了一辆汽车。"]
    assert hears(serve(Intent.APPEAR, language="zh", object="有人", category=Category.PERSON), 5, came(1, 4.5)) == [
        "有人来了。"
    ]
    assert hears(
        serve(Intent.APPEAR, language="zh", object="狗", category=Category.ANIMAL), 5, came(1, 4.5, "black")
    ) == ["好像来了一只狗。"]


@pytest.mark.parametrize(
    ("text", "object_", "category", "who"),
    [
        ("tell me when the dog comes", "dog", Category.ANIMAL, "something, maybe the dog"),
        ("tell me when my grandson comes", "grandson", Category.PERSON, "somebody, maybe your grandson"),
        ("tell me when a woman comes", "woman", Category.PERSON, "somebody, maybe a woman"),
        ("tell me when an umbrella comes", "umbrella", Category.OBJECT, "something, maybe an umbrella"),
        ("tell me when the bus comes", "bus", Category.VEHICLE, "something, maybe the bus"),
        ("tell me when a dog or a cat comes", "dog or cat", Category.ANIMAL, "something, maybe a dog or a cat"),
        ("tell me when somebody comes", "somebody", Category.PERSON, "somebody"),
    ],
)
def test_nothing_more_is_claimed_than_was_seen(text: str, object_: str, category: Category, who: str) -> None:
    about = {"object": object_, "category": category}
    somebody, _, maybe = who.capitalize().partition(", ")
    here, gone = (f"{somebody} is here", f"{somebody} {'left' if somebody == 'Somebody' else 'is gone'}")
    ending = f", {maybe}." if maybe else "."
    assert hears(serve(Intent.APPEAR, text, **about), 5, came(1, 4.5, "white")) == [here + ending]
    assert hears(serve(Intent.LEAVE, text, **about), 9, left(1, 8.7, "white")) == [gone + ending]


@pytest.mark.parametrize(
    ("text", "object_", "category", "line"),
    [
        ("快递员来了告诉我", "快递员", Category.PERSON, "有人来了，可能是快递员。"),
        ("我孙子到了叫我", "孙子", Category.PERSON, "有人来了，可能是你孙子。"),
        ("公交车来了叫我", "公交车", Category.VEHICLE, "好像来了一辆公交车。"),
    ],
)
def test_nothing_more_is_claimed_in_chinese(text: str, object_: str, category: Category, line: str) -> None:
    policy = serve(Intent.APPEAR, text, language="zh", object=object_, category=category)
    assert hears(policy, 5, came(1, 4.5, "white")) == [line]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("thing_", "category"),
    [("", Category.ANYTHING), ("人", Category.PERSON), ("狗", Category.ANIMAL), ("老师", Category.PERSON)],
)
def test_those_who_come_or_go_in_a_row_are_told_in_other_words(language: str, thing_: str, category: Category) -> None:
    # The same words within three seconds would be taken for a repetition and held back.
    for intent in (Intent.APPEAR, Intent.LEAVE):
        policy = serve(intent, "", language=language, object=thing_ if language == "zh" else "", category=category)
        percept = came if intent is Intent.APPEAR else left
        said = [line for i in range(4) for line in hears(policy, 5 + 0.7 * i, percept(i, 4.5 + 0.7 * i))]
        assert len(set(said)) == 4


@pytest.mark.parametrize(("seen", "told"), [("light blue", True), ("cyan", True), ("dark blue", True), ("grey", False)])
def test_a_colour_is_wide_enough_for_its_neighbours(seen: str, told: bool) -> None:
    policy = serve(Intent.APPEAR, "a blue car", object="blue car", category=Category.VEHICLE, colour="blue")
    assert hears(policy, 5, came(1, 4.5, seen)) == (["A blue car is here."] if told else [])


def test_a_quote_is_said_verbatim() -> None:
    for intent, percept in (
        (Intent.APPEAR, came(1, 4.5)),
        (Intent.LEAVE, left(1, 4.5)),
        (Intent.GREET, came(1, 4.5)),
        (Intent.SCENE_CHANGE, saw(PerceptKind.SCENE, 4.9)),
        (Intent.MOTION_ALERT, saw(PerceptKind.MOTION, 4.9)),
        (Intent.STATIC_CHANGE, saw(PerceptKind.PUT, 4.9)),
    ):
        assert hears(serve(intent, quote="here he is!"), 5, percept) == ["here he is!"], intent


def test_only_the_first_one_is_told_where_only_that_is_wished_for() -> None:
    policy = serve(Intent.APPEAR, first=True, object="person", category=Category.PERSON)
    assert hears(policy, 5, came(1, 4.5), came(2, 4.6)) == ["Somebody is here."]
    assert policy.done
    assert hears(policy, 9, came(3, 8.5)) == []


def test_what_was_over_before_the_wish_is_not_told() -> None:
    assert hears(serve(Intent.APPEAR, start=10.0), 10, came(1, 4.5)) == []
    assert len(hears(serve(Intent.APPEAR, start=10.0), 10.5, came(1, 9.8))) == 1


def test_a_colour_that_becomes_clear_only_later_still_counts() -> None:
    policy = serve(Intent.APPEAR, object="red car", category=Category.VEHICLE, colour="red")
    assert hears(policy, 5, came(1, 4.5, "grey")) == []
    assert policy.wake_at() == pytest.approx(6.9)
    assert hears(policy, 6, present=[thing(1, 4.5, "dark red")]) == ["A red car is here."]
    assert hears(policy, 7, present=[thing(1, 4.5, "red")]) == []


def test_another_colour_is_let_pass() -> None:
    policy = serve(Intent.APPEAR, colour="red")
    assert [hears(policy, t, *([came(1, 4.5, "white")] if t == 5 else [])) for t in range(5, 10)] == [[]] * 5
    assert policy.wake_at() is None


def test_a_departure_is_told_once_and_of_the_colour_that_was_asked() -> None:
    policy = serve(
        Intent.LEAVE, "tell me when the red car leaves", object="red car", category=Category.VEHICLE, colour="red"
    )
    assert hears(policy, 9, left(1, 8.7, "white")) == []
    assert hears(policy, 19, left(3, 18.8, "red")) == ["The red car is gone."]


def test_everyone_is_gone_when_the_last_one_is() -> None:
    policy = serve(Intent.LEAVE, "Say so when everyone is gone", object="everyone", category=Category.PERSON)
    assert hears(policy, 1) == []
    assert hears(policy, 5, came(1, 4.5), present=[thing(1), thing(2)]) == []
    assert hears(policy, 9, left(1, 8.7), present=[thing(2)]) == []
    assert hears(policy, 12, left(2, 11.7)) == []
    assert policy.wake_at() == 13.0
    assert hears(policy, 13) == ["Everyone is gone."]
    assert [hears(policy, t) for t in range(14, 20)] == [[]] * 6


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        ("Greet people", "en", "Hello!"),
        ("Welcome people when they appear", "en", "Welcome!"),
        ("Say good morning to whoever comes", "en", "Good morning!"),
        ("有人进来就打招呼", "zh", "你好！"),
        ("对第一个来的人说早上好", "zh", "早上好！"),
    ],
)
def test_who_comes_is_greeted_as_was_wished(text: str, language: str, said: str) -> None:
    assert hears(serve(Intent.GREET, text, language=language), 5, came(1, 4.5)) == [said]


def test_people_who_come_together_are_greeted_once_and_goodbye_is_said_where_wished() -> None:
    policy = serve(Intent.GREET, "say hello to people and goodbye when they leave")
    assert hears(policy, 5, came(1, 4.5), came(2, 4.6)) == ["Hello!"]
    assert hears(policy, 6, came(3, 5.5)) == []
    assert hears(policy, 20, left(1, 19.5)) == ["Goodbye!"]
    assert hears(serve(Intent.GREET, "say hello"), 20, left(1, 19.5)) == []


def test_a_count_of_one_colour_counts_only_that() -> None:
    policy = serve(Intent.COUNT_PASSING, object="red cars", category=Category.VEHICLE, colour="red")
    assert hears(policy, 5, came(1, 4.5, "white"), came(2, 4.5, "red")) == ["1"]
    assert hears(policy, 6, came(3, 5.5, "dark red")) == ["2"]


def test_what_is_there_is_said_when_the_number_has_changed_and_holds() -> None:
    policy = serve(Intent.COUNT_STANDING, object="people", category=Category.PERSON)
    assert hears(policy, 5, present=[thing(1)]) == []
    assert policy.wake_at() == 6.0
    assert hears(policy, 5.5, present=[thing(1), thing(2)]) == []
    assert hears(policy, 6.5, present=[thing(1), thing(2)]) == ["2 people now."]
    assert hears(policy, 7, present=[thing(1)]) == []
    assert hears(policy, 7.5, present=[thing(1), thing(2)]) == []
    assert hears(policy, 9) == []
    assert hears(policy, 10) == ["None there now."]


def test_each_new_text_is_read_once_verbatim() -> None:
    policy = serve(Intent.READ_TEXT)
    assert hears(policy, 1, saw(PerceptKind.TEXT, 1, "The  quick brown\nfox, 1848")) == ["The quick brown fox, 1848"]
    assert hears(policy, 3, saw(PerceptKind.TEXT, 3, "The quick brovvn fox, 1848")) == []
    assert hears(policy, 5, saw(PerceptKind.TEXT, 5, "The quick brown fox, 1849")) == ["The quick brown fox, 1849"]
    assert hears(policy, 7, saw(PerceptKind.TEXT, 7, "Page 1")) == ["Page 1"]
    assert hears(policy, 8, saw(PerceptKind.TEXT, 8, "Page 2")) == ["Page 2"]
    assert hears(policy, 90, saw(PerceptKind.TEXT, 90, "Page 1")) == ["Page 1"]


def test_text_is_translated_by_somebody_who_can_or_not_at_all() -> None:
    policy = serve(Intent.TRANSLATE_TEXT, "Translate it into English")
    assert hears(policy, 1, saw(PerceptKind.TEXT, 1, "出口")) == []
    said = policy.propose([saw(PerceptKind.TEXT, 2, "入口")], Moment(2, 2, can_delegate=True))
    assert "入口" in said[0].question


def test_a_change_of_scene_is_told_once_in_the_words_of_the_wish() -> None:
    policy = serve(Intent.SCENE_CHANGE, "tell me when the slide changes")
    assert hears(policy, 1, saw(PerceptKind.SCENE, 1), saw(PerceptKind.SCENE, 1)) == ["The slide has changed."]
    assert hears(policy, 1.5, saw(PerceptKind.SCENE, 1.5)) == []
    assert hears(serve(Intent.SCENE_CHANGE, "画面切换了跟我说", language="zh"), 1, saw(PerceptKind.SCENE, 1)) == [
        "画面变了。"
    ]


def test_motion_is_alerted_once_an_episode() -> None:
    policy = serve(Intent.MOTION_ALERT, "warn me if anything moves", object="anything")
    assert hears(policy, 1, saw(PerceptKind.MOTION, 1)) == ["Something is moving."]
    assert hears(policy, 4, came(1, 3.5), present=[thing(1, speed=0.2)]) == []
    assert hears(policy, 8, present=[thing(1, speed=0.2)]) == []
    assert hears(policy, 12, saw(PerceptKind.MOTION, 12)) == []
    assert hears(policy, 18, saw(PerceptKind.MOTION, 18)) == ["Something is moving."]


def test_things_put_down_and_taken_away_are_told_as_wished() -> None:
    left_side = Box(0.1, 0.5, 0.1, 0.1)
    put, taken = saw(PerceptKind.PUT, 5, area=left_side), saw(PerceptKind.TAKEN, 5)
    both = serve(Intent.STATIC_CHANGE, "alert me when something on the desk has changed")
    assert hears(both, 5, put, taken) == ["Something was put down on the left.", "Something was taken away."]
    assert hears(both, 6, put, saw(PerceptKind.SCENE, 6)) == []
    only_taken = serve(Intent.STATIC_CHANGE, "tell me if my bag gets taken", object="bag", category=Category.OBJECT)
    assert hears(only_taken, 5, put, taken) == ["Something was taken away."]
    assert hears(serve(Intent.STATIC_CHANGE, "包裹放在门口了告诉我", language="zh"), 5, put, taken) == [
        "左边多了样东西。"
    ]


def test_every_so_often_is_exact_counts_from_the_wish_and_skips_what_was_missed() -> None:
    policy = serve(Intent.TIME_EVERY, start=2.0, every=5.0, say_time=True)
    assert policy.wake_at() == 7.0
    assert hears(policy, 6.9) == []
    assert hears(policy, 7.0) == ["7 seconds"]
    assert hears(policy, 7.1) == []
    assert hears(policy, 68.0) == ["1 minute 7 seconds"]
    assert policy.wake_at() == 72.0
    chinese = serve(Intent.TIME_EVERY, every=65.0, say_time=True, language="zh")
    assert hears(chinese, 65.0) == ["1分5秒"]


def test_a_timed_wish_says_its_quote_or_its_topic() -> None:
    assert hears(serve(Intent.TIME_EVERY, every=5.0, quote="still here"), 5) == ["still here"]
    assert hears(serve(Intent.TIME_EVERY, every=5.0, topic="drink"), 5) == ["Time to drink."]
    assert hears(serve(Intent.TIME_IN, within=5.0, topic="喝水", language="zh"), 5) == ["该喝水了。"]


def test_a_timer_speaks_once() -> None:
    policy = serve(Intent.TIME_IN, within=60.0, start=3.0)
    assert policy.wake_at() == 63.0
    assert hears(policy, 62.9) == []
    assert hears(policy, 63.2) == ["1 minute is up."]
    assert policy.done
    assert policy.wake_at() is None
    assert hears(serve(Intent.TIME_IN, within=180.0, language="zh"), 180) == ["3分钟到了。"]


def test_the_time_of_day_is_said_in_a_room() -> None:
    served = Served("i1", Wish(Intent.TIME_EVERY, "en", "", every=5.0, say_time=True), 0.0, wall_time=True)
    said = policy_for(served).propose([], Moment(5.0, 1e9 + 5.0))[0].text
    assert len(said) == 8
    assert said.count(":") == 2


def test_commentary_keeps_an_easy_pace_varies_and_is_silent_while_nothing_happens() -> None:
    policy = serve(Intent.COMMENTARY, "comment on it")
    script = {2.0: came(1, 1.6, "red"), 3.0: came(2, 2.6, "blue"), 9.0: left(1, 8.6, "red"), 20.0: came(3, 19.6, "red")}
    said = {t / 2: hears(policy, t / 2, *([script[t / 2]] if t / 2 in script else [])) for t in range(80)}
    spoken = {t: texts for t, texts in said.items() if texts}
    assert list(spoken) == [2.0, 9.0, 20.0]
    assert len({tuple(texts) for texts in spoken.values()}) == 3


def test_judgement_is_asked_for_only_where_somebody_can_be_asked() -> None:
    policy = serve(Intent.UNJUDGEABLE, "warn me if there's a fire")
    assert hears(policy, 5, came(1, 4.5)) == []
    assert hears(policy, 6, can_delegate=True)[0].startswith("warn me if there's a fire")
    assert hears(policy, 20, came(2, 19.5), can_delegate=True) == []
