from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joyvl_core.clock import run_virtual
from joyvl_core.memory.items import MemoryItem
from joyvl_core.models.embedded.understanding import SentenceEmbedder
from joyvl_core.store.times import read
from joyvl_core.store.words import MAX_TERMS, index_words, question_words, stem
from tests.store.recall import found, remembering
from tests.store.recall import read as read_recall

BEGAN = datetime(2027, 3, 1, 11, 0).timestamp()
NOW = 6 * 3_600.0


def at(hours: int, minutes: int, seconds: int = 0) -> float:
    return hours * 3_600.0 + minutes * 60 + seconds


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("What happened an hour ago?", at(4, 51), at(5, 9)),
        ("half an hour ago, the dog", at(5, 25, 30), at(5, 34, 30)),
        ("who came in the last five minutes", at(5, 55), NOW),
        ("what did you see in the first ten minutes?", 0, at(0, 10)),
        ("anything in the first minute?", 0, at(0, 1)),
        ("at 14:05 what was on the screen", at(3, 4), at(3, 7)),
        ("what was there around 2:05 pm", at(3, 4), at(3, 7)),
        ("who was talking at 3 o'clock", at(3, 55), at(4, 15)),
        ("What happened between 14:00 and 14:30?", at(2, 59), at(3, 32)),
        ("what happened after 3pm", at(3, 55), NOW),
        ("before 12:30 did anyone come in", 0, at(1, 32)),
        ("what was shown 20 minutes in", at(0, 19), at(0, 21)),
        ("at minute 12 what happened", at(0, 10, 30), at(0, 13)),
        ("what happened at the beginning?", 0, at(0, 36)),
        ("what did Bob say just now", at(5, 58), NOW),
        ("what was said at 1:02:30", at(1, 1, 30), at(1, 3, 30)),
        ("what was said at 0:45", 0, at(0, 1, 45)),
        ("最近五分钟有什么", at(5, 55), NOW),
        ("一小时前发生了什么", at(4, 51), at(5, 9)),
        ("前十分钟有人进来吗", 0, at(0, 10)),
        ("开头的十分钟", 0, at(0, 10)),
        ("过去半小时来了几辆车", at(5, 30), NOW),
        ("下午两点五分谁在说话", at(3, 4), at(3, 7)),
        ("14点05分发生了什么", at(3, 4), at(3, 7)),
        ("下午三点以后来了谁", at(3, 55), NOW),
        ("第十二分钟", at(0, 10, 30), at(0, 13)),
        ("刚才谁说话", at(5, 58), NOW),
        ("一开始是什么", 0, at(0, 36)),
    ],
)
def test_the_time_a_question_names(question, since, until):
    span = read(question, now=NOW, began=BEGAN).span
    assert span is not None
    assert (span.since, span.until) == (since, until)


@pytest.mark.parametrize(
    "question",
    [
        "how many cars passed in five minutes",
        "who has the 5 minute timer",
        "when did the cat leave",
        "room 14 or room 15?",
        "the score was 3 to 1",
        "黑猫是什么时候离开的",
        "什么时候下雨的",
        "有几个人进来",
        "a week ago",
        "",
    ],
)
def test_a_question_that_names_no_time_of_the_session(question):
    assert read(question, now=NOW, began=BEGAN).span is None


def test_the_rest_of_the_words_is_what_is_looked_for():
    asked = read("In the last five minutes, did a red lorry park?", now=NOW, began=BEGAN)
    assert question_words(asked.rest) == [stem("red"), stem("lorry"), stem("park")]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("parking", "He parked there"),
        ("lorries", "one lorry"),
        ("stopped", "It stops"),
        ("boxes", "a box"),
        ("CAFÉ", "the cafe"),
        ("ＡＢＣ", "abc"),
        ("who left", "They leave at noon"),
        ("children", "a child's hat"),
        ("会议", "今天的会议取消了"),
        ("猫", "黑猫跑了"),
        ("ラーメン", "おいしいラーメンを食べた"),
        ("27b", "EXIT 27B"),
    ],
)
def test_a_word_is_found_in_its_other_forms(asked, told):
    assert set(question_words(asked)) & set(index_words(told))


PARTS = ("the last", "first", "an hour", "ago", "14:05", "3 pm", "两点", "半", "前", "最近", "minute 9", "and")
TEXTS = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="\"'()*:^-+&|!<>\\%_ \0\t\n", max_size=60),
    st.text(
        alphabet="0123456789:：点分秒时刻半前后最近过去第一二两三十百千万零个小钟天年 agolstmiuehr.-,", max_size=60
    ),
    st.lists(
        st.sampled_from(PARTS),
        max_size=8,
    ).map(" ".join),
)


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.floats(), st.floats())
def test_any_question_is_read_into_words_and_a_time_of_the_session(question, now, began):
    asked = read(question, now=now, began=began)
    if asked.span is not None:
        assert 0.0 <= asked.span.since <= asked.span.until
        assert asked.span.until <= max(0.0, now)
    words = question_words(asked.rest)
    assert len(words) == len(set(words)) <= MAX_TERMS
    assert all(word.isalnum() for word in words)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_the_index_holds_what_a_question_in_the_same_words_looks_for(text):
    assert set(question_words(text)) <= set(index_words(text)) | set(question_words(text)[MAX_TERMS:])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_questions_in_other_words_are_answered(tmp_path, language):
    items, asked = read_recall(language)

    async def main() -> list[int]:
        async with remembering(f"sqlite:///{tmp_path}/recall.db", items, SentenceEmbedder()) as keeper:
            return await found(keeper, asked, 3)

    places = run_virtual(main())
    assert sum(place > 0 for place in places) >= 0.8 * len(places)


def test_a_time_narrows_what_is_found(tmp_path):
    items = [MemoryItem("seen", t, t, f"A red car passes, number {t:.0f}.") for t in (100.0, 4_000.0, 9_000.0, 9_990.0)]
    items.append(MemoryItem("summary", 3_900.0, 4_100.0, "A market with many stalls."))

    async def main() -> None:
        async with remembering(f"sqlite:///{tmp_path}/times.db", items, None) as keeper:

            async def times(question: str) -> list[float]:
                return [hit.t for hit in await keeper.search(question, now=10_000.0)]

            assert await times("Did a red car pass in the first ten minutes?") == [100.0]
            assert await times("最近五分钟有 car 吗") == [9_990.0]
            assert await times("what happened 100 minutes ago?") == [3_900.0, 4_000.0]
            assert len(await times("did a car pass three hours ago?")) == 1
            assert len(await times("at minute 100, was there a red car?")) == 4

    run_virtual(main())
