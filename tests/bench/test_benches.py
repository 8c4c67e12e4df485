"""One small case of each benchmark of what a model is shown."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench import bench_gpu, bench_legibility
from tests.bench.bench_tokens import missed, row
from tests.bench.shown import POLICIES, SEVENTH, shown
from tests.clips import Shown, decoded, sampled
from tests.clips.captions import slides
from tests.conftest import ROOT, _missing


def test_no_car_of_the_video_is_missed(media: Callable[[str], Path]):
    frames = list(sampled(decoded(media("car-detection.mp4")), 1.0))
    assert missed(shown(frames, POLICIES["codec"])) == []
    assert len(missed(shown(frames[:12], POLICIES["codec"]))) == 3


def test_a_row_counts_what_is_shown():
    clip = slides([("Agenda", "Budget"), ("Budget", "Costs fell")], every=3.0)
    counted = row("slides", clip.frames(1.0), lambda pictures: 10 * len(pictures))
    assert counted == "| slides | 600 | 200 | 600 | 3.0 | 4440 | 2 / 0 / 4 |"


def test_words_are_read_in_what_the_codec_shows_and_not_at_a_seventh_of_the_pixels():
    sign = bench_legibility.signs(size=16, contrast=50, every=3.0)
    clip = type(sign)(sign.draw, 3.0, shown=(Shown(bench_legibility.LABELS[0], 0.0, 3.0),))
    newest, back = bench_legibility.words(clip, POLICIES["codec"])
    assert (newest.hits, newest.asked) == (back.hits, back.asked) == (2, 2)
    assert bench_legibility.words(clip, SEVENTH)[0].hits == 0


@pytest.mark.parametrize("policy", POLICIES)
def test_a_thing_of_some_size_is_seen(policy: str):
    tally = bench_legibility.things(24, POLICIES[policy])
    assert tally.hits == tally.asked == 8


@pytest.mark.e2e
def test_the_steps_can_be_timed_on_a_processor():
    if not bench_gpu.PYTHON.is_file():
        _missing("there is no torch here: `deploy/setup.sh dev` makes .tools/vllm, which has it")
    command = [bench_gpu.PYTHON, "-W", "ignore", "-m", "tests.bench.bench_gpu", "--tiny"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.count("|") for line in ran.stdout.splitlines()[-2:]] == [9, 9]
