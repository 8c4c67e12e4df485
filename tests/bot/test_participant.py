import asyncio
import itertools

import pytest

from bot.brief import Brief, Persona, Say
from bot.participant import Participant
from bot.phrases import ANNOUNCEMENT, GOODBYE
from joyvl_core.actions import Speak
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.engine_settings import EngineSettings
from joyvl_core.errors import BadInputError, UnavailableError
from joyvl_core.events import ChatEvent, DeliveryEvent, EventLog, InstructionEvent, StatusEvent, read_event
from joyvl_core.observation import Decision, Edit, Notice, Request
from joyvl_core.ports import AgentState, RoomState, RoomStatus
from tests.stand_ins import ScriptedModel, picture, ticks
from tests.stand_ins.room import JOINED, ScriptedRoom
from tests.stand_ins.voice import ToneSpeech

LOST = RoomStatus(RoomState.RECONNECTING, "connection_lost")
BACK = RoomStatus(RoomState.JOINED, "reconnected")


class Stay:
    """What is left of a stay: its room, its log and how it ended."""

    def __init__(self, room, events, ended):
        self.room, self.events, self.ended = room, events, ended

    def statuses(self, prefix=""):
        return [e.state for e in self.events if isinstance(e, StatusEvent) and e.state.startswith(prefix)]


def live(script, model=None, *, heard=False, seconds=30, **brief):
    """A stay in a scripted room, on the virtual clock."""

    async def main():
        clock = LoopClock(started=False, wall=lambda: 1_700_000_000.0)
        log = EventLog(clock, keep=100_000)
        room = ScriptedRoom(script, heard=heard)
        voice = ToneSpeech() if heard else None
        participant = Participant(
            room, model or ScriptedModel(), clock, log, voice=voice, brief=Brief(seconds=seconds, **brief)
        )
        ended = await participant.run()
        return Stay(room, list(log.recent()), ended)

    return run_virtual(main())


async def nothing(room, listener):
    pass


async def ask(room, listener, *lines, each=2.0):
    for line in lines:
        await asyncio.sleep(each)
        listener.on_chat("ann", line)


def asking(*lines, each=2.0):
    return lambda room, listener: ask(room, listener, *lines, each=each)


# --- coming and going -------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_says_once_that_an_ai_is_watching(language):
    stay = live(nothing, persona=Persona("Eye", language))
    assert stay.room.texts == [ANNOUNCEMENT[language].format(name="Eye")]
    assert "AI" in stay.room.texts[0]
    assert stay.ended == RoomStatus(RoomState.LEFT, "asked")
    assert stay.room.left_at == pytest.approx(30)


@pytest.mark.parametrize("line", ["@bot leave", "@bot please leave!", "@bot 离开", "@JoyVL 请离开。"])
def test_it_leaves_at_once_when_asked_to_even_where_the_model_hangs(line):
    async def hang(observation):
        await asyncio.sleep(3_600)

    stay = live(asking(line), ScriptedModel(hang))
    assert stay.room.texts[1:] == [GOODBYE["en" if line.isascii() else "zh"]]
    assert stay.room.left_at < 2.2


def test_it_leaves_even_where_nothing_can_be_sent():
    async def script(room, listener):
        room.broken = True
        listener.on_chat("ann", "@bot leave")

    assert live(script).room.left_at < 1.5


def test_asked_twice_and_understood_by_the_model_too_it_says_goodbye_once():
    def answer(observation):
        if observation.chat:
            return Decision(Speak("Bye."), reply_to=observation.chat[0].id, requests=(Request("leave"),))
        return "</silence>"

    async def script(room, listener):
        await asyncio.sleep(1.5)
        listener.on_chat("ann", "@bot leave")
        listener.on_chat("bob", "@bot leave")

    assert live(script, ScriptedModel(answer)).room.texts[1:] == ["Goodbye."]


def test_where_the_model_understood_it_the_goodbye_is_the_models():
    def answer(observation):
        if observation.chat:
            return Decision(Speak("See you."), reply_to=observation.chat[0].id, requests=(Request("leave"),))
        return "</silence>"

    stay = live(asking("@bot that will be all for today"), ScriptedModel(answer))
    assert stay.room.texts[1:] == ["See you."]
    assert stay.room.left_at < 3.1


def test_a_line_that_comes_while_it_leaves_harms_nothing():
    async def script(room, listener):
        try:
            await asyncio.sleep(3_600)
        finally:
            listener.on_chat("ann", "@bot leave")
            listener.on_picture("gone", picture(), 0.0)

    stay = live(script, seconds=2)
    assert stay.ended.state is RoomState.LEFT
    assert any(isinstance(event, ChatEvent) for event in stay.events)


def test_an_instruction_without_words_is_refused_before_anybody_is_joined():
    joined = []

    async def script(room, listener):
        joined.append(room)

    with pytest.raises(BadInputError, match="words"):
        live(script, instructions=("count", " "))
    assert not joined


def test_a_room_that_cannot_be_entered_raises_and_closes_the_model():
    model = ScriptedModel()

    class Closed(ScriptedRoom):
        async def run(self, listener):
            raise UnavailableError("nobody answers", source="room", kind="unreachable")

    async def main():
        clock = LoopClock(started=False)
        await Participant(Closed(nothing), model, clock, EventLog(clock)).run()

    with pytest.raises(UnavailableError):
        run_virtual(main())
    assert model.closed


def test_a_failed_stay_says_why():
    failed = RoomStatus(RoomState.FAILED, "reconnect_timeout", "Check the network.")

    class Failing(ScriptedRoom):
        async def run(self, listener):
            listener.on_status(JOINED)
            await asyncio.sleep(1)
            listener.on_status(failed)

    async def main():
        clock = LoopClock(started=False)
        return await Participant(Failing(nothing), ScriptedModel(), clock, EventLog(clock)).run()

    assert run_virtual(main()) == failed


# --- a connection that comes and goes -----------------------------------------------------------


def test_a_reconnection_keeps_the_session_and_says_nothing_twice():
    async def script(room, listener):
        listener.on_track("cam", "ann (camera)")
        listener.on_picture("cam", picture(), 0.0)
        await asyncio.sleep(5.5)
        for _ in range(3):
            listener.on_status(LOST)
            room.broken = True
            await asyncio.sleep(2)
            room.broken = False
            listener.on_status(BACK)
            listener.on_track("cam", "ann (camera)")
            listener.on_chat("ann", "@bot still there?")
            await asyncio.sleep(2)

    def answer(observation):
        if observation.chat:
            return Decision(Speak("Yes."), reply_to=observation.chat[0].id)
        notices = (Notice("understood", "I will count.", instruction="i1"),) if observation.n == 0 else ()
        return Decision(Speak(f"at {observation.now:.1f}"), notices=notices)

    stay = live(script, ScriptedModel(answer), seconds=20, instructions=("count",))
    posted = [text for text in stay.room.texts if text != "Yes."]
    assert len(posted) == len(set(posted))
    assert stay.room.texts.count("Yes.") == 3
    assert [tick.n for tick in ticks(stay.events)] == list(range(len(ticks(stay.events))))
    assert [e.id for e in stay.events if isinstance(e, InstructionEvent)] == ["i1"]
    assert stay.statuses("room.joined") == ["room.joined"] * 4
    times = [tick.wall for tick in ticks(stay.events)]
    assert all(later - earlier < 1.01 for earlier, later in itertools.pairwise(times))
    lost = [e for e in stay.events if isinstance(e, DeliveryEvent) and e.dropped]
    assert len(lost) + len(stay.room.texts) == sum(tick.action == "speak" for tick in ticks(stay.events)) + 2


# --- what people ask ----------------------------------------------------------------------------


def test_lines_are_for_the_bot_or_not():
    model = ScriptedModel()
    live(asking("nice weather", "@bot how many?", "bot, and now?", "mail me: a@bot.org"), model, seconds=10)
    seen = [line for observation in model.seen for line in observation.chat]
    assert [(line.text, line.addressed) for line in seen] == [
        ("nice weather", False),
        ("how many?", True),
        ("and now?", True),
        ("mail me: a@bot.org", False),
    ]


def test_a_private_line_is_for_the_bot():
    async def script(room, listener):
        listener.on_chat("ann", "how many?", addressed=True)

    model = ScriptedModel()
    live(script, model, seconds=2)
    assert [line.addressed for seen in model.seen for line in seen.chat] == [True]


def test_instructions_are_added_changed_and_cancelled_from_the_chat():
    def answer(observation):
        edits = {
            "count": Edit("add", text="count the cars", author="ann"),
            "change": Edit("change", text="count the buses", id="i2"),
            "stop": Edit("cancel", id="i2"),
        }
        return Decision(edits=tuple(edits[line.text] for line in observation.chat))

    stay = live(asking("@bot count", "@bot change", "@bot stop"), ScriptedModel(answer), instructions=("greet",))
    changes = [(e.id, e.state, e.author) for e in stay.events if isinstance(e, InstructionEvent)]
    assert changes == [
        ("i1", "added", "operator"),
        ("i2", "added", "ann"),
        ("i2", "changed", "ann"),
        ("i2", "cancelled", "ann"),
    ]


def test_mute_takes_effect_at_once_and_says_so_once():
    talks = ScriptedModel(lambda seen: Decision(Speak(f"{seen.n}"), reply_to=seen.chat[0].id if seen.chat else None))
    stay = live(asking("@bot mute", "@bot how many?", "@bot unmute", each=3.5), talks, heard=True, seconds=14)
    gates = {round(tick.wall - 1_700_000_000, 1): tick.gate for tick in ticks(stay.events)}
    assert {gate for t, gate in gates.items() if 3.4 < t < 10.4} == {"mute"}
    assert {gate for t, gate in gates.items() if t > 10.6} == {None}
    quiet = [text for t, text in stay.room.lines if 3.4 < t < 10.4]
    assert len(quiet) == 1
    assert quiet[0].startswith("ℹ")
    last_sound = max(end for start, end, _ in stay.room.voice.spans() if start < 10)
    assert last_sound < 3.6


def test_asked_for_quiet_it_stops_in_the_middle_of_a_word_and_talks_again_by_itself():
    def answer(observation):
        if observation.chat:
            return Decision(requests=(Request("quiet", 4.0),))
        return f"</response> {observation.n}"

    stay = live(asking("@bot be quiet for 4 seconds", each=2.5), ScriptedModel(answer), heard=True, seconds=10)
    gated = [round(t.wall - 1_700_000_000, 1) for t in ticks(stay.events) if t.gate == "quiet"]
    assert gated == [3, 4, 5, 6]
    assert "asked.quiet" in stay.statuses()
    spans = stay.room.voice.spans()
    assert not any(2.7 < start < 6.9 for start, _, _ in spans)
    assert any(start > 6.9 for start, _, _ in spans)


def test_a_viewers_line_from_the_command_line_is_read_like_any_other():
    model = ScriptedModel()
    stay = live(nothing, model, says=(Say(1.5, "@bot how many?"), Say(3.0, "leave")), chat=False, seconds=9)
    assert [(e.t, e.text) for e in stay.events if isinstance(e, ChatEvent)] == [
        (pytest.approx(1.5), "how many?"),
        (pytest.approx(3.0), "leave"),
    ]
    assert stay.room.left_at < 4.1


# --- what the room is told ------------------------------------------------------------------------


def test_a_status_is_one_line_of_chat_however_often_it_is_reported():
    def answer(observation):
        return Decision(
            notices=(
                Notice("cannot_judge", "I can't judge whether it burns.", "Configure a delegate.", "i1"),
                Notice("understanding_limited", "Only English."),
            )
        )

    stay = live(nothing, ScriptedModel(answer), seconds=50, instructions=("warn me of fire",))
    assert stay.room.texts[1:] == ["ℹ I can't judge whether it burns. Configure a delegate.", "ℹ Only English."]


def test_a_wish_typed_in_the_chat_is_confirmed_there_only_once():
    def answer(observation):
        if observation.chat:
            return Decision(
                Speak("I will count."),
                reply_to=observation.chat[0].id,
                edits=(Edit("add", text="count", author="ann"),),
            )
        return Decision(
            notices=tuple(Notice("understood", "Counting.", instruction=w.id) for w in observation.instructions)
        )

    stay = live(asking("@bot count"), ScriptedModel(answer), seconds=6)
    assert stay.room.texts[1:] == ["I will count."]


def test_what_concerns_the_operator_is_not_told_to_the_room():
    async def script(room, listener):
        listener.on_people(("ann",))
        listener.on_track("cam", "ann (camera)")
        listener.on_track_gone("cam")
        listener.on_status(LOST)
        listener.on_status(BACK)

    assert len(live(script).room.texts) == 1


def test_a_room_that_takes_nothing_is_reported_once():
    async def script(room, listener):
        room.broken = True

    stay = live(script, ScriptedModel(lambda seen: Decision(notices=(Notice("x", f"{seen.n}"),))))
    assert stay.statuses("room.send_failed") == ["room.send_failed"]


def test_others_see_it_listen_think_and_speak():
    async def answer(observation):
        if observation.n == 2:
            await asyncio.sleep(1.0)
            return "</response> 7"
        return "</silence>"

    stay = live(nothing, ScriptedModel(answer), heard=True, seconds=8)
    assert stay.room.states == [
        AgentState.LISTENING,
        AgentState.THINKING,
        AgentState.LISTENING,
        AgentState.SPEAKING,
        AgentState.LISTENING,
    ]
    assert [caption.final for caption in stay.room.captions] == [False, True]


def test_a_typed_question_is_answered_in_writing_and_a_remark_in_both():
    def answer(observation):
        if observation.chat:
            return Decision(Speak("Three."), reply_to=observation.chat[0].id)
        return "</response> One." if observation.n == 1 else "</silence>"

    stay = live(asking("@bot how many?", each=4.5), ScriptedModel(answer), heard=True, seconds=8)
    assert stay.room.texts[1:] == ["One.", "Three."]
    sinks = [(e.sink, e.dropped) for e in stay.events if isinstance(e, DeliveryEvent)]
    assert sorted(sinks) == [("chat", None), ("chat", None), ("voice", None)]


# --- trouble ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["\ud83d", "\x1b]0;owned\x07", "x" * 20_000, "@bot " * 3_000, "\u202e\u2028", ""])
def test_garbage_in_the_chat_harms_nothing(line, tmp_path):
    async def script(room, listener):
        listener.on_chat(line, line)

    async def main():
        clock = LoopClock(started=False)
        log = EventLog(clock)
        log.to_file(tmp_path / "log.jsonl")
        await Participant(ScriptedRoom(script), ScriptedModel(), clock, log, brief=Brief(seconds=3)).run()
        log.close()

    run_virtual(main())
    kinds = [read_event(line).kind for line in (tmp_path / "log.jsonl").open(encoding="utf-8")]
    assert kinds.count("chat") == 1
    assert kinds.count("tick") >= 4


def test_a_listener_of_the_log_that_raises_ends_nothing():
    async def main():
        clock = LoopClock(started=False)
        log = EventLog(clock)

        def broken(event):
            raise RuntimeError("no paper")

        log.subscribe(broken)
        await Participant(ScriptedRoom(nothing), ScriptedModel(), clock, log, brief=Brief(seconds=3)).run()
        return ticks(log.recent())

    assert len(run_virtual(main())) == 4


def test_with_event_ticks_off_it_decides_on_the_grid_alone():
    stay = live(asking("@bot hi", each=1.5), seconds=3.5, engine=EngineSettings(events=False))
    assert [round(tick.wall - 1_700_000_000, 3) for tick in ticks(stay.events)] == [0, 1, 2, 3]
