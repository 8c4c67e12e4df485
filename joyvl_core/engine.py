"""The loop: every second, and at once when something happens, one observation and one decision.

    pictures, chat, speech, results ──► observation ──► model.step ──► gates ──► log ──► sinks

Nothing here knows a room, a voice or a web page. What comes back from the world enters as part of the
next observation.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from pydantic import ValidationError

from joyvl_core.actions import Action, Delegate, Silence, Speak, name_of, render
from joyvl_core.acts.gates import Candidate, Gates, GateSettings
from joyvl_core.asked import DelegateTask
from joyvl_core.asking import Asking
from joyvl_core.clock import Clock
from joyvl_core.delegation import DelegationSettings, Tickets, digest
from joyvl_core.errors import BadInputError, JoyVLError
from joyvl_core.events import ChatEvent, EventLog, Gate, SpeechEvent, TickEvent, TrackCost
from joyvl_core.health import Health
from joyvl_core.inbox import Inbox
from joyvl_core.instructions import Instructions
from joyvl_core.media import Picture
from joyvl_core.observation import (
    ChatLine,
    Decision,
    FrameKind,
    Observation,
    Request,
    SpeechLine,
    TicketNews,
    TicketState,
    Trigger,
)
from joyvl_core.ports import Act, ActSink, FrameWatcher, InteractionModel
from joyvl_core.ports import Delegate as DelegatePort
from joyvl_core.text import language_of, tidy
from joyvl_core.triggers import Due, Triggers
from joyvl_core.viewing import Views
from joyvl_core.watching import LookRates, Watch

MAX_LINE = 2_000
"""Longest chat or speech line shown to the model, in characters."""
MAX_NAME = 80
"""Longest name of who wrote or spoke it."""

_COST = {FrameKind.NONE: 0, FrameKind.SKIP: 1, FrameKind.P: 2, FrameKind.I: 3}


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How the loop runs.

    Attributes:
        interval: Seconds between ticks when nothing happens.
        floor: Least seconds between two ticks.
        events: Whether events bring ticks forward.
        deadline: Seconds the model may think before the tick counts as silence.
        ttl: Seconds after which an act that was not said yet is stale.
        delegate_pictures: How many recent pictures go along with a delegated question.
    """

    interval: float = 1.0
    floor: float = 0.2
    events: bool = True
    deadline: float = 20.0
    ttl: float = 6.0
    delegate_pictures: int = 4
    language: str = "en"
    gates: GateSettings = field(default_factory=GateSettings)
    rates: LookRates = field(default_factory=LookRates)
    delegation: DelegationSettings = field(default_factory=DelegationSettings)


class Engine:
    """One session's loop. Feed it from the event loop; run it as one task.

    Args:
        model: Decides. Where it also is a `FrameWatcher` it sees frames between ticks.
        sinks: Where acts go.
        delegate: Answers delegated questions, if there is somebody.
        on_request: Called when somebody asked the participant itself for something (leave, be quiet).
        on_thinking: Told True when a decision takes long, and False when it is there.
    """

    def __init__(
        self,
        model: InteractionModel,
        clock: Clock,
        log: EventLog,
        *,
        sinks: Sequence[ActSink] = (),
        delegate: DelegatePort | None = None,
        settings: EngineSettings | None = None,
        on_request: Callable[[Request], None] | None = None,
        on_thinking: Callable[[bool], None] | None = None,
    ) -> None:
        self._settings = settings or EngineSettings()
        self._clock = clock
        self._log = log
        self._sinks = tuple(sinks)
        self._on_request = on_request
        self._health = Health(clock, log)
        self._asking = Asking(model, self._settings.deadline, on_thinking or (lambda thinking: None))
        self.instructions = Instructions(clock, log)
        self.gates = Gates(self._settings.gates)
        self.tickets = Tickets(delegate, clock, log, self._on_news, self._settings.delegation)
        self._views = Views(
            clock, keep=self._settings.delegate_pictures, failed=lambda error: self._health.failing("codec", error)
        )
        self._triggers = Triggers(
            clock, interval=self._settings.interval, floor=self._settings.floor, events=self._settings.events
        )
        self._watch = Watch(
            clock,
            model if isinstance(model, FrameWatcher) else None,
            wake=lambda: self._triggers.add(Trigger.CHANGE),
            failed=lambda error: self._health.failing("look", error),
            works=lambda: self._health.works("look"),
            rates=self._settings.rates,
        )
        self._inbox = Inbox(
            lambda count: log.status(
                "chat.dropped", f"{count} lines came faster than the model reads: they are left out"
            )
        )
        self._lines = itertools.count(1)
        self._ticks = itertools.count()

    # --- what comes in ----------------------------------------------------------------------

    def add_track(self, track: str, label: str) -> None:
        """A video track is there."""
        if not self._views.add(track, label):
            self._log.status("track.refused", f"too many video tracks, {label} is not watched", "stop another camera")

    def remove_track(self, track: str) -> None:
        """A video track has ended."""
        self._views.remove(track)
        self._watch.forget(track)

    def offer_picture(self, track: str, picture: Picture, pts: float) -> None:
        """A picture arrived; `pts` are the track's own seconds."""
        if frame := self._views.offer(track, picture, pts):
            try:
                self._watch.offer(frame)
            except Exception as error:  # whatever a decoder hands over: a room is never told of it
                self._health.failing("look", error)

    def add_chat(self, author: str, text: str, *, addressed: bool = False) -> ChatLine:
        """Somebody wrote a line. An addressed one brings a tick at once."""
        words, name = tidy(text, MAX_LINE), tidy(author, MAX_NAME)
        line = ChatLine(f"c{next(self._lines)}", name, words, self._clock.now(), addressed)
        self._log.write(
            ChatEvent(**self._log.stamp(), id=line.id, author=line.author, text=line.text, addressed=addressed)
        )
        self._inbox.add(line)
        if addressed:
            self._triggers.add(Trigger.CHAT)
        return line

    def add_speech(self, speaker: str, text: str, *, final: bool = True, addressed: bool = False) -> SpeechLine:
        """Somebody said something. The end of an utterance brings a tick at once."""
        words, name = tidy(text, MAX_LINE), tidy(speaker, MAX_NAME)
        line = SpeechLine(f"s{next(self._lines)}", name, words, self._clock.now(), final, addressed)
        self._log.write(SpeechEvent(**self._log.stamp(), id=line.id, speaker=line.speaker, text=line.text, final=final))
        self._inbox.add(line)
        if final:
            self._triggers.add(Trigger.SPEECH)
        return line

    def end_utterance(self) -> None:
        """A person has fallen silent, whatever they said: a moment to decide."""
        self._triggers.add(Trigger.SPEECH)

    def instruct(self, text: str, *, author: str = "") -> str:
        """Adds a standing instruction and returns its id.

        Raises:
            BadInputError: It is empty, or there are too many.
        """
        added = self.instructions.add(text, author=author)
        self._triggers.add(Trigger.INSTRUCTION)
        return added.id

    def change(self, instruction_id: str, text: str, *, author: str = "") -> None:
        """Gives a standing instruction new words.

        Raises:
            BadInputError: There is none of this id, or the text is empty.
        """
        self.instructions.change(instruction_id, text, author=author)
        self._triggers.add(Trigger.INSTRUCTION)

    def cancel(self, instruction_id: str, *, author: str = "") -> None:
        """Ends a standing instruction.

        Raises:
            BadInputError: There is none of this id.
        """
        self.instructions.cancel(instruction_id, author=author)
        self._triggers.add(Trigger.INSTRUCTION)

    def _on_news(self, news: TicketNews) -> None:
        self._inbox.add(news)
        if news.state is not TicketState.RUNNING:
            self._triggers.add(Trigger.RESULT)

    # --- the loop ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Ticks until cancelled, then closes the model and the tickets."""
        watching = asyncio.create_task(self._watch.run(), name="watch")
        try:
            while True:
                await self._tick(await self._triggers.due())
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await self.aclose()

    async def aclose(self) -> None:
        """Closes the tickets and the model, run or not. Idempotent."""
        try:
            await self.tickets.aclose()
        finally:
            await self._asking.aclose()

    async def _tick(self, due: Due) -> None:
        observation = await self._observe(due)
        decision = await self._decide(observation)
        self._act(observation, due, decision)
        self._triggers.wake_at(decision.wake_at)
        if decision.more:
            self._triggers.add(Trigger.TIMER)

    async def _observe(self, due: Due) -> Observation:
        tracks = await self._views.now()
        now, mail = self._clock.now(), self._inbox.take()
        shown = [view.frame.t for view in tracks if view.frame is not None]
        return Observation(
            n=next(self._ticks),
            t=max(shown, default=now),
            now=now,
            wall=self._clock.wall(),
            triggers=due.triggers,
            skipped=due.skipped,
            tracks=tracks,
            instructions=self.instructions.standing(),
            chat=mail.chat,
            speech=mail.speech,
            results=mail.results,
            can_delegate=self.tickets.open_to,
            language=self._settings.language,
        )

    async def _decide(self, observation: Observation) -> Decision:
        try:
            decision = await self._asking.ask(observation)
        except Exception as error:  # whatever a model raises: silence, and a status that says why
            self._health.failing("model", error)
            absent = isinstance(error, TimeoutError) or (isinstance(error, JoyVLError) and error.retryable)
            self._inbox.give_back(patiently=absent)
            return Decision()
        self._health.works("model")
        return decision

    def _act(self, observation: Observation, due: Due, decision: Decision) -> None:
        """From decision to log to sinks. The log comes first: what is sent is always written."""
        gate = self._gate(observation, decision)
        action: Action = Silence() if gate else decision.action
        ticket = self.tickets.next_id() if isinstance(action, Delegate) else None
        try:
            record = self._record(observation, due, decision, gate, ticket)
        except ValidationError as error:
            self._health.failing(
                "answer", TypeError(f"the model's answer is not of the types it must be: {error.title}")
            )
            self._act(observation, due, Decision())
            return
        self._log.write(record)
        self._follow(decision)
        match action:
            case Speak(text):
                self._send(observation, decision, text)
            case Delegate(note, question):
                self._send(observation, decision, note)
                task = DelegateTask(
                    ticket or "", question, digest(observation, self._log), self._views.recent, self._settings.language
                )
                self.tickets.submit(task, instruction=decision.instruction, reply_to=decision.reply_to)

    def _gate(self, observation: Observation, decision: Decision) -> Gate | None:
        match decision.action:
            case Silence():
                return None
            case Speak(text) | Delegate(text, _):
                return self.gates.check(
                    Candidate(
                        text,
                        observation.now,
                        datetime.fromtimestamp(observation.wall).astimezone().hour,
                        decision.instruction,
                        reply=decision.reply_to is not None,
                        timed=Trigger.TIMER in observation.triggers,
                        p_silence=decision.p_silence,
                    )
                )

    def _record(
        self, observation: Observation, due: Due, decision: Decision, gate: Gate | None, ticket: str | None
    ) -> TickEvent:
        decided = name_of(decision.action)
        delegated = decision.action if isinstance(decision.action, Delegate) else None
        costs = tuple(TrackCost(id=v.id, frame=v.kind, tokens=v.tokens, age_ms=v.age_ms) for v in observation.tracks)
        return TickEvent(
            wall=observation.wall,
            t=observation.t,
            n=observation.n,
            triggers=observation.triggers,
            action="silence" if gate else decided,
            decided=decided,
            gate=gate,
            text=decision.action.text if isinstance(decision.action, Speak) else delegated.note if delegated else "",
            raw=decision.raw or render(decision.action),
            note=delegated.note if delegated else None,
            question=delegated.question if delegated else None,
            ticket=ticket,
            instruction=decision.instruction,
            reply_to=decision.reply_to,
            p_silence=decision.p_silence,
            latency_ms=max(0.0, self._clock.now() - due.since) * 1_000,
            tracks=costs,
            frame=max((cost.frame for cost in costs), key=_COST.__getitem__, default=FrameKind.NONE),
            tokens=sum(cost.tokens for cost in costs),
        )

    def _send(self, observation: Observation, decision: Decision, text: str) -> None:
        if not text:
            return
        act = Act(
            tick=observation.n,
            t=self._clock.now(),
            text=text,
            language=language_of(text),
            priority=decision.priority,
            replace=decision.replace,
            expires=self._clock.now() + self._settings.ttl,
            reply_to_chat=(decision.reply_to or "").startswith("c"),
        )
        for sink in self._sinks:
            if act.reply_to_chat and sink.name == "voice":
                continue  # a typed question is answered in writing
            try:
                sink.offer(act)
            except Exception as error:  # one sink's fault must not keep the others from speaking
                self._health.failing("sink", error)

    def _follow(self, decision: Decision) -> None:
        """Carries out what the model found that people asked for."""
        for notice in decision.notices:
            self._log.status(notice.state, notice.reason, notice.remedy, instruction=notice.instruction)
        for edit in decision.edits:
            try:
                match edit.kind:
                    case "add":
                        self.instruct(edit.text, author=edit.author)
                    case "change":
                        self.change(edit.id, edit.text, author=edit.author)
                    case "cancel":
                        self.cancel(edit.id, author=edit.author)
            except BadInputError as error:
                self._log.status(f"instruction.{error.kind}", str(error), error.hint)
        for request in decision.requests:
            self.request(request)

    def request(self, request: Request) -> None:
        """Carries out what somebody asked of the participant itself."""
        span = "" if request.seconds is None else f" for {request.seconds:g} s"
        self._log.status(f"asked.{request.kind}", f"somebody asked for it{span}")
        match request.kind:
            case "quiet":
                self.gates.quiet(self._clock.now() + (inf if request.seconds is None else request.seconds))
            case "talk":
                self.gates.talk()
        if self._on_request:
            self._on_request(request)
