import asyncio
import itertools
import json
import math
import threading
import time

import pytest

from joyvl_core.actions import Speak
from joyvl_core.acts.gates import GateSettings
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.delegation import DelegationSettings
from joyvl_core.engine import Engine
from joyvl_core.engine_settings import EngineSettings
from joyvl_core.events import DeliveryEvent, EventLog, InstructionEvent, StatusEvent, TicketEvent, encode, read_event
from joyvl_core.observation import Decision, Edit, FrameKind, Notice, Request, Trigger
from joyvl_core.threads import in_thread
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
    assert states == [("model.failing", "no weights"), ("model.recovered", "the model works again")]


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
    assert [(item.state, item.digest) for item in news] == [("running", "thinking"), ("done", "It is a poodle.")]


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
    assert [news.state for seen in model.seen for news in seen.results][-1] == state


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


# --- nothing is lost, and nothing ends a session ----------------------------------------------


def test_what_was_said_while_the_model_hung_is_shown_again_until_it_answers():
    async def hang(observation):
        await asyncio.sleep(3_600 if observation.now < 10 else 0)
        return "</silence>"

    async def during(engine, clock):
        await clock.sleep_until(0.5)
        engine.add_chat("ann", "how many?", addressed=True)
        await clock.sleep_until(3.0)
        engine.add_speech("bob", "hello")

    model = ScriptedModel(hang)
    run_engine(model, 16, during=during, settings=EngineSettings(deadline=5))
    answered = [seen for seen in model.seen if seen.now >= 10]
    assert [line.text for line in answered[0].chat] == ["how many?"]
    assert [line.text for line in answered[0].speech] == ["hello"]
    assert not any(seen.chat or seen.speech for seen in answered[1:])


def test_a_line_that_breaks_the_model_is_shown_twice_and_no_more():
    model = ScriptedModel(lambda seen: ValueError("poison") if seen.chat else "</silence>")

    async def during(engine, clock):
        await clock.sleep_until(0.5)
        engine.add_chat("ann", "\u0000", addressed=True)

    events = run_engine(model, 5, during=during)
    assert sum(bool(seen.chat) for seen in model.seen) == 2
    assert [e.state for e in events if isinstance(e, StatusEvent)] == ["model.failing", "model.recovered"]


def test_two_calls_of_a_model_never_overlap_even_where_its_thread_outlives_the_deadline():
    under_way, most, release = 0, 0, threading.Event()

    def work():
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        release.wait(0.3)
        under_way -= 1

    class Threaded(ScriptedModel):
        async def step(self, observation):
            await in_thread(work)
            return Decision()

    async def main():
        clock = LoopClock()
        log = EventLog(clock)
        settings = EngineSettings(interval=0.05, floor=0.01, deadline=0.1)
        engine = Engine(Threaded(), clock, log, settings=settings)
        running = asyncio.create_task(engine.run())
        await asyncio.sleep(0.6)
        release.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return ticks(log.recent())

    assert len(asyncio.run(main())) > 3
    assert most == 1


@pytest.mark.parametrize("answer", [None, "</silence>", Decision(Speak(3)), Decision(instruction=5)])
def test_an_answer_that_is_none_is_silence_and_a_status(answer):
    class Odd(ScriptedModel):
        async def step(self, observation):
            return answer

    events = run_engine(Odd(), 2)
    assert [tick.action for tick in ticks(events)] == ["silence"] * 3
    assert [e.state for e in events if isinstance(e, StatusEvent)] in (["model.failing"], ["answer.failing"])


def test_a_model_that_flaps_does_not_flood_the_log():
    events = run_engine(ScriptedModel(lambda seen: ValueError(f"{seen.n}") if seen.n % 2 else "</silence>"), 100)
    assert len([e for e in events if isinstance(e, StatusEvent)]) <= 4


def test_a_sink_that_raises_keeps_nobody_else_from_speaking():
    class Broken(ListSink):
        def offer(self, act):
            raise RuntimeError("no paper")

    good = ListSink()
    events = run_engine(ScriptedModel(lambda seen: f"</response> {seen.n}"), 2, sinks=[Broken(), good])
    assert good.texts == ["0", "1", "2"]
    assert [e.reason for e in events if isinstance(e, StatusEvent)] == ["no paper"]


def test_halves_of_characters_and_numbers_that_are_none_reach_the_log_as_what_json_knows():
    model = ScriptedModel(lambda seen: Decision(Speak("a\ud83d"), p_silence=math.nan, notices=(Notice("x", "\udcff"),)))

    async def during(engine, clock):
        engine.add_chat("\ud800", "half \udc00\x1b[2J\u2028", addressed=True)
        engine.instruct("count \udcff")

    for event in run_engine(model, 1, during=during):
        line = encode(event)
        line.encode("utf-8")
        assert len(line.splitlines()) == 1
        assert "\\u001b" not in line
        assert "NaN" not in line
        assert read_event(line).kind == event.kind


def test_a_flood_of_small_talk_leaves_what_is_meant_for_the_bot():
    model = ScriptedModel()

    async def during(engine, clock):
        await clock.sleep_until(0.5)
        engine.add_speech("bob", "listen", addressed=True, final=False)
        for number in range(500):
            engine.add_chat("ann", f"blah {number}", addressed=number == 3)

    events = run_engine(model, 2, during=during)
    shown = next(seen for seen in model.seen if seen.chat)
    assert len(shown.chat) + len(shown.speech) == 64
    assert shown.chat[0].text == "blah 3"
    assert [line.text for line in shown.speech] == ["listen"]
    assert [e.state for e in events if isinstance(e, StatusEvent)] == ["chat.dropped"]


def test_a_very_long_line_is_cut_and_says_so():
    model = ScriptedModel()

    async def during(engine, clock):
        engine.add_chat("ann", "x" * 20_000, addressed=True)

    run_engine(model, 1, during=during)
    line = next(seen for seen in model.seen if seen.chat).chat[0]
    assert len(line.text) == 2_000
    assert line.text.endswith("…")


def test_a_track_that_ends_while_it_is_encoded_is_not_shown():
    model = ScriptedModel()

    async def during(engine, clock):
        for track in ("a", "b"):
            engine.add_track(track, track)
            engine.offer_picture(track, Slow(), 0.0)
        Slow.engine, Slow.loop = engine, asyncio.get_running_loop()

    class Slow:
        size = (64, 36)

        def luma(self):
            Slow.loop.call_soon_threadsafe(Slow.engine.remove_track, "b")
            time.sleep(0.02)
            return picture().luma()

        def rgb(self, within=None):
            return picture().rgb(within)

    run_engine(model, 1, during=during)
    assert [view.id for view in model.seen[-1].tracks] == ["a"]


def test_a_picture_that_nobody_can_read_is_a_status():
    class Torn:
        size = (64, 36)

        def luma(self):
            raise ValueError("torn")

        rgb = luma

    async def during(engine, clock):
        engine.add_track("cam", "ann")
        for step in range(20):
            await clock.sleep_until(step * 0.1)
            engine.offer_picture("cam", Torn(), step * 0.1)

    events = run_engine(ScriptedModel(), 2, during=during)
    assert sorted(e.state for e in events if isinstance(e, StatusEvent)) == ["codec.failing", "look.failing"]
    assert len(ticks(events)) >= 3


def test_a_decision_that_takes_long_shows_as_thinking():
    shown = []

    async def answer(observation):
        await asyncio.sleep(2.0 if observation.n == 1 else 0.3)
        return "</silence>"

    async def main():
        clock = LoopClock()
        engine = Engine(
            ScriptedModel(answer), clock, EventLog(clock), on_thinking=lambda now: shown.append((clock.now(), now))
        )
        running = asyncio.create_task(engine.run())
        await asyncio.sleep(6)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(main())
    assert shown == [(pytest.approx(1.5), True), (pytest.approx(3.0), False)]


def test_a_session_that_ends_cancels_the_call_and_the_tickets_and_closes_the_model():
    async def slow(observation):
        if observation.n == 2:
            await asyncio.sleep(3_600)
        return "</response> Wait. </delegation> Who?" if observation.n == 1 else "</silence>"

    model = ScriptedModel(slow)
    events = run_engine(model, 3, delegate=ScriptedDelegate(seconds=3_600))
    assert [e.state for e in events if isinstance(e, TicketEvent)][-1] == "cancelled"
    assert model.closed


def test_quiet_on_request_ends_by_itself_and_lets_replies_through():
    def answer(observation):
        if observation.n == 1:
            return Decision(requests=(Request("quiet", 3.0),))
        return Decision(Speak(f"{observation.n}"), reply_to="c1" if observation.n == 3 else None)

    logged = ticks(run_engine(ScriptedModel(answer), 5))
    assert [tick.gate for tick in logged] == [None, None, "quiet", None, None, None]
