import asyncio
import itertools
import json

import pytest

from joyvl_core.actions import Speak
from joyvl_core.acts.gates import GateSettings
from joyvl_core.delegation import DelegationSettings
from joyvl_core.engine import EngineSettings
from joyvl_core.events import DeliveryEvent, InstructionEvent, StatusEvent, TicketEvent, encode, read_event
from joyvl_core.observation import Decision, Edit, FrameKind, Notice, Trigger
from tests.stand_ins import ListSink, ScriptedDelegate, ScriptedModel, picture, run_engine, ticks


def test_a_tick_every_second_exactly_on_the_grid():
    logged = ticks(run_engine(ScriptedModel(), 5))
    assert [tick.t for tick in logged] == pytest.approx([0, 1, 2, 3, 4, 5])
    assert logged[0].triggers == (Trigger.START,)
    assert {tick.triggers for tick in logged[1:]} == {(Trigger.INTERVAL,)}


def test_speech_goes_to_the_log_and_then_to_the_sinks():
    sink = ListSink()
    logged = ticks(run_engine(ScriptedModel({2: "</response> A red car."}), 3, sinks=[sink]))
    assert [tick.action for tick in logged] == ["silence", "silence", "speak", "silence"]
    assert sink.texts == ["A red car."]
    assert logged[2].raw == "</response> A red car."


def test_a_late_model_skips_ticks_and_is_told():
    async def slowly(observation):
        await asyncio.sleep(2.5 if observation.n == 1 else 0)
        return "</silence>"

    model = ScriptedModel(slowly)
    logged = ticks(run_engine(model, 6))
    assert [round(tick.wall - 1_700_000_000, 2) for tick in logged] == [0, 1, 3.5, 4, 5, 6]
    assert [seen.skipped for seen in model.seen] == [0, 0, 1, 0, 0, 0]


def test_a_chat_line_for_the_bot_brings_a_tick_at_once_and_others_wait():
    model = ScriptedModel()

    async def during(engine, clock):
        await clock.sleep_until(1.3)
        engine.add_chat("ann", "nice weather")
        await clock.sleep_until(1.5)
        engine.add_chat("ann", "how many?", addressed=True)

    logged = ticks(run_engine(model, 3, during=during))
    assert [tick.t for tick in logged] == pytest.approx([0, 1, 1.5, 2, 3])
    assert logged[2].triggers == (Trigger.CHAT,)
    assert [line.text for line in model.seen[2].chat] == ["nice weather", "how many?"]
    assert model.seen[3].chat == ()


def test_a_floor_keeps_events_from_flooding():
    async def during(engine, clock):
        for step in range(20):
            await clock.sleep_until(1 + step * 0.05)
            engine.add_chat("ann", f"line {step}", addressed=True)

    times = [tick.t for tick in ticks(run_engine(ScriptedModel(), 3, during=during))]
    assert all(later - earlier > 0.199 for earlier, later in itertools.pairwise(times))


def test_with_events_off_there_is_only_the_grid():
    async def during(engine, clock):
        await clock.sleep_until(1.5)
        engine.add_chat("ann", "how many?", addressed=True)

    logged = ticks(run_engine(ScriptedModel(), 3, during=during, settings=EngineSettings(events=False)))
    assert [tick.t for tick in logged] == pytest.approx([0, 1, 2, 3])
    assert Trigger.CHAT in logged[2].triggers


def test_the_model_can_ask_for_a_tick_by_the_clock():
    logged = ticks(run_engine(ScriptedModel(lambda seen: Decision(wake_at=2.4 if seen.now < 2.3 else None)), 3))
    assert [tick.t for tick in logged] == pytest.approx([0, 1, 2, 2.4, 3])
    assert logged[3].triggers == (Trigger.TIMER,)


def test_a_model_with_more_to_say_gets_another_tick():
    def answer(observation):
        return Decision(Speak("one"), more=True) if observation.n == 1 else "</silence>"

    logged = ticks(run_engine(ScriptedModel(answer), 2))
    assert [tick.t for tick in logged] == pytest.approx([0, 1, 1.2, 2])


def test_a_model_that_fails_is_silence_and_one_status_until_it_recovers():
    script = dict.fromkeys((1, 2, 3), ValueError("no weights"))
    events = run_engine(ScriptedModel(script), 5)
    assert {tick.action for tick in ticks(events)} == {"silence"}
    states = [(event.state, event.reason) for event in events if isinstance(event, StatusEvent)]
    assert states == [("model.failing", "no weights"), ("model.recovered", "the model answers again")]


def test_a_model_that_hangs_is_given_up():
    async def hang(observation):
        await asyncio.sleep(3_600 if observation.n == 1 else 0)
        return "</silence>"

    events = run_engine(ScriptedModel(hang), 12, settings=EngineSettings(deadline=5))
    assert any(isinstance(event, StatusEvent) and "within 5 s" in event.reason for event in events)
    assert ticks(events)[-1].t == pytest.approx(12)


def test_instructions_are_added_changed_and_cancelled_by_id():
    model = ScriptedModel()

    async def during(engine, clock):
        await clock.sleep_until(0.5)
        first, second = engine.instruct("count the cars"), engine.instruct("greet people")
        await clock.sleep_until(1.5)
        engine.change(first, "count the buses")
        engine.cancel(second)

    events = run_engine(model, 3, during=during)
    changes = [(e.id, e.state, e.text) for e in events if isinstance(e, InstructionEvent)]
    assert changes == [
        ("i1", "added", "count the cars"),
        ("i2", "added", "greet people"),
        ("i1", "changed", "count the buses"),
        ("i2", "cancelled", "greet people"),
    ]
    assert [wish.text for wish in model.seen[-1].instructions] == ["count the buses"]


def test_the_model_can_edit_instructions_because_somebody_asked():
    def answer(observation):
        return (
            Decision(edits=(Edit("add", text="count the cars", author="ann"),)) if observation.n == 1 else "</silence>"
        )

    model = ScriptedModel(answer)
    run_engine(model, 2)
    assert [(wish.id, wish.author) for wish in model.seen[-1].instructions] == [("i1", "ann")]


def test_an_edit_of_an_unknown_instruction_is_a_status():
    events = run_engine(ScriptedModel(lambda seen: Decision(edits=(Edit("cancel", id="i9"),))), 0)
    assert any(isinstance(event, StatusEvent) and event.state == "instruction.unknown_id" for event in events)


def test_a_gated_act_is_logged_as_gated_and_not_sent():
    sink = ListSink()
    script = dict.fromkeys(range(6), "</response> Hello.")
    settings = EngineSettings(gates=GateSettings(duplicate_s=2.5))
    logged = ticks(run_engine(ScriptedModel(script), 5, sinks=[sink], settings=settings))
    assert [tick.gate for tick in logged] == [None, "duplicate", "duplicate", None, "duplicate", "duplicate"]
    assert [tick.action for tick in logged] == ["speak", "silence", "silence", "speak", "silence", "silence"]
    assert {tick.decided for tick in logged} == {"speak"}
    assert sink.texts == ["Hello."] * 2


def test_a_delegation_is_spoken_and_its_result_comes_back_in_an_observation():
    sink = ListSink()
    delegate = ScriptedDelegate()
    model = ScriptedModel({1: "</response> Let me find out. </delegation> Whose dog is it?"})
    events = run_engine(model, 5, sinks=[sink], delegate=delegate)
    assert sink.texts == ["Let me find out."]
    tick = ticks(events)[1]
    assert (tick.action, tick.question, tick.ticket) == ("delegate", "Whose dog is it?", "d1")
    assert [(e.state, e.digest) for e in events if isinstance(e, TicketEvent)] == [
        ("running", ""),
        ("running", "thinking"),
        ("done", "It is a poodle."),
    ]
    news = [news for seen in model.seen for news in seen.results]
    assert [(item.id, item.digest) for item in news] == [("d1", "It is a poodle.")]


@pytest.mark.parametrize(
    ("delegate", "state"),
    [
        (None, "failed"),
        (ScriptedDelegate(ValueError("broken")), "failed"),
        (ScriptedDelegate(seconds=3_600), "timed_out"),
    ],
)
def test_a_delegation_that_comes_to_nothing_says_so(delegate, state):
    model = ScriptedModel({1: "</response> Wait. </delegation> Who?"})
    settings = EngineSettings(delegation=DelegationSettings(deadline=3))
    run_engine(model, 6, delegate=delegate, settings=settings)
    assert [news.state for seen in model.seen for news in seen.results] == [state]


def test_a_typed_question_is_answered_in_writing_only():
    voice, chat = ListSink("voice"), ListSink("chat")

    def answer(observation):
        return Decision(Speak("Three."), reply_to=observation.chat[0].id) if observation.chat else "</silence>"

    async def during(engine, clock):
        await clock.sleep_until(0.5)
        engine.add_chat("ann", "how many?", addressed=True)

    run_engine(ScriptedModel(answer), 1, during=during, sinks=[voice, chat])
    assert (voice.texts, chat.texts) == ([], ["Three."])


def test_a_tick_carries_the_time_of_its_picture_and_what_it_would_cost():
    async def during(engine, clock):
        engine.add_track("cam", "ann (camera)")
        for step in range(30):
            await clock.sleep_until(0.05 + step * 0.1)
            engine.offer_picture("cam", picture(), 100 + step * 0.1)

    logged = ticks(run_engine(ScriptedModel(), 2.9, during=during))
    assert logged[0].frame is FrameKind.NONE
    assert logged[1].t == pytest.approx(0.95)
    assert logged[1].frame is FrameKind.I
    assert logged[1].tokens > 0
    assert logged[2].frame is FrameKind.SKIP
    assert logged[2].tokens == 0


def test_every_event_survives_the_wire():
    model = ScriptedModel({1: "</response> Hm. </delegation> Who?", 2: Decision(notices=(Notice("x", "y", "z"),))})

    async def during(engine, clock):
        engine.instruct("count")
        engine.add_chat("ann", "hi 你好")
        engine.add_speech("bob", "hello")

    events = run_engine(model, 3, during=during, delegate=ScriptedDelegate())
    assert [read_event(encode(event)).kind for event in events] == [event.kind for event in events]
    assert all(json.loads(encode(event))["v"] == 1 for event in events)
    assert not any(isinstance(event, DeliveryEvent) for event in events)
