"""A recorded session stepped through again: the model is shown what it was shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from joyvl_core.actions import Delegate, Speak
from joyvl_core.clock import run_virtual
from joyvl_core.engine_settings import EngineSettings
from joyvl_core.errors import UnavailableError
from joyvl_core.events import (
    AnyEvent,
    ChatEvent,
    InstructionEvent,
    SpeechEvent,
    StatusEvent,
    TicketEvent,
    TickEvent,
    TrackCost,
)
from joyvl_core.media import Frame
from joyvl_core.observation import (
    Decision,
    Edit,
    FrameKind,
    Observation,
    Recollection,
    TicketState,
    Trigger,
)
from joyvl_core.ports import Look
from joyvl_core.replay import PastArchive, Replay, ReplayOptions, Step, Tally, Verdict, survey, verdict_of
from joyvl_core.store.rows import StoredPicture
from joyvl_core.store.store import Store
from joyvl_core.turns import Terms
from tests.clips.scenes import Mover, street
from tests.stand_ins import ScriptedDelegate, ScriptedModel
from tests.stand_ins.recorded import record

WALL = 1_700_000_000.0


class Watching(ScriptedModel):
    """A scripted model that looks at frames too."""

    def __init__(self, script: Any = None) -> None:
        super().__init__(script)
        self.looked: list[float] = []

    def look(self, frame: Frame) -> Look:
        self.looked.append(frame.t)
        return Look(wake=False, busy=frame.t % 4 < 2)


class Turns(ScriptedModel):
    """A scripted model that takes turns."""

    def __init__(self, script: Any = None, terms: Terms | None = None) -> None:
        super().__init__(script)
        self.its_terms = terms or Terms()

    def terms(self) -> Terms:
        return self.its_terms


def tick(n: int, t: float, action: str = "silence", text: str = "", **more: Any) -> TickEvent:
    fields = {"triggers": (Trigger.INTERVAL,), "decided": action, "latency_ms": 1.0, "wall": WALL + t, **more}
    return TickEvent.model_validate({"t": t, "n": n, "action": action, "text": text, **fields})


def at(t: float, kind: Any, **fields: Any) -> Any:
    return kind(wall=WALL + t, t=t, **fields)


def jpeg(value: int = 90) -> bytes:
    return cv2.imencode(".jpg", np.full((128, 128, 3), value, np.uint8))[1].tobytes()


def shown(t: float, n: int | None, value: int = 90, kind: FrameKind = FrameKind.I) -> StoredPicture:
    return StoredPicture("frame", t, 1, "camera", jpeg(value), n, kind)


def cost(kind: str, tokens: int = 0) -> TrackCost:
    return TrackCost(id="camera", frame=FrameKind(kind), tokens=tokens, age_ms=1.0)


async def each(items: Iterable[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


def steps(
    model: Any,
    events: list[AnyEvent],
    pictures: list[StoredPicture] | None = None,
    options: ReplayOptions | None = None,
    archive: Any = None,
) -> list[Step]:
    async def main() -> list[Step]:
        recorded = await survey(each(events))
        replay = Replay(model, recorded, options, archive)
        async with aclosing(replay.steps(each(events), each(pictures or []))) as found:
            return [step async for step in found]

    return run_virtual(main())


def replayed(url: str, session: str, model: Any, **options: Any) -> list[Step]:
    async def main() -> list[Step]:
        async with Store.open(url) as store:
            replay = Replay(model, await survey(store.events(session)), ReplayOptions(**options))
            found = replay.steps(store.events(session), store.pictures(session, kind="frame"))
            async with aclosing(found):
                return [step async for step in found]

    return run_virtual(main())


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/joyvl.db"


def chatty(observation: Observation) -> Any:
    """Says what it was shown: differs where anything of it does."""
    lines = [f"{line.id} {line.author}: {line.text}" for line in observation.chat]
    news = [f"{each.id} {each.state} {each.digest}" for each in observation.results]
    if observation.n == 7 and observation.can_delegate:
        return Decision(Delegate("Let me ask.", "What breed?"), instruction="i1")
    if lines or news or observation.n % 5 == 0:
        wishes = [f"{wish.id} {wish.text} {wish.t:.1f}" for wish in observation.instructions]
        frames = [f"{view.id} {view.frame.t if view.frame else None}" for view in observation.tracks]
        heads = f"{observation.n} {observation.t:.2f} {observation.now:.2f} {observation.triggers}"
        edits = (Edit("add", "Watch the door", author="ann"),) if observation.n == 5 else ()
        return Decision(Speak(f"{heads} {lines} {news} {wishes} {frames}"), edits=edits)
    return "</silence>"


CLIP = street(Mover(2, 5), Mover(7, 10, leftwards=True), seconds=14)


@pytest.mark.parametrize("kind", [ScriptedModel, Watching, Turns])
def test_the_same_model_on_the_same_session_decides_the_same(url: str, kind: Callable[[Any], Any]) -> None:
    says = [(3.0, "@bot what now?"), (6.3, "and now?")]
    wishes = ["Count the cars", "Say hello"]
    first = kind(chatty)
    record(url, first, CLIP, says=says, instructions=wishes, delegate=ScriptedDelegate(seconds=2.0))
    second = kind(chatty)
    found = replayed(url, "kept", second)
    assert [verdict_of(step) for step in found] == [Verdict.SAME] * len(found)
    assert len(found) == len(first.seen) >= 14
    assert second.closed
    for before, now in zip(first.seen, second.seen, strict=True):
        assert now.tracks[0].kind == before.tracks[0].kind
        assert now.tracks[0].tokens == before.tracks[0].tokens
    if isinstance(first, Watching) and isinstance(second, Watching):
        assert second.looked == [pytest.approx(t, abs=1e-3) for t in first.looked if t <= first.seen[-1].t]


def test_a_session_that_was_taken_up_again_is_one_session(url: str) -> None:
    record(url, ScriptedModel(chatty), street(seconds=3), instructions=["Count"])
    record(url, ScriptedModel(chatty), street(seconds=4), settings=EngineSettings(interval=0.5))
    found = replayed(url, "kept", ScriptedModel(chatty))
    assert len(found) > 10


def test_the_pictures_are_those_that_the_model_saw(url: str) -> None:
    means: list[tuple[int, float]] = []

    def note(observation: Observation) -> str:
        frame = observation.tracks[0].frame
        if frame is not None:
            means.append((observation.n, float(frame.picture.rgb((64, 64)).mean())))
        return "</silence>"

    record(url, ScriptedModel(note), CLIP)
    before, means = means, []
    replayed(url, "kept", ScriptedModel(note))
    assert [n for n, _ in means] == [n for n, _ in before]
    assert [mean for _, mean in means] == [pytest.approx(mean, abs=1.5) for _, mean in before]


def test_other_instructions_take_the_place_of_the_recorded_ones_and_the_model_may_change_them() -> None:
    events: list[AnyEvent] = [
        at(0.0, InstructionEvent, id="i1", state="added", text="Count", author="operator"),
        tick(0, 0.0),
        at(0.5, InstructionEvent, id="i2", state="added", text="Greet", author="ann"),
        tick(1, 1.0),
        tick(2, 2.0),
    ]
    edits = {0: (Edit("add", "More"), Edit("cancel", id="i1")), 1: (Edit("change", "Else", id="i2"),)}
    model = ScriptedModel(lambda seen: Decision(edits=edits.get(seen.n, ())))
    steps(model, events, options=ReplayOptions(instructions=("Read signs",)))
    assert [[(wish.id, wish.text) for wish in seen.instructions] for seen in model.seen] == [
        [("i1", "Read signs")],
        [("i2", "More")],
        [("i2", "Else")],
    ]
    plain = ScriptedModel(lambda seen: Decision(edits=edits.get(seen.n, ())))
    steps(plain, events)
    assert [[wish.id for wish in seen.instructions] for seen in plain.seen] == [["i1"], ["i1", "i2"], ["i1", "i2"]]


def test_what_came_in_while_the_model_was_at_a_tick_belongs_to_the_next() -> None:
    events = [
        at(0.0, StatusEvent, state="room.joined", reason="joined"),
        tick(0, 0.0),
        at(0.9, ChatEvent, id="c1", author="ann", text="one", addressed=True),
        at(1.7, ChatEvent, id="c2", author="ann", text="two", addressed=False),
        tick(1, 1.0),
        at(1.9, SpeechEvent, id="s3", speaker="bob", text="three", final=True),
        tick(2, 1.95, wall=WALL + 2.0),
    ]
    model = ScriptedModel()
    steps(model, events)
    assert [[line.id for line in (*seen.chat, *seen.speech)] for seen in model.seen] == [[], ["c1"], ["c2", "s3"]]
    assert [(seen.t, seen.now) for seen in model.seen] == [(0.0, 0.0), (1.0, 1.0), (1.95, 2.0)]


def test_results_come_back_with_what_they_belong_to_and_no_ticket_is_opened() -> None:
    events = [
        tick(0, 0.0, "delegate", "Hm", note="Hm", question="What?", ticket="d1", instruction="i1", reply_to="c1"),
        at(0.1, TicketEvent, id="d1", state=TicketState.RUNNING, question="What?"),
        at(0.5, TicketEvent, id="d1", state=TicketState.RUNNING, question="What?", digest="looking"),
        tick(1, 1.0),
        at(1.5, TicketEvent, id="d1", state=TicketState.DONE, question="What?", digest="A poodle."),
        tick(2, 2.0),
    ]
    model = ScriptedModel()
    steps(model, events)
    news = [
        [(each.state, each.digest, each.instruction, each.reply_to) for each in seen.results] for seen in model.seen
    ]
    assert news == [
        [],
        [(TicketState.RUNNING, "looking", "i1", "c1")],
        [(TicketState.DONE, "A poodle.", "i1", "c1")],
    ]
    assert all(seen.can_delegate for seen in model.seen)


def test_a_model_that_takes_turns_is_asked_once_a_second_and_owed_what_it_was_not_shown() -> None:
    events = [
        tick(0, 0.0, tracks=(cost("I", 18),)),
        tick(1, 0.6, "speak", "Look", tracks=(cost("I", 18),)),
        tick(2, 1.2, tracks=(cost("skip"),)),
        tick(3, 2.0, tracks=(cost("P", 18),)),
        tick(4, 3.0, tracks=(cost("skip"),)),
    ]
    pictures = [shown(0.0, 0), shown(0.6, 1, 120), shown(2.0, 3, 140, FrameKind.P)]
    model = Turns()
    found = steps(model, events, pictures)
    assert [step.decision is None for step in found] == [False, True, False, False, False]
    assert verdict_of(found[1]) is Verdict.NO_TURN
    assert [seen.tracks[0].kind for seen in model.seen] == ["I", "I", "P", "skip"]
    assert [step.tokens for step in found] == [18, 0, 18, 18, 0]


def test_its_terms_are_kept_to() -> None:
    events = [tick(0, 0.0, tracks=(cost("I", 18),)), tick(1, 1.0, tracks=(cost("P", 18),)), tick(2, 2.0)]
    pictures = [shown(0.0, 0), shown(1.0, 1, kind=FrameKind.P)]
    model = Turns(terms=Terms(predicted=False))
    steps(model, events, pictures)
    assert [view.kind for seen in model.seen for view in seen.tracks] == ["I", "I"]
    again = Turns(terms=Terms(keyframe=True))
    steps(again, [*events[:1], tick(1, 1.0, tracks=(cost("skip"),))], pictures[:1])
    assert [view.kind for seen in again.seen for view in seen.tracks] == ["I", "I"]


def test_frames_are_looked_at_before_their_tick_where_no_looks_were_recorded() -> None:
    events = [tick(n, float(n), tracks=(cost("I", 18),)) for n in range(3)]
    model = Watching()
    steps(model, events, [shown(float(n), n) for n in range(3)])
    assert model.looked == [0.0, 1.0, 2.0]


def test_times_in_the_log_are_rounded_those_of_pictures_are_not() -> None:
    events = [tick(0, 0.3333, tracks=(cost("I", 18),))]
    model = Watching()
    steps(model, events, [shown(1 / 3, None)])
    assert model.looked == [1 / 3]
    assert model.seen[0].tracks[0].frame is not None


def test_a_picture_that_cannot_be_read_or_is_missing_is_none() -> None:
    events = [tick(n, float(n), tracks=(cost("I", 18),)) for n in range(3)]
    pictures = [replace(shown(0.0, 0), jpeg=b"no picture"), shown(2.0, 2)]
    model = Watching()
    steps(model, events, pictures)
    assert [seen.tracks[0].frame is None for seen in model.seen] == [True, True, False]
    assert model.looked == [2.0]


def test_a_window_begins_with_the_picture_and_the_instructions_of_then() -> None:
    events: list[AnyEvent] = [
        at(0.0, InstructionEvent, id="i1", state="added", text="Count", author="operator"),
        *(tick(n, float(n), tracks=(cost("I" if n == 0 else "skip"),)) for n in range(8)),
    ]
    model = ScriptedModel()
    found = steps(model, events, [shown(0.0, 0)], ReplayOptions(since=3.0, until=5.0))
    assert [step.now for step in found] == [3.0, 4.0, 5.0]
    assert [view.kind for seen in model.seen for view in seen.tracks] == ["I", "skip", "skip"]
    assert all(seen.tracks[0].frame and seen.instructions for seen in model.seen)


def test_a_model_that_fails_or_hangs_fails_that_tick_and_is_shown_the_line_again() -> None:
    broken = {1: UnavailableError("away", source="m", kind="k", retryable=True), 2: ValueError("odd")}
    events = [
        tick(0, 0.0),
        at(0.5, ChatEvent, id="c1", author="ann", text="one", addressed=True),
        tick(1, 1.0),
        tick(2, 2.0),
        tick(3, 3.0),
    ]
    model = ScriptedModel(broken)
    found = steps(model, events)
    assert [step.failed for step in found] == ["", "away", "odd", ""]
    assert [[line.id for line in seen.chat] for seen in model.seen] == [[], ["c1"], ["c1"], []]


def test_a_look_that_fails_fails_its_tick_and_a_model_that_only_fails_is_given_up() -> None:
    class Torn(Watching):
        def look(self, frame: Frame) -> Look:
            raise ValueError("torn")

    events = [tick(n, float(n), tracks=(cost("I", 18),)) for n in range(9)]
    found = steps(Torn(), events, [shown(0.0, 0), shown(4.0, 4)])
    assert [step.failed for step in found] == ["torn", "", "", "", "torn", "", "", "", ""]
    model = Torn()
    with pytest.raises(ValueError, match="torn"):
        steps(model, events, [shown(float(n), n) for n in range(9)])
    assert model.closed


def test_a_model_that_adds_wishes_without_end_is_bounded() -> None:
    model = ScriptedModel(lambda seen: Decision(edits=tuple(Edit("add", f"wish {n}") for n in range(20))))
    steps(model, [tick(n, float(n)) for n in range(5)], options=ReplayOptions(instructions=("Count",)))
    assert len(model.seen[-1].instructions) == 32


def test_lines_that_were_erased_are_not_shown_and_an_empty_log_has_no_steps() -> None:
    events = [at(0.0, ChatEvent, id="c1", author="", text="", addressed=True), tick(0, 0.0)]
    model = ScriptedModel()
    steps(model, events)
    assert not model.seen[0].chat
    assert steps(ScriptedModel(), []) == []


def test_an_archive_tells_nothing_of_what_was_still_to_come() -> None:
    class Whole:
        async def search(self, question: str, *, now: float, limit: int = 6) -> tuple[Recollection, ...]:
            spans = [(t, f"at {t:g}", t + 5) for t in (100.0, 10.0, 18.0, 3.0)]
            return tuple(Recollection(t, "seen", words, until) for t, words, until in spans)

    events = [
        at(19.0, ChatEvent, id="c1", author="ann", text="when?", addressed=True),
        tick(0, 20.0),
    ]
    model = Turns()
    steps(model, events, archive=PastArchive(Whole()))
    assert [hit.text for hit in model.seen[0].recalled] == ["at 10", "at 3"]


def step(was: str, now: str, t: float = 0.0) -> Step:
    event = tick(0, t, "speak" if was else "silence", was)
    return Step(event, t, Decision(Speak(now)) if now else Decision())


@pytest.mark.parametrize(
    ("was", "now", "verdict"),
    [("", "", "same"), ("1", "1", "same"), ("1", "2", "words"), ("1", "", "action"), ("", "1", "action")],
)
def test_verdicts(was: str, now: str, verdict: str) -> None:
    assert verdict_of(step(was, now)) == verdict


def test_the_sum_knows_what_was_only_said_at_another_moment() -> None:
    tally = Tally()
    for each_step in (step("", ""), step("1", "", 1.0), step("", "1", 2.0), step("2", "2", 3.0), step("3", "", 9.0)):
        tally.add(each_step)
    tally.add(step("", "3", 12.0))
    assert (tally.moved, tally.acts, tally.acts_same) == (1, 5, 1)
    assert tally.agreement == pytest.approx(2 / 6)
    assert tally.was.actions == {"silence": 3, "speak": 3, "delegate": 0}
    assert Tally().agreement is None


def test_a_survey_pairs_tracks_with_labels_where_it_can() -> None:
    events = [
        at(0.0, StatusEvent, state="track.added", reason="Ann's camera"),
        tick(0, 0.0, tracks=(cost("I"),)),
        tick(1, 1.0, tracks=(cost("skip"),)),
    ]
    found = run_virtual(survey(each(events)))
    assert (found.ticks, found.video, found.delegated, dict(found.labels)) == (
        2,
        True,
        False,
        {"camera": "Ann's camera"},
    )
