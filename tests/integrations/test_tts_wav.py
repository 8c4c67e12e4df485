from __future__ import annotations

import io
import itertools
import struct
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.tts.wav import WavDecoder
from integrations.tts.words import LONGEST, in_ascii, sayable, spoken_language


def wav(samples: np.ndarray, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def decoded(data: bytes, cuts: list[int]) -> tuple[int, np.ndarray]:
    decoder = WavDecoder()
    at = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    parts = [decoder.feed(data[start:end]) for start, end in itertools.pairwise(at)]
    return decoder.rate, np.concatenate(parts)


@settings(deadline=None)
@given(
    st.lists(st.integers(-32_768, 32_767), max_size=300),
    st.sampled_from([8_000, 22_050, 48_000]),
    st.lists(st.integers(0, 10_000), max_size=12),
    st.binary(max_size=50),
    st.booleans(),
)
def test_samples_come_whole_however_the_bytes_are_cut(
    values: list[int], rate: int, cuts: list[int], extra: bytes, streamed: bool
) -> None:
    samples = np.array(values, np.int16)
    data = wav(samples, rate)
    header, body = data[:36], data[36:]
    if streamed:  # a program that writes into a pipe does not know the length
        body = b"data" + struct.pack("<I", 0x7FFFF000) + body[8:]
    padded = extra + b"\0" * (len(extra) % 2)
    data = header + b"LIST" + struct.pack("<I", len(extra)) + padded + body
    found_rate, found = decoded(data, cuts)
    assert found_rate == rate
    assert np.array_equal(found, samples)


@settings(deadline=None)
@given(st.binary(max_size=5_000), st.lists(st.integers(0, 5_000), max_size=5), st.booleans())
def test_anything_else_is_no_sound_or_a_value_error(data: bytes, cuts: list[int], dressed: bool) -> None:
    if dressed:
        data = b"RIFF\0\0\0\0WAVE" + data
    try:
        rate, _ = decoded(data, cuts)
    except ValueError:
        return
    assert rate == 0 or 4_000 <= rate <= 192_000


@pytest.mark.parametrize("odd", [{"channels": 2}, {"width": 1}, {"rate": 1_000}])
def test_only_mono_of_16_bits_is_taken(odd: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a WAV of"):
        decoded(wav(np.zeros(8, np.int16), **odd), [])


@settings(deadline=None)
@given(st.text(max_size=4_000))
def test_what_is_said_is_one_bounded_line_that_utf8_can_carry(text: str) -> None:
    words = sayable(text)
    assert len(words) <= LONGEST
    assert words == " ".join(words.split())
    assert all(ord(char) >= 32 for char in words)
    words.encode()
    assert words == "" or any(char.isalnum() for char in words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, 3 cars!", "Hello, 3 cars!"),
        ("**bold** [[p]] <b>x</b>", "bold p b x /b"),
        ("see https://example.org/a?b=c now 🎉", "see now"),
        ("有人进来了。", "有人进来了。"),
        ("…!?", ""),
    ],
)
def test_what_of_a_text_is_said(text: str, words: str) -> None:
    assert sayable(text) == words


@pytest.mark.parametrize(
    ("text", "language", "spoken"),
    [
        ("a 车", "en", "zh"),
        ("a car", "en", "en"),
        ("a car", "zh", "zh"),
        ("日本", "ja", "ja"),
        ("车", "zh-CN", "zh-CN"),
    ],
)
def test_a_chinese_character_makes_a_text_chinese(text: str, language: str, spoken: str) -> None:
    assert spoken_language(text, language) == spoken


def test_typographic_english_becomes_plain() -> None:
    assert in_ascii("Don’t — the café’s “menu” is €5") == "Don't ,  the cafe's \"menu\" is  euros 5"
