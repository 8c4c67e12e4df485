"""What the embedded model remembers when its process ends and another one goes on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from joyvl_core.memory.items import MemoryItem
from joyvl_core.models.embedded.percepts import Percept, PerceptKind
from joyvl_core.models.embedded.understanding import Understanding
from joyvl_core.ports import Remembering
from tests.memory.memories import Kept
from tests.models.embedded.asking import Talk
from tests.models.embedded.scripted import came, left, saw


@pytest.fixture(scope="module")
def understanding() -> Understanding:
    return Understanding()


MORNING = [
    came(1, 4.5, "white"), left(1, 8.7, "white"), came(2, 14.3, "light blue"), came(3, 14.8, "red"),
    left(2, 18.2, "light blue"), left(3, 18.8, "red"), saw(PerceptKind.TEXT, 20.0, "EXIT 12"),
]  # fmt: skip


def session(understanding: Understanding, kept: Kept, script: Sequence[Percept] = MORNING) -> Talk:
    """A process of a session that remembers in `kept`, with whatever is in there already."""
    talk = Talk(understanding, script)
    assert isinstance(talk.model, Remembering)
    talk.model.keep_in(kept)
    talk.model.resume(list(kept.items))
    return talk


def restarted(before: Talk, kept: Kept, script: Sequence[Percept] = ()) -> Talk:
    talk = session(before.understanding, kept, script)
    talk.instructions = list(before.instructions)
    return talk


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def before(understanding: Understanding, kept: Kept) -> Talk:
    """A process that counted three cars and read a sign, and is no more."""
    talk = session(understanding, kept)
    talk.says(0.0, "count the cars that pass")
    talk.run(0.5, 40)
    return talk


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("how many so far?", "3 cars so far."),
        ("到现在过了几辆车", "到现在3辆车。"),
        ("when did the first car come?", "The white car came at 0:05, 59 minutes 16 seconds ago."),
        ("when did the red car come?", "The red car came at 0:15, 59 minutes 5 seconds ago."),
        ("when did the second car leave?", "The light blue car left at 0:18, 59 minutes 2 seconds ago."),
        ("红色的车几点走的", "那辆红色的车是0:19走的，59分1秒前。"),
        ("how long was the red car there?", "For 4 seconds, from 0:15 to 0:19."),
        ("what was the last text you saw?", "I read “EXIT 12” at 0:20, 59 minutes ago."),
    ],
)
def test_what_happened_before_a_restart_is_answered_with_the_right_time(
    before: Talk, kept: Kept, question: str, answer: str
) -> None:
    talk = restarted(before, kept)
    talk.says(3_550.0)
    assert talk.says(3_560.0, question) == answer


def test_a_restart_says_nothing_and_the_count_goes_on(before: Talk, kept: Kept) -> None:
    talk = restarted(before, kept, [came(1, 1_004.0, "red"), left(1, 1_008.0, "red"), came(2, 1_010.0, "blue")])
    assert talk.run(1_000.0, 1_020.0) == [(1_004.5, "4"), (1_010.5, "5")]
    assert talk.says(1_020.0, "how many so far?") == "5 cars so far."
    assert (
        talk.says(1_030.0, "when did the first red car come?") == "The red car came at 0:15, 16 minutes 55 seconds ago."
    )
    again = restarted(talk, kept, [came(1, 2_004.0, "green")])
    assert again.run(2_000.0, 2_020.0) == [(2_004.5, "6")]
    assert again.says(2_020.0, "when did the blue car come?") == (
        "The blue car came at 16:50, 16 minutes 50 seconds ago. That was the last of 2."
    )
    assert (
        again.says(2_030.0, "when did the white car leave?") == "The white car left at 0:09, 33 minutes 41 seconds ago."
    )


def test_a_wish_with_other_words_is_counted_from_the_start(before: Talk, kept: Kept) -> None:
    talk = restarted(before, kept)
    talk.instructions = [type(i)(i.id, "count the red cars", i.author, 50.0) for i in talk.instructions]
    talk.says(1_000.0)
    assert talk.says(1_001.0, "how many so far?") == "None so far."


def test_what_was_seen_is_kept_in_words_and_what_was_said_only_for_the_model(before: Talk, kept: Kept) -> None:
    assert [item.text for item in kept.of("seen")] == [
        "something white came",
        "something white left",
        "something light blue came",
        "something red came",
        "something light blue left",
        "something red left",
        "the text “EXIT 12” could be read",
    ]
    assert [item.t for item in kept.of("seen")] == [4.5, 8.7, 14.3, 14.8, 18.2, 18.8, 20.0]
    assert [item.data["text"] for item in kept.of("said")[-3:]] == ["1", "2", "3"]
    assert [item.data["text"] for item in kept.of("heard")] == ["count the cars that pass"]
    assert not any(item.text for item in kept.items if item.kind != "seen")
    assert [item.data["total"] for item in kept.of("total")] == [0, 1, 2, 3]


def test_sums_outlive_what_the_keeper_gave_back(before: Talk, kept: Kept) -> None:
    kept.items = [item for item in kept.items if item.kind != "total" and item.t > 14.5]
    talk = restarted(before, kept)
    talk.instructions = []
    talk.says(1_000.0)
    assert talk.says(1_001.0, "how many cars did you see?") == "3 cars so far."
    assert talk.says(1_002.0, "when did the last car come?").startswith("The red car came at 0:15")


def test_what_is_forgotten_is_gone_at_once_and_after_a_restart(before: Talk, kept: Kept) -> None:
    before.model.forget(14.0, 19.0)
    kept.erase(14.0, 19.0)
    before.says(99.0)
    for talk in (before, restarted(before, kept)):
        talk.says(100.0)
        assert talk.says(101.0, "when did the red car come?") == "I have not seen that."
        assert (
            talk.says(102.0, "when did the white car come?") == "The white car came at 0:05, 1 minute 38 seconds ago."
        )
        assert talk.says(103.0, "how many so far?") == "3 cars so far."


def test_what_was_seen_and_not_yet_told_is_forgotten_too(understanding: Understanding, kept: Kept) -> None:
    talk = session(understanding, kept, [came(1, 4.5, "white", late=0.0)])
    talk.says(0.0, "count the cars that pass")
    talk.model.look(talk.frame(5.0))
    talk.model.forget(4.0, 5.0)
    assert talk.run(5.5, 8.0) == []
    assert talk.says(9.0, "when did the white car come?") == "I have not seen that."


def test_junk_among_what_was_kept_is_passed_over(understanding: Understanding) -> None:
    talk = Talk(understanding)
    talk.model.resume(
        [
            MemoryItem("seen", 1.0, 1.0, "", data={"event": "dance"}),
            MemoryItem("seen", float("nan"), 1.0, "", data={"event": "appear"}),
            MemoryItem("seen", 1.0, 1.0, "", data={"event": "appear", "thing": -1}),
            MemoryItem("seen", 1.0, 1.0, "", data={"event": "appear", "nth": 0}),
            MemoryItem("said", 1.0, 1.0, "hello"),
            MemoryItem("heard", 1.0, 1.0, "", data={"event": "heard", "text": "x" * 9_999}),
            MemoryItem("total", 1.0, 1.0, "", data={"instruction": "i1", "words": "count", "total": "many"}),
            MemoryItem("block", 1.0, 1.0, "somebody else's"),
            MemoryItem("seen", 7.0, 7.0, "", data={"event": "appear", "thing": 3, "colour": "red", "more": 1}),
        ]
    )
    talk.says(10.0)
    assert talk.says(11.0, "when did the red car come?") == "The red car came at 0:07, 4 seconds ago."
    assert talk.says(12.0, "how many cars did you see?") == "1 car so far."
