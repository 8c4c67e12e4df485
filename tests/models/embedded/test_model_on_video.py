"""The embedded model with the parts it ships with, on real video: one session with several wishes at once."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from joyvl_core.actions import Speak
from joyvl_core.models.embedded import make_embedded_model
from joyvl_core.observation import ChatLine, Instruction, Notice, Observation, TrackView, Trigger
from tests.clips import decoded, sampled

ROOT = Path(__file__).resolve().parents[3]
ENTERS = (4.5, 14.3, 14.8, 25.2)
WISHES = {
    "count": "Count the cars that pass",
    "zh count": "数一数经过的汽车",
    "appear": "Tell me when a vehicle shows up",
    "never": "Tell me when a purple bus shows up",
    "time": "Say the time every 5 seconds",
}
QUESTIONS = [
    (20.0, "how many so far?", "3"),
    (20.0, "到现在几辆了？", "3"),
    (29.0, "when did the red car come?", "0:15"),
    (29.0, "红色的车什么时候来的？", "0:15"),
]


@dataclass
class Heard:
    """What the bot said, by the wish or the question it served: session second and words."""

    said: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)


@pytest.fixture(scope="module")
def heard() -> Heard:
    path = Path(os.environ.get("JOYVL_MEDIA", ROOT.parent / "shared" / "media")) / "car-detection.mp4"
    if not path.exists():
        (pytest.fail if "CI" in os.environ else pytest.skip)(f"{path} is missing; JOYVL_MEDIA says where it is")
    return asyncio.run(watch(path))


async def watch(path: Path) -> Heard:
    """Looks at eight frames a second; ticks on a wake, on a question, on a timer and every second."""
    model = make_embedded_model(inline=True)
    instructions = tuple(Instruction(wish, text, "ann", 0.0) for wish, text in WISHES.items())
    heard, left, last, timer, n = Heard(), list(QUESTIONS), -1.0, None, 0
    for frame in sampled(decoded(path), 8.0):
        wake = model.look(frame).wake
        chat = tuple(ChatLine(text, "ann", text, frame.t, True) for at, text, _ in left if at <= frame.t)
        left = [line for line in left if line[0] > frame.t]
        due = wake or bool(chat) or frame.t - last >= 1.0 or (timer is not None and timer <= frame.t)
        while due:
            last, n = frame.t, n + 1
            view = TrackView("camera", "a road", frame)
            observation = Observation(
                n, frame.t, frame.t, 1e9, (Trigger.INTERVAL,), tracks=(view,), instructions=instructions, chat=chat
            )
            decision = await model.step(observation)
            due, chat, timer = decision.more, (), decision.wake_at
            heard.notices += decision.notices
            if isinstance(decision.action, Speak):
                served = decision.reply_to or decision.instruction or ""
                heard.said.setdefault(served, []).append((frame.t, decision.action.text))
    await model.aclose()
    return heard


@pytest.mark.parametrize("wish", ["count", "zh count"])
def test_each_car_is_counted_within_two_seconds(heard: Heard, wish: str) -> None:
    assert [text for _, text in heard.said[wish]] == ["1", "2", "3", "4"]
    assert all(-0.2 <= t - enters <= 2.0 for (t, _), enters in zip(heard.said[wish], ENTERS, strict=True))


def test_each_appearance_is_told_once(heard: Heard) -> None:
    assert len(heard.said["appear"]) == len(ENTERS)


def test_what_never_happens_is_not_told(heard: Heard) -> None:
    assert "never" not in heard.said


def test_the_time_is_told_on_time(heard: Heard) -> None:
    assert [text for _, text in heard.said["time"]] == [f"{k} seconds" for k in (5, 10, 15, 20, 25, 30)]
    assert all(abs(t - 5.0 * k) <= 0.3 for k, (t, _) in enumerate(heard.said["time"], 1))


@pytest.mark.parametrize(("at", "question", "right"), QUESTIONS)
def test_questions_are_answered_right(heard: Heard, at: float, question: str, right: str) -> None:
    [(t, answer)] = heard.said[question]
    assert abs(t - at) < 0.5
    assert right in answer


def test_what_was_understood_is_shown_for_every_wish(heard: Heard) -> None:
    assert [n.instruction for n in heard.notices if n.state == "understood"] == list(WISHES)
    assert [n.state for n in heard.notices if n.state != "understood"] == ["class_not_verified"]
