"""One participant: a room, an engine, and the sinks between them. The only place that knows them all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from bot.brief import OPERATOR, Brief, Say
from bot.errands import Errands, end
from bot.forgetting import forget_as_asked
from bot.keeping import Kept
from bot.live_voice import LiveVoice, WhileHeard
from bot.notices import Notices
from bot.outbox import Outbox
from bot.phrases import ANNOUNCEMENT, GOODBYE, MUTED, PAUSED, RESUMED, UNMUTED
from bot.recording import NOTICE
from joyvl_core.acts.chat import ChatSink, Deliver
from joyvl_core.acts.listening import BargeIn
from joyvl_core.acts.voice import Speaker
from joyvl_core.addressing import Addressing, Forget, cancelled_ticket, command, forgetting
from joyvl_core.clock import LoopClock
from joyvl_core.engine import Engine
from joyvl_core.errors import JoyVLError
from joyvl_core.events import DeliveryEvent, EventLog
from joyvl_core.media import AudioChunk, Picture
from joyvl_core.observation import Request
from joyvl_core.ports import (
    Act,
    ActSink,
    AgentState,
    Delegate,
    InteractionModel,
    Room,
    RoomState,
    RoomStatus,
    TextToSpeech,
    VoiceActivity,
)
from joyvl_core.text import language_of

_LAST_WORDS = 3.0
"""Seconds in which last words are said."""


class TerminalSink:
    """The person at the terminal reads the log itself: an act is delivered as soon as it is decided."""

    name = "terminal"

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver

    def offer(self, act: Act) -> None:
        self._deliver(act.tick, self.name, None)


class Participant:
    """Joins a room, watches, speaks, and leaves; `run` is its whole life.

    It implements the `RoomListener` port: the room delivers here.

    Attributes:
        engine: Its loop.
        status: Where its stay stands.
        people: Who is in the room beside it.
    """

    def __init__(
        self,
        room: Room,
        model: InteractionModel,
        clock: LoopClock,
        log: EventLog,
        *,
        voice: TextToSpeech | None = None,
        make_vad: Callable[[], VoiceActivity] | None = None,
        delegate: Delegate | None = None,
        brief: Brief | None = None,
        kept: Kept | None = None,
        live: LiveVoice | None = None,
    ) -> None:
        self._live = live
        self._room = room
        self._kept = kept
        self._tts = voice
        self._clock = clock
        self._log = log
        self._brief = brief or Brief()
        self._addressing = Addressing(self._brief.persona.name)
        self._joined = asyncio.Event()
        self._joined_at = 0.0
        self._ended = RoomStatus(RoomState.LEFT, "ended")
        self._leaving = False
        self._speaking = self._thinking = False
        self.status = RoomStatus(RoomState.JOINING, "starting")
        self.people: tuple[str, ...] = ()
        self._errands = Errands(lambda words: log.status("room.errand_failed", words))
        self._outbox = Outbox(lambda words: log.status("room.send_failed", words))
        self._chat = ChatSink(room.send_chat, clock, self._delivered) if self._brief.chat else None
        self._speaker = self._make_speaker()
        self._barge_in = self._make_barge_in(make_vad)
        self.engine = Engine(
            kept.recorder.watched(model) if kept and kept.recorder else model,
            clock,
            log,
            sinks=self._sinks(),
            delegate=delegate,
            settings=replace(self._brief.engine, session=kept.keeper.session.id if kept else ""),
            on_request=self._on_request,
            on_thinking=self._show_thinking,
            keeper=kept.keeper if kept else None,
            archive=kept.keeper if kept else None,
            witness=kept.witness if kept else None,
        )
        if self._chat:
            tell = Notices(clock, lambda words: self._outbox.put(lambda: room.send_chat(words)), self._asked_here)
            log.subscribe(tell.hear)

    def _sinks(self) -> list[ActSink]:
        """Where acts go. Where a room takes neither voice nor chat, people read the log, and may hear them live."""
        spoken: list[ActSink] = [self._speaker] if self._speaker else []
        if self._speaker and self._live and self._room.voice is None:
            return [WhileHeard(self._speaker, self._live), self._chat or TerminalSink(self._delivered)]
        return [*spoken, *([self._chat] if self._chat else [])] or [TerminalSink(self._delivered)]

    def _make_speaker(self) -> Speaker | None:
        track = self._live.track(self._room.voice) if self._live else self._room.voice
        if self._tts is None or track is None:
            return None
        return Speaker(
            self._tts,
            track,
            self._clock,
            self._delivered,
            on_transcript=lambda transcript: self._outbox.put(lambda: self._room.send_transcript(transcript)),
            on_speaking=self._show_speaking,
            on_trouble=lambda error: self._log.status("voice.failing", str(error), error.hint),
        )

    def _make_barge_in(self, make_vad: Callable[[], VoiceActivity] | None) -> BargeIn | None:
        if make_vad is None:
            return None
        return BargeIn(
            make_vad,
            self._speaker,
            self._clock,
            on_end=lambda person, seconds: self.engine.end_utterance(),
            on_trouble=lambda error: self._log.status("voice.deaf", str(error), error.hint),
        )

    async def run(self) -> RoomStatus:
        """Lives from joining to leaving and returns how it ended.

        Raises:
            JoyVLError: The room could not be entered at all, or an instruction has no words.
        """
        self._take_up()
        stay = asyncio.create_task(self._room.run(self), name="room")
        work = [asyncio.create_task(part(), name=part.__name__) for part in self._parts()]
        try:
            await asyncio.wait([stay, *work], return_when=asyncio.FIRST_COMPLETED)
            if not stay.done():
                await self._room.leave()
            await stay
            for task in work:
                if task.done() and (error := task.exception()):
                    raise error
        finally:
            await end([stay, *work])
            await self._errands.aclose()
            await self.engine.aclose()
        return self._ended

    def _take_up(self) -> None:
        """What stood before goes on, and what it was sent in with stands too."""
        if self._kept and (before := self._kept.resumed):
            self.engine.tickets.resume((), made=before.made, spent=before.spent)
            self.engine.resume(instructions=before.instructions, items=before.items, tickets=before.tickets)
        standing = {wish.text for wish in self.engine.instructions.standing()}
        for text in self._brief.instructions:
            if " ".join(text.split()) not in standing:
                self.engine.instruct(text, author=OPERATOR)

    def _parts(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What runs beside the room. The stay ends when the first of these does."""
        parts: list[Callable[[], Coroutine[Any, Any, None]]] = [self._watch, self._outbox.run]
        if self._chat:
            parts.append(self._chat.run)
        if self._speaker:
            parts.append(self._speaker.run)
        if self._barge_in:
            parts.append(self._barge_in.run)
        if self._brief.seconds is not None:
            parts.append(self._time_out)
        if self._kept:
            parts.append(self._be_replaced)
        return parts

    async def _watch(self) -> None:
        await self._joined.wait()
        for say in self._brief.says:
            self._errands.run(self._say(say))
        await self.engine.run()

    async def _say(self, say: Say) -> None:
        await self._clock.sleep_until(self._joined_at + say.t)
        self.on_chat("viewer", say.text, addressed=True)

    async def _time_out(self) -> None:
        await self._joined.wait()
        await self._clock.sleep_until(self._joined_at + (self._brief.seconds or 0.0))

    async def _be_replaced(self) -> None:
        """Another process has taken the session over: the stay ends, nobody is twice in a room."""
        if self._kept:
            raise await self._kept.lost

    # --- what the room delivers -------------------------------------------------------------

    def on_status(self, status: RoomStatus) -> None:
        if status.state is RoomState.JOINED and not self._joined.is_set():
            self._clock.start()
            self._joined_at = self._clock.now()
            self._joined.set()
            self._greet_room()
            if self._speaker and self._tts and self._room.voice:
                self._errands.run(self._warm_voice(self._tts))
        self.status = status
        if status.state in (RoomState.LEFT, RoomState.FAILED):
            self._ended = status
        self._log.status(f"room.{status.state}", status.reason, status.remedy)

    def on_track(self, track: str, label: str) -> None:
        self.engine.add_track(track, label)
        self._log.status("track.added", label)

    def on_track_gone(self, track: str) -> None:
        self.engine.remove_track(track)
        self._log.status("track.removed", track)

    def on_picture(self, track: str, picture: Picture, pts: float) -> None:
        self.engine.offer_picture(track, picture, pts)

    def on_audio(self, participant: str, chunk: AudioChunk) -> None:
        if self._barge_in and not self.engine.paused:
            self._barge_in.feed(participant, chunk)

    def on_chat(self, author: str, text: str, *, addressed: bool = False) -> None:
        read = self._addressing.read(text)
        addressed = addressed or read.to_bot
        if addressed and (what := forgetting(read.text)):
            self._forget(what, read.text)  # the model must not remember that it was asked to forget
            return
        if addressed and (ticket := cancelled_ticket(read.text)) and self.engine.tickets.cancel(ticket):
            return
        self.engine.add_chat(author, read.text if addressed else text, addressed=addressed)
        if addressed:
            self._obey(read.text)

    def on_people(self, people: tuple[str, ...]) -> None:
        self.people = people
        self._log.status("room.people", ", ".join(people)[:300] or "nobody")

    # --- what it may be told to do, by the room or by whoever runs it ---------------------------

    def mute(self, language: str = "") -> None:
        """Says nothing more until it is told to, at once."""
        self._fall_silent()
        self.engine.gates.muted = True
        self._log.status("muted", *MUTED[language or self._brief.persona.language])

    def unmute(self, language: str = "") -> None:
        """May speak again."""
        self.engine.gates.talk()
        self._log.status("unmuted", UNMUTED[language or self._brief.persona.language])

    def pause(self) -> None:
        """Stays in the room and looks at nothing, hears nothing, until `resume`. The room is told."""
        if not self.engine.paused:
            self._fall_silent()
            self.engine.pause(True)
            self._log.status("paused", PAUSED[self._brief.persona.language])

    def resume(self) -> None:
        """Watches again."""
        if self.engine.paused:
            self.engine.pause(False)
            self._log.status("resumed", RESUMED[self._brief.persona.language])

    def stop(self, words: str = "") -> None:
        """Leaves: after these words, or at once. Nothing else is said on the way."""
        self._fall_silent()
        self.engine.gates.muted = True
        self._leave(self._say_last(words) if words.split() else None, _LAST_WORDS)

    async def _say_last(self, words: str) -> None:
        await self.engine.prompter.say(words)
        await self._finish_speaking()

    # --- what it does by itself -------------------------------------------------------------

    def _obey(self, text: str) -> None:
        """Plain commands work at once, whatever the model does."""
        language = self._language(text)
        match command(text):
            case "leave":
                self.engine.gates.muted = True  # the goodbye is said here, and once
                self._leave(self._say_goodbye(language))
            case "mute":
                self.mute(language)
            case "unmute":
                self.unmute(language)

    def _language(self, text: str) -> str:
        return "zh" if language_of(text) == "zh" else self._brief.persona.language

    def _forget(self, what: Forget, text: str) -> None:
        keeper = self._kept.keeper if self._kept else None
        self._errands.run(
            forget_as_asked(what, self.engine, keeper, self._clock.now(), self._log, self._language(text))
        )

    def _on_request(self, request: Request) -> None:
        """The model found that somebody asked for this; what it says to it follows."""
        match request.kind:
            case "leave":
                self._leave(self._finish_speaking())
            case "quiet":
                self._fall_silent()

    def _fall_silent(self) -> None:
        if self._speaker:
            self._speaker.stop()

    def _leave(self, last_words: Coroutine[Any, Any, None] | None, within: float = 1.0) -> None:
        """Leaves after the last words, or so many seconds later."""
        if not self._leaving:
            self._leaving = True
            self._errands.run(self._leave_after(last_words, within))
        elif last_words is not None:
            last_words.close()

    async def _leave_after(self, last_words: Coroutine[Any, Any, None] | None, within: float) -> None:
        if last_words is not None:
            with contextlib.suppress(Exception):  # leaving matters more than the last word
                await asyncio.wait_for(last_words, within)
        await self._room.leave()

    async def _say_goodbye(self, language: str) -> None:
        self._fall_silent()
        await self._room.send_chat(GOODBYE[language])

    async def _finish_speaking(self) -> None:
        await asyncio.gather(*(sink.drained() for sink in (self._chat, self._speaker) if sink))

    def _greet_room(self) -> None:
        persona = self._brief.persona
        if self._chat:
            words = ANNOUNCEMENT[persona.language].format(name=persona.name)
            if self._kept and self._kept.recorder:
                words = f"{words} {NOTICE[persona.language]}"
            self._outbox.put(lambda: self._room.send_chat(words))
        self._show_state()

    def _show_speaking(self, speaking: bool) -> None:
        self._speaking = speaking
        self._show_state()

    def _show_thinking(self, thinking: bool) -> None:
        self._thinking = thinking
        self._show_state()

    def _show_state(self) -> None:
        state = AgentState.THINKING if self._thinking else AgentState.LISTENING
        state = AgentState.SPEAKING if self._speaking else state
        self._outbox.put(lambda: self._room.set_agent_state(state))

    async def _warm_voice(self, voice: TextToSpeech) -> None:
        try:
            await voice.warm()
        except JoyVLError as error:
            self._log.status("voice.unavailable", f"{error}: chat only", error.hint)

    def _asked_here(self, instruction: str) -> bool:
        standing = self.engine.instructions.standing()
        return any(wish.id == instruction and wish.author != OPERATOR for wish in standing)

    def _delivered(self, tick: int, sink: str, dropped: str | None) -> None:
        self._log.write(DeliveryEvent(**self._log.stamp(), tick=tick, sink=sink, dropped=dropped))
