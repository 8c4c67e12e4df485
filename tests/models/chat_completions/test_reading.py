"""Answers read while they come."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from joyvl_core.actions import Delegate, Silence, Speak, parse
from joyvl_core.models.chat_completions.client import Part
from joyvl_core.models.chat_completions.reading import Reader, bias, p_silence

MARKERS = ("</silence>", "</response>", "</delegation>", "<delegation>", "<|im_end|>", "<", ">")
PIECES = st.sampled_from(
    (
        *MARKERS,
        "\n",
        " ",
        ", ",
        ". ",
        "，",
        "。",
        "a red car passed",
        "有人进来了",
        "\x00",
        "\r",
        "\u2028",
        "é",
        "x" * 150,
    )
)
ANSWERS = st.lists(PIECES | st.text(max_size=12), max_size=14).map("".join)


def parts(answer: str, cuts: list[int]) -> list[str]:
    """The answer cut at those places."""
    at = sorted({min(cut, len(answer)) for cut in cuts})
    return [answer[start:end] for start, end in zip([0, *at], [*at, len(answer)], strict=True)]


@settings(max_examples=400, deadline=None)
@given(ANSWERS, st.lists(st.integers(0, 200), max_size=20))
@example("</response> Hello there, my friend. How are you </delegation> who", [13, 20, 33, 41])
@example("</response> It is red, quite red\n</delegation> what brand?", [33, 34, 40])
@example("</response> one, two, three, four </", [30, 34])
def test_clauses_and_rest_are_the_decision_whatever_the_pieces(answer: str, cuts: list[int]):
    reader, said, read = Reader(), "", ""
    for piece in parts(answer, cuts):
        said += "".join(reader.read(Part(piece)))
        read += piece
        if reader.over:
            break
    assert reader.said.rstrip() == said.rstrip()
    assert reader.action() == parse(read)
    match reader.action():
        case Silence():
            assert not said
        case Speak(text) | Delegate(text, _):
            assert text.startswith(said.rstrip())
            assert not said or len(said.rstrip()) < len(text)
    if said:
        reader.cut()
        assert reader.action() == Speak(said.rstrip())


@given(ANSWERS)
def test_what_is_cut_off_would_not_have_changed_an_answer_in_the_protocols_form(words: str):
    answer = "</response> " + " ".join(words.replace("<", "").split())
    whole = parse(f"{answer}\nAnd another line, which nobody hears.")
    reader = Reader()
    for sign in f"{answer}\nAnd another line, which nobody hears.":
        reader.read(Part(sign))
        if reader.over:
            break
    assert reader.action() == whole


def test_silence_that_goes_on_and_on_is_over():
    reader = Reader()
    reader.read(Part("</silence>"))
    assert not reader.over
    reader.read(Part(" because nothing has happened and so I would rather"))
    assert reader.over
    assert reader.action() == Silence()


def test_words_without_a_marker_are_not_said_before_all_of_them_are_there():
    reader = Reader()
    assert not reader.read(Part("Well, let me think about this, because, </silence>"))
    assert reader.action() == Silence()


@pytest.mark.parametrize(
    ("logprobs", "expected"),
    [
        ({"</silence>": math.log(0.25)}, 0.25),
        ({"</silence>": 0.7}, 1.0),
        ({"</silence>": -math.inf}, 0.0),
        ({"</silence>": math.nan}, None),
        ({"</response>": -0.1}, None),
        ({}, None),
    ],
)
def test_how_sure_of_silence(logprobs: dict[str, float], expected: float | None):
    assert p_silence(logprobs) == (None if expected is None else pytest.approx(expected))
    reader = Reader()
    reader.read(Part("", logprobs))
    reader.read(Part("</silence>", logprobs))
    reader.read(Part("!", {"</silence>": -9.0}))
    assert reader.p_silence == p_silence(logprobs)


@given(st.floats(allow_nan=False))
def test_the_dial_is_bounded_and_ordered(dial: float):
    assert abs(bias(dial)) < 5
    assert bias(0.5) == 0
    assert (bias(dial) <= 0) == (dial >= 0.5)
