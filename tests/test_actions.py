import pytest
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.actions import Delegate, Silence, Speak, parse, render


@pytest.mark.parametrize(
    ("raw", "action"),
    [
        ("</silence>", Silence()),
        ("</response> A red car.", Speak("A red car.")),
        ("</response> One moment. </delegation> Whose dog is it?", Delegate("One moment.", "Whose dog is it?")),
        ("</response></delegation> Whose dog is it?", Delegate("", "Whose dog is it?")),
        ("</response> Wait <delegation> why?", Delegate("Wait", "why?")),
        ("</response> Wait </delegate> why?", Delegate("Wait", "why?")),
        ("", Silence()),
        ("   \n ", Silence()),
        ("</response>", Silence()),
        ("</response>   two \t spaces\nsecond line", Speak("two spaces")),
        ("no marker at all", Speak("no marker at all")),
        ("</silence> </response> late", Silence()),
        ("</response> first </silence>", Speak("first")),
        ("</response> 你好。", Speak("你好。")),
        ("<|im_start|></response> hi<|im_end|>", Speak("hi")),
        ("</response> only a note </delegation>", Speak("only a note")),
    ],
)
def test_reads_what_models_write(raw, action):
    assert parse(raw) == action


def test_writes_the_released_bytes():
    assert render(Silence()) == "</silence>"
    assert render(Speak("Hi.")) == "</response> Hi."
    assert render(Delegate("Wait.", "Who?")) == "</response> Wait. </delegation> Who?"


@given(st.text())
def test_any_text_is_an_action(raw):
    action = parse(raw)
    assert isinstance(action, Silence | Speak | Delegate)
    assert parse(render(action)) == action


@given(
    st.lists(
        st.sampled_from(
            ["</silence>", "</response>", "</delegation>", "<delegation>", " ", "a", "\n", "<|", "|>", "</"]
        )
    )
)
def test_any_mix_of_markers_is_an_action_that_survives_a_round_trip(parts):
    action = parse("".join(parts))
    assert parse(render(action)) == action
