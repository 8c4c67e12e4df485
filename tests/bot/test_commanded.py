"""Commands of whoever runs the bot, carried out on a participant that lives in a scripted room."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.brief import Brief
from bot.commanded import Commanded
from bot.link.answering import AT_ONCE, Answering
from bot.link.messages import Command, Reply
from bot.link.reporting import Reporter, Usage
from bot.live_view import LiveView
from bot.live_voice import LiveVoice
from bot.participant import Participant
from bot.phrases import PAUSED, RESUMED
from joyvl_core.actions import Speak
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.errors import BadInputError, UnavailableError
from joyvl_core.events import ChatEvent, EventLog, InstructionEvent, StatusEvent
from joyvl_core.observation import Decision, Trigger
from joyvl_core.store import SessionKeeper, Store
from tests.stand_ins import ScriptedDelegate, ScriptedModel, picture, ticks
from tests.stand_ins.room import ScriptedRoom
from tests.stand_ins.voice import ToneSpeech


class Session:
    """A participant that lives, and what commands it."""

    def __init__(self, model: Any = None, *, heard: bool = False, keeper: Any = None, **options: Any) -> None:
        self.clock = LoopClock(started=False, wall=lambda: 1_700_000_000.0)
        self.log = EventLog(self.clock, keep=100_000)
        self.room = ScriptedRoom(self._show, heard=heard)
        self.model = model or ScriptedModel()
        self.sounds: list[Any] = []
        self.voice = LiveVoice(self.sounds.append)
        self.pictures: list[Any] = []
        self.participant = Participant(
            self.room, self.model, self.clock, self.log, brief=Brief(chat=options.pop("chat", True)), **options
        )
        self.view = LiveView(lambda: self.participant.engine.views.frames, self.pictures.append)
        self.commanded = Commanded(self.participant, self.clock, self.log, keeper, self.view, self.voice, "en")
        self.shown = 0

    async def _show(self, room: ScriptedRoom, listener: Any) -> None:
        listener.on_track("camera", "the camera")
        while True:
            self.shown += 1
            listener.on_picture("camera", picture(self.shown % 200), self.shown / 10)
            await asyncio.sleep(0.1)

    async def do(self, name: str, **args: Any) -> dict[str, Any]:
        return await self.commanded.carry_out(Command.model_validate({"id": 1, "name": name, "args": args}))

    def events(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.log.recent() if isinstance(event, kind)]

    def statuses(self, *states: str) -> list[str]:
        return [event.state for event in self.events(StatusEvent) if event.state in states]


def live(test: Callable[[Session], Awaitable[None]], model: Any = None, **options: Any) -> Session:
    """Lives a session on the virtual clock while the test does something with it."""

    async def main() -> Session:
        session = Session(model, **options)
        stay = asyncio.create_task(session.participant.run())
        await asyncio.sleep(1.05)
        try:
            await test(session)
        finally:
            await session.room.leave()
            await stay
        return session

    return run_virtual(main())


def test_instructions_are_added_changed_and_cancelled_by_their_author() -> None:
    async def test(session: Session) -> None:
        assert await session.do("instruct", text="Count the cars", author="ann") == {"id": "i1"}
        await session.do("change", id="i1", text="Count the red cars", author="bob")
        await session.do("cancel", id="i1", author="ann")
        told = [(event.state, event.text, event.author) for event in session.events(InstructionEvent)]
        assert told == [
            ("added", "Count the cars", "ann"),
            ("changed", "Count the red cars", "bob"),
            ("cancelled", "Count the red cars", "ann"),
        ]

    live(test)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("instruct", {"text": "  "}),
        ("instruct", {"text": "x" * 1_001}),
        ("change", {"id": "i9", "text": "x"}),
        ("cancel", {"id": "i9"}),
        ("cancel_ticket", {"id": "d9"}),
        ("talkativeness", {"value": 2}),
        ("say", {"text": ""}),
        ("ask", {}),
        ("erase", {"since": 5, "until": 1}),
        ("view", {"width": 1}),
        ("listen", {"seconds": 0}),
    ],
)
def test_what_cannot_be_done_is_refused(name: str, args: dict[str, Any]) -> None:
    async def test(session: Session) -> None:
        with pytest.raises(BadInputError):
            await session.do(name, **args)

    live(test)


def test_paused_it_looks_at_nothing_and_says_so_in_the_room() -> None:
    async def test(session: Session) -> None:
        await session.do("pause")
        await session.do("pause")
        await asyncio.sleep(0.01)
        before = len(session.model.seen)
        await asyncio.sleep(30)
        assert len(session.model.seen) == before
        assert session.participant.engine.views.frames[0][1] is None
        await session.do("resume")
        await asyncio.sleep(2.5)
        after = session.model.seen[before:]
        assert len(after) >= 3
        assert [observation.skipped for observation in after] == [0] * len(after)
        assert after[-1].tracks[0].frame is not None

    session = live(test)
    assert session.room.texts[1:] == [f"ℹ {PAUSED['en']}", f"ℹ {RESUMED['en']}"]
    assert session.statuses("paused", "resumed") == ["paused", "resumed"]


def test_the_room_is_told_each_time_it_is_paused() -> None:
    async def test(session: Session) -> None:
        for _ in range(3):
            await session.do("pause")
            await session.do("resume")

    async def slowly(session: Session) -> None:
        await test(session)
        await asyncio.sleep(1)

    assert len(live(slowly).room.texts) == 7


def test_what_is_written_while_it_is_paused_is_seen_afterwards() -> None:
    async def test(session: Session) -> None:
        await session.do("pause")
        await session.do("ask", text="What do you see?", author="ann")
        await asyncio.sleep(5)
        await session.do("resume")
        await asyncio.sleep(0.5)
        assert [line.text for seen in session.model.seen for line in seen.chat] == ["What do you see?"]

    live(test)


def test_a_line_is_said_at_once_whatever_the_gates_and_the_pause() -> None:
    async def test(session: Session) -> None:
        await session.do("mute")
        await session.do("pause")
        said = await session.do("say", text="The meeting  ends in five minutes.")
        await asyncio.sleep(0.5)
        tick = next(tick for tick in ticks(session.log.recent()) if tick.n == said["tick"])
        assert (tick.action, tick.text, tick.triggers) == (
            "speak",
            "The meeting ends in five minutes.",
            (Trigger.OPERATOR,),
        )

    session = live(test)
    assert session.room.texts[-1] == "The meeting ends in five minutes."
    numbers = [tick.n for tick in ticks(session.log.recent())]
    assert numbers == sorted(set(numbers))


def test_a_line_that_is_said_while_the_model_decides_waits_for_the_decision() -> None:
    async def slow(observation: Any) -> Decision:
        await asyncio.sleep(0.5)
        return Decision(Speak("A car.")) if observation.n == 1 else Decision()

    async def test(session: Session) -> None:
        await asyncio.gather(*(session.do("say", text=text) for text in ("one", "two")))
        await asyncio.sleep(1)
        spoken = [tick for tick in ticks(session.log.recent()) if tick.action == "speak"]
        assert [tick.text for tick in spoken] == ["A car.", "one", "two"]

    live(test, ScriptedModel(slow))


def test_too_many_lines_to_say_are_refused() -> None:
    async def test(session: Session) -> None:
        done = await asyncio.gather(*(session.do("say", text=f"{n}") for n in range(12)), return_exceptions=True)
        assert [type(each) for each in done[8:]] == [UnavailableError] * 4

    async def hang(observation: Any) -> Decision:
        await asyncio.sleep(3)
        return Decision()

    live(test, ScriptedModel(hang))


def test_mute_talkativeness_and_tickets() -> None:
    def delegating(observation: Any) -> Any:
        return "</response> Let me see. </delegation> Whose dog is it?" if observation.n == 0 else "</silence>"

    async def test(session: Session) -> None:
        await session.do("mute")
        assert session.participant.engine.gates.muted
        await session.do("unmute")
        assert not session.participant.engine.gates.muted
        await session.do("talkativeness", value=0.8)
        await asyncio.sleep(1.5)
        assert session.model.seen[-1].talkativeness == 0.8
        await session.do("cancel_ticket", id="d1")
        assert session.participant.engine.tickets.running == ()

    session = live(test, ScriptedModel(delegating), delegate=ScriptedDelegate(seconds=100))
    assert not any("0.8" in text for text in session.room.texts)


def test_stopped_it_says_its_last_words_and_nothing_else() -> None:
    async def test(session: Session) -> None:
        await session.do("stop", words="I'll be right back.")
        await asyncio.sleep(1.5)
        assert session.room.left_at is not None
        assert session.room.left_at < 2.5

    def chatty(observation: Any) -> str:
        return "</response> Look!" if observation.n > 1 else "</silence>"

    session = live(test, ScriptedModel(chatty))
    assert session.room.texts[-1] == "I'll be right back."


def test_stopped_without_words_it_leaves_at_once() -> None:
    async def test(session: Session) -> None:
        await session.do("stop")
        await asyncio.sleep(0.1)
        assert session.room.left_at is not None

    live(test)


def test_it_leaves_in_time_even_where_the_model_hangs() -> None:
    async def hang(observation: Any) -> None:
        await asyncio.sleep(3_600)

    async def test(session: Session) -> None:
        await session.do("stop", words="Goodbye")
        await asyncio.sleep(4)
        assert session.room.left_at is not None
        assert session.room.left_at < 4.5

    live(test, ScriptedModel(hang))


def test_a_heartbeat_tells_what_is_so() -> None:
    async def test(session: Session) -> None:
        reporter = Reporter(session.participant, session.model, session.clock, session.log, Usage(), lambda: 5)
        await session.do("instruct", text="Count the cars", author="ann")
        await session.do("mute")
        session.participant.on_people(("ann", "bob"))
        beat = reporter.heartbeat()
        assert (beat.room, beat.muted, beat.paused, beat.people) == ("joined", True, False, ("ann", "bob"))
        assert [(wish.id, wish.text, wish.author) for wish in beat.instructions] == [("i1", "Count the cars", "ann")]
        assert [(ticket.id, ticket.text, ticket.state) for ticket in beat.tickets] == [
            ("d1", "Whose dog is it?", "running")
        ]
        assert beat.tracks == ("the camera",)
        assert beat.memory["archive"] == 5
        assert beat.t == pytest.approx(1.05, abs=0.01)
        assert beat.next_tick == pytest.approx(2.0)
        assert beat.ticks == 2
        assert beat.tokens_dense >= beat.tokens > 0
        assert beat.rss > 1_000_000

    def delegating(observation: Any) -> Any:
        return "</response> Let me see. </delegation> Whose dog is it?" if observation.n == 0 else "</silence>"

    live(test, ScriptedModel(delegating), delegate=ScriptedDelegate(seconds=100))


def test_pictures_are_made_while_somebody_looks_and_not_otherwise() -> None:
    async def test(session: Session) -> None:
        view = asyncio.create_task(session.view.run())
        await asyncio.sleep(5)
        assert session.pictures == []
        await session.do("view", width=64, every=0.5, seconds=3)
        await asyncio.sleep(10)
        assert 5 <= len(session.pictures) <= 7
        assert session.pictures[0].track == "the camera"
        assert session.pictures[0].jpeg.startswith(b"\xff\xd8")
        assert [shot.t for shot in session.pictures] == sorted({shot.t for shot in session.pictures})
        view.cancel()
        await asyncio.gather(view, return_exceptions=True)

    live(test)


def test_a_room_without_a_voice_is_heard_by_whoever_listens_in_real_time() -> None:
    async def main() -> None:
        sounds: list[tuple[float, Any]] = []
        loop = asyncio.get_running_loop()
        live_voice = LiveVoice(lambda sound: sounds.append((loop.time(), sound)))
        session = Session(voice=ToneSpeech(), live=live_voice, chat=False)
        session.voice = session.commanded._heard = live_voice
        stay = asyncio.create_task(session.participant.run())
        await asyncio.sleep(1)
        await session.do("say", text="Nobody hears this.")
        await asyncio.sleep(3)
        assert sounds == []
        await session.do("listen", seconds=30)
        await session.do("say", text="Somebody hears this sentence, which has some length.")
        await asyncio.sleep(6)
        samples = sum(len(sound.samples) // 2 for _, sound in sounds)
        assert samples > 0
        span = sounds[-1][0] - sounds[0][0]
        assert span == pytest.approx(samples / sounds[0][1].rate, abs=0.5)
        delivered = {event.sink for event in session.log.recent() if event.kind == "delivery"}
        assert delivered == {"terminal", "voice"}
        await session.room.leave()
        await stay

    run_virtual(main())


def test_what_is_said_in_a_room_is_heard_there_and_by_whoever_listens_and_taken_back_in_both() -> None:
    async def main() -> None:
        sounds: list[Any] = []
        session = Session(voice=ToneSpeech(), heard=True, live=(live_voice := LiveVoice(sounds.append)))
        stay = asyncio.create_task(session.participant.run())
        await asyncio.sleep(1)
        live_voice.listen(10)
        await session.do("say", text="A sentence that goes on for a while, and then for a while more.")
        await asyncio.sleep(0.5)
        assert any(sound.samples for sound in sounds)
        assert session.room.voice is not None
        assert session.room.voice.tape or session.room.voice.ahead
        await session.do("mute")
        assert sounds[-1].samples == b""
        await session.room.leave()
        await stay

    run_virtual(main())


def test_erased_it_is_gone_from_the_store_before_the_reply(tmp_path: Path) -> None:
    async def main() -> None:
        async with Store.open(f"sqlite:///{tmp_path / 'kept.db'}") as store:
            begun = await store.begin("s", room="r", wall=1_700_000_000.0)
            session = Session()
            keeper = SessionKeeper(store, begun, session.clock)
            session.log.to_ledger(keeper)
            session.commanded._keeper = keeper
            writing = asyncio.create_task(keeper.run())
            stay = asyncio.create_task(session.participant.run())
            await asyncio.sleep(1)
            await session.do("instruct", text="Count the cars")
            await session.do("ask", text="a secret word", author="ann")
            erased = await session.do("erase")
            assert erased["events"] > 0
            log = [event async for event in store.events("s")]
            assert not any("secret" in event.model_dump_json() for event in log)
            assert [event.text for event in log if isinstance(event, InstructionEvent)][-1] == "Count the cars"
            assert not any(isinstance(event, ChatEvent) and event.text for event in session.log.recent())
            await session.room.leave()
            await stay
            await keeper.aclose()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    asyncio.run(main())


# --- one reply a command ----------------------------------------------------------------------


def answer(carry_out: Callable[[Command], Awaitable[dict[str, Any]]], commands: int = 1) -> list[Reply]:
    async def main() -> list[Reply]:
        replies: list[Reply] = []
        answering = Answering(carry_out, replies.append)
        for number in range(commands):
            answering.take(Command(id=number, name="mute"))
        await asyncio.sleep(100)
        await answering.aclose(0.0)
        return replies

    return run_virtual(main())


def test_every_command_is_answered_once_whatever_happens() -> None:
    async def fail(command: Command) -> dict[str, Any]:
        raise RuntimeError("a secret in a fault")

    async def hang(command: Command) -> dict[str, Any]:
        await asyncio.sleep(3_600)
        return {}

    async def refuse(command: Command) -> dict[str, Any]:
        raise BadInputError("No.", source="x", kind="no", hint="Do better.")

    [failed] = answer(fail)
    assert failed.error_kind == "failed"
    assert "secret" not in failed.error
    [late] = answer(hang)
    assert late.error_kind == "timeout"
    [refused] = answer(refuse)
    assert (refused.error, refused.error_kind, refused.hint) == ("No.", "no", "Do better.")
    replies = answer(hang, AT_ONCE + 3)
    assert sorted(reply.to for reply in replies) == list(range(AT_ONCE + 3))
    assert [reply.error_kind for reply in replies[:3]] == ["busy"] * 3
