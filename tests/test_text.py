from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.text import language_of, tidy, whole


@given(st.text(st.characters(), max_size=200), st.integers(1, 50))
def test_any_text_becomes_one_that_files_and_terminals_take(text, longest):
    clean = tidy(text, longest)
    clean.encode("utf-8")
    assert len(clean) <= longest
    assert "\x1b" not in clean
    assert tidy(clean, longest) == clean


def test_what_is_whole_stays_as_it_is():
    text = "数到 3 了 👩‍👩‍👧\n\tok"
    assert whole(text) == tidy(text, 100) == text
    assert tidy("x" * 11, 10) == "x" * 9 + "…"


def test_chinese_signs_make_it_chinese():
    assert [language_of(text) for text in ("3", "hello", "有 2 辆车", "")] == ["en", "en", "zh", "en"]
