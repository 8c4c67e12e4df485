from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joyvl_core.acts.resample import Resampler


def sine(rate: int, hertz: float, seconds: float = 1.0, level: int = 16_000) -> np.ndarray:
    return np.round(np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate) * level).astype(np.int16)


def resampled(samples: np.ndarray, source: int, target: int, chunk: int) -> np.ndarray:
    resampler = Resampler(source, target)
    parts = [resampler.feed(samples[at : at + chunk]) for at in range(0, len(samples), chunk)]
    return np.concatenate([*parts, resampler.flush()])


@pytest.mark.parametrize(
    ("source", "target", "hertz"),
    [(16_000, 48_000, 1_000), (16_000, 48_000, 6_000), (22_050, 48_000, 7_000), (48_000, 16_000, 1_000)],
)
@pytest.mark.parametrize("chunk", [137, 3_200])
def test_a_sine_keeps_its_level_and_gains_no_distortion(source: int, target: int, hertz: int, chunk: int) -> None:
    result = resampled(sine(source, hertz), source, target, chunk)
    assert len(result) == pytest.approx(target, abs=2)
    middle = result[target // 10 : -target // 10].astype(float)
    phase = 2 * np.pi * hertz * np.arange(len(middle)) / target
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    fit, *_ = np.linalg.lstsq(basis, middle, rcond=None)
    tone = basis @ fit
    assert 20 * np.log10(np.hypot(*fit) / 16_000) == pytest.approx(0.0, abs=0.05)
    assert 20 * np.log10((middle - tone).std() / tone.std()) < -80


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4000), min_size=1, max_size=8))
def test_the_seams_between_chunks_leave_no_trace(lengths: list[int]) -> None:
    samples = np.random.default_rng(1).integers(-20_000, 20_000, sum(lengths), np.int16)
    whole = resampled(samples, 16_000, 48_000, len(samples))
    resampler = Resampler(16_000, 48_000)
    parts = [resampler.feed(part) for part in np.split(samples, np.cumsum(lengths)[:-1])]
    assert np.array_equal(np.concatenate([*parts, resampler.flush()]), whole)


def test_an_alias_is_suppressed() -> None:
    assert np.abs(resampled(sine(48_000, 10_000), 48_000, 16_000, 480)[200:-200]).max() <= 2


def test_equal_rates_pass_through() -> None:
    samples = sine(48_000, 440)
    assert np.array_equal(resampled(samples, 48_000, 48_000, 960), samples)
