"""English nouns: one, several, and their articles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.models.embedded.english import as_said, plural, singular, with_article


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("car", "cars"), ("bus", "buses"), ("box", "boxes"), ("person", "people"), ("child", "children"),
        ("puppy", "puppies"), ("monkey", "monkeys"), ("bench", "benches"), ("wolf", "wolves"), ("sheep", "sheep"),
        ("shoe", "shoes"), ("horse", "horses"), ("glass", "glasses"), ("boss", "bosses"), ("red car", "red cars"),
    ],
)  # fmt: skip
def test_one_and_several(one: str, many: str) -> None:
    assert plural(one) == many
    assert plural(many) == many
    if " " not in one and one != "glass":
        assert (singular(many), singular(one)) == (one, one)


def test_articles_go_by_the_sound() -> None:
    words = ("car", "umbrella", "unicorn", "hour", "SUV", "old dog", "dog or cat", "animal or car")
    assert [with_article(word) for word in words] == [
        "a car", "an umbrella", "a unicorn", "an hour", "an SUV", "an old dog", "a dog or a cat", "an animal or a car",
    ]  # fmt: skip


def test_the_article_is_the_one_that_was_said() -> None:
    assert as_said("dog", "tell me when my dog comes") == "your dog"
    assert as_said("boss", "warn me when the boss comes") == "the boss"
    assert as_said("dog", "tell me when dogs come") == "a dog"


@given(st.text(max_size=30))
def test_any_word_has_a_plural_and_an_article(word: str) -> None:
    assert isinstance(plural(word) + singular(word) + with_article(word) + as_said(word, word), str)
