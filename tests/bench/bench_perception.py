"""Perception on the drawn scenes: `python -m tests.bench.bench_perception [develop|measure] [--fps N] [--scenes]`."""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, field

import cv2

from joyvl_core.media import Frame, RgbPicture
from joyvl_core.models.embedded.perception import Perception
from joyvl_core.models.embedded.percepts import Percept, PerceptKind
from tests.scenes import COUNT, Scene, Score, scenes, score

_SMALL = (320, 180)
_MAIN = (PerceptKind.APPEAR.value, PerceptKind.LEAVE.value, COUNT)


@dataclass(slots=True)
class Results:
    """All scenes of a split together."""

    scores: dict[str, Score] = field(default_factory=dict)
    quiet_minutes: float = 0.0
    quiet_alarms: int = 0
    moving_ms: list[float] = field(default_factory=list)
    still_ms: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def run(scene: Scene, fps: float, results: Results) -> None:
    """Looks at one scene and adds how it went."""
    perception = Perception()
    percepts: list[Percept] = []
    for frame in scene.frames(fps):
        # Shrinking is the room's cost, not perception's.
        small = Frame(frame.track, RgbPicture(frame.picture.rgb(_SMALL)), frame.t)
        start = time.thread_time()
        percepts += perception.look(small)
        spent = (time.thread_time() - start) * 1e3
        (results.moving_ms if perception.busy() else results.still_ms).append(spent)
    scored = score(scene.truth, percepts)
    for kind, value in scored.items():
        results.scores[kind] = results.scores.get(kind, Score()) + value
    if scene.truth.quiet:
        results.quiet_minutes += scene.seconds / 60
        results.quiet_alarms += len(percepts)
    mistakes = [f"{k} +{v.false} -{v.missed}" for k, v in scored.items() if v.false or v.missed]
    if mistakes:
        true = " ".join(f"{h.kind}@{h.t:.1f}" for h in scene.truth.happenings)
        told = " ".join(f"{p.kind}@{p.known:.1f}" for p in percepts)
        results.wrong.append(f"{scene.name}: {', '.join(mistakes)}\n    true: {true}\n    told: {told}")


def table(split: str, results: Results) -> str:
    """The results as a markdown table."""
    lines = [
        f"**{split}**",
        "",
        "| event | n | precision | recall | F1 | late, median | late, p95 |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in (*_MAIN, *(k for k in results.scores if k not in _MAIN)):
        s = results.scores[kind]
        lines.append(
            f"| {kind} | {s.hits + s.missed} | {s.precision:.2f} | {s.recall:.2f} | {s.f1:.2f} "
            f"| {s.late(50):.2f} s | {s.late(95):.2f} s |"
        )
    moving, still = statistics.median(results.moving_ms or [0]), statistics.median(results.still_ms or [0])
    alarms = results.quiet_alarms / max(results.quiet_minutes, 1e-9)
    lines += [
        "",
        f"False alarms per quiet minute: {alarms:.2f} (in {results.quiet_minutes:.1f} minutes). "
        f"Milliseconds of one core a look, median: {moving:.1f} while something moves, "
        f"{still:.1f} while nothing does.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("splits", nargs="*", default=["develop", "measure"])
    parser.add_argument("--fps", type=float, default=8.0)
    parser.add_argument("--only", default="", help="scenes whose name contains this")
    parser.add_argument("--scenes", action="store_true", help="also what went wrong, scene by scene")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for split in arguments.splits:
        results = Results()
        for scene in scenes(split):
            if arguments.only in scene.name:
                run(scene, arguments.fps, results)
        print(table(split, results))
        if arguments.scenes:
            print("\n".join(results.wrong))
            print(len(results.wrong), "scenes with mistakes")


if __name__ == "__main__":
    main()
