"""The codec: tokens a minute against sending every picture, time a frame, and the calibration of gamma.

`python -m tests.bench codec` prints the tables; `python -m tests.bench.bench_codec --calibrate` prints what gamma does.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2

from joyvl_core.codec import GAMMA, AdaCodec, ChangeDetector, TokenMeter
from joyvl_core.media import Frame
from joyvl_core.models.embedded.perception.text import TextReader
from joyvl_core.observation import FrameKind
from tests.clips import Shown, decoded, sampled
from tests.clips.captions import slides, subtitles
from tests.clips.scenes import crowd, noisy, pan, street

CARS = Path(os.environ.get("JOYVL_MEDIA", Path(__file__).parents[3] / "shared" / "media")) / "car-detection.mp4"
ROUNDS = 5

Source = Callable[[], Iterator[Frame]]
PAGES = [
    ("Where we stand", "Revenue grew by a fifth\nin the second quarter"),
    ("What went wrong", "Two releases came late"),
    ("下一步", "招聘两位工程师"),
    ("Questions", "Ask them now or write to us"),
]

CLIPS: dict[str, Source] = {
    "cars on a road (30 s)": lambda: decoded(CARS),
    "static scene": lambda: noisy(street(seconds=30), 4.0).frames(4.0),
    "busy scene": lambda: crowd(30).frames(4.0),
    "slides, one in 8 s": lambda: slides(PAGES, every=8).frames(4.0),
}
MOVING: tuple[Source, ...] = (
    lambda: decoded(CARS),
    *(lambda seed=seed: crowd(60, seed).frames(2.0) for seed in range(20, 26)),
    *(lambda speed=speed: pan(40, speed).frames(2.0) for speed in (15.0, 40.0, 90.0)),
    lambda: subtitles([Shown(f"Line {n} of the film", n * 4.0, n * 4.0 + 3.0) for n in range(10)]).frames(2.0),
)
"""Where things move: what gamma is calibrated on, at the engine's one frame a second."""
GAMMAS = (1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0)


def main() -> None:
    """Prints tokens a minute and milliseconds a frame, as one core works on it and whatever else the machine does."""
    cv2.setNumThreads(1)
    print("| clip | tokens/min, every picture | with the codec | saved | I / P / skip |")
    print("|---|---|---|---|---|")
    for name, source in CLIPS.items():
        if name.startswith("cars") and not CARS.is_file():
            print(f"| {name} | not there: set JOYVL_MEDIA | | | |")
            continue
        print(f"| {name} | {_tokens(source)} |")
    print()
    print("| one core, 640x360 | median ms | 95th percentile |")
    print("|---|---|---|")
    for name, times in _times().items():
        print(f"| {name} | {statistics.median(times) * 1e3:.2f} | {sorted(times)[int(len(times) * 0.95)] * 1e3:.2f} |")


def calibrate() -> None:
    """Prints for each gamma how long groups get on moving content, and what the cars cost."""
    print("| gamma | groups | median P-frames a group | cars, tokens/min |")
    print("|---|---|---|---|")
    for gamma in GAMMAS:
        groups = [length for source in MOVING for length in _groups(source, gamma)]
        cars = _tokens(CLIPS["cars on a road (30 s)"], gamma).split(" | ")[1]
        print(f"| {gamma:g} | {len(groups)} | {statistics.median(groups):g} | {cars} |", flush=True)


def _tokens(source: Source, gamma: float = GAMMA) -> str:
    codec, meter, last = AdaCodec(gamma=gamma), TokenMeter(), 0.0
    for frame in sampled(source(), 1.0):
        meter.add(codec.encode(frame).kind, frame.picture.size)
        last = frame.t
    minutes = (last + 1.0) / 60
    kinds = " / ".join(str(meter.frames.get(kind, 0)) for kind in (FrameKind.I, FrameKind.P, FrameKind.SKIP))
    return f"{meter.dense / minutes:.0f} | {meter.coded / minutes:.0f} | {meter.saved:.0%} | {kinds}"


def _groups(source: Source, gamma: float) -> list[int]:
    """P-frames of every group that has ended."""
    codec = AdaCodec(gamma=gamma)
    packets = [codec.encode(frame) for frame in sampled(source(), 1.0)]
    moving = [packet for packet in packets if packet.kind is not FrameKind.SKIP]
    return [before.position for before, after in itertools.pairwise(moving) if after.kind is FrameKind.I]


def _times() -> dict[str, list[float]]:
    frames = list(crowd(8).compressed(1_000_000))
    words = [Shown("Words to be read", 1.0, 7.0)]
    captioned = list(subtitles(words).compressed(1_000_000))
    times: dict[str, list[float]] = {"codec, busy scene": [], "look": [], "glance": [], "text, nothing new": []}
    for _ in range(ROUNDS):
        codec, detector, reader = AdaCodec(), ChangeDetector(), TextReader(inline=True)
        reader.wanted = True
        times["codec, busy scene"] += [_seconds(codec.encode, frame) for frame in sampled(iter(frames), 1.0)]
        for frame in frames:
            times["look"].append(_seconds(detector.look, frame))
            times["glance"].append(_seconds(detector.glance, frame.picture))
        times["text, nothing new"] += [_seconds(reader.look, frame) for frame in captioned]
        reader.close()
    return times


def _seconds(work: Callable[[Any], object], given: object) -> float:
    began = time.thread_time()
    work(given)
    return time.thread_time() - began


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--calibrate", action="store_true")
    (calibrate if arguments.parse_args().calibrate else main)()
