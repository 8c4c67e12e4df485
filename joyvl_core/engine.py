"""The loop: every second, and at once when something happens, one observation and one decision.

    pictures, chat, speech, results ──► observation ──► model.step ──► gates ──► log ──► sinks

Nothing here knows a room, a voice or a web page. What comes back from the world enters as part of the
next observation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from math import inf

from pydantic import ValidationError

from joyvl_core.actions import Action, Delegate, Silence, Speak
from joyvl_core.acts.gates import Gates
from joyvl_core.acts.sending import Sending
from joyvl_core.asked import DelegateTask
from joyvl_core.asking import Asking
from joyvl_core.clock import Clock
from joyvl_core.delegation import Tickets, digest
from joyvl_core.engine_settings import EngineSettings, Progress
from joyvl_core.errors import JoyVLError
from joyvl_core.events import EventLog
from joyvl_core.health import Health
from joyvl_core.instructions import Instructions
from joyvl_core.lines import Lines
from joyvl_core.media import Picture
from joyvl_core.memory.items import MemoryItem
from joyvl_core.observation import (
    ChatLine,
    Decision,
    Instruction,
    Observation,
    Recollection,
    Request,
    SpeechLine,
    TicketNews,
    TicketState,
    Trigger,
    Witness,
)
from joyvl_core.ports import (
    ActSink,
    Archive,
    FrameWatcher,
    InteractionModel,
    MemoryKeeper,
    Remembering,
    Streaming,
    TurnTaker,
)
from joyvl_core.ports import Delegate as DelegatePort
from joyvl_core.prompter import Prompter
from joyvl_core.recalling import recall
from joyvl_core.text import language_of
from joyvl_core.tick_record import tick_event
from joyvl_core.triggers import Due, Triggers
from joyvl_core.turns import Clause
from joyvl_core.viewing import Views
from joyvl_core.watching import Watch


class Engine:
    """One session's loop. Feed it from the event loop; run it as one task.

    Args:
        model: Decides. Where it also is a `FrameWatcher` it sees frames between ticks.
        sinks: Where acts go.
        delegate: Answers delegated questions, if there is somebody.
        on_request: Called when somebody asked the participant itself for something (leave, be quiet).
        on_thinking: Told True when a decision takes long, and False when it is there.
        keeper: Where a model that remembers keeps what it remembers.
        archive: Looked up when somebody asks.
        witness: Sees every tick.

    Attributes:
        talkativeness: The dial, 0 to 1; it may be turned at any time.
        views: Every track as it is now.
        prompter: Says what an operator has it say.
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
        keeper: MemoryKeeper | None = None,
        archive: Archive | None = None,
        witness: Witness | None = None,
    ) -> None:
        self._settings = settings = settings or EngineSettings()
        self._clock = clock
        self._log = log
        self._model = model
        self._on_request = on_request
        self._archive = archive
        self._witness = witness
        self.talkativeness = settings.talkativeness
        self._health = Health(clock, log)
        failing = self._health.failing
        self._asking = Asking(model, settings.deadline, on_thinking or (lambda thinking: None))
        self.instructions = Instructions(clock, log)
        self.gates = Gates(settings.gates)
        self._sending = Sending(self.gates, sinks, clock, log, ttl=settings.ttl, failed=partial(failing, "sink"))
        self.tickets = Tickets(delegate, clock, log, self._on_news, settings.delegation)
        self.views = Views(
            clock, keep=settings.delegate_pictures, failed=partial(failing, "codec"), settings=settings.codec
        )
        turns, interval = isinstance(model, TurnTaker), settings.interval
        self._triggers = Triggers(clock, interval=interval, floor=settings.floor, events=settings.events, turns=turns)
        self._watch = Watch(
            clock,
            model if isinstance(model, FrameWatcher) else None,
            wake=partial(self._triggers.add, Trigger.CHANGE),
            failed=partial(failing, "look"),
            works=partial(self._health.works, "look"),
            rates=settings.rates,
        )
        self._lines = Lines(clock, log)
        self._inbox = self._lines.inbox
        self._ticks, self._skipped = 0, 0
        wake = self._triggers.ask_moment
        self.prompter = Prompter(
            clock, log, self._sending, number=self._next_number, wake=wake, commit=self._health.committed
        )
        self._showing: Observation | None = None
        if isinstance(model, Streaming):
            model.on_clause(self._say_early)
        if isinstance(model, Remembering) and keeper is not None:
            model.keep_in(keeper)

    def resume(
        self, *, instructions: Sequence[Instruction], items: Sequence[MemoryItem], tickets: Sequence[TicketNews]
    ) -> None:
        """Takes up a session that an earlier process began. Called before `run`.

        Args:
            instructions: The standing wishes.
            items: What its model kept, oldest first.
            tickets: Delegations that were under way: they are settled as interrupted.
        """
        self.instructions.resume(instructions)
        if isinstance(self._model, Remembering):
            self._model.resume(items)
        self.tickets.resume(tickets)

    def forget(self, since: float, until: float) -> None:
        """The model forgets what happened between two session seconds; what is stored is erased by its owner."""
        self.views.forget()
        if isinstance(self._model, Remembering):
            self._model.forget(since, until)

    @property
    def progress(self) -> Progress:
        """How far the loop is."""
        meter = self.views.meter
        return Progress(self._ticks, self._skipped, self._triggers.next, meter.coded, meter.dense)

    @property
    def paused(self) -> bool:
        """Whether it looks at nothing for now."""
        return self._triggers.held

    def pause(self, paused: bool) -> None:
        """Looks at nothing, so that no tick comes, or looks again. What people write meanwhile waits."""
        self._triggers.hold(paused)
        if paused:
            self.views.blank()

    # --- what comes in ----------------------------------------------------------------------

    def add_track(self, track: str, label: str) -> None:
        """A video track is there."""
        if not self.views.add(track, label):
            self._log.status("track.refused", f"too many video tracks, {label} is not watched", "stop another camera")

    def remove_track(self, track: str) -> None:
        """A video track has ended."""
        self.views.remove(track)
        self._watch.forget(track)

    def offer_picture(self, track: str, picture: Picture, pts: float) -> None:
        """A picture arrived; `pts` are the track's own seconds."""
        if self.paused:
            return
        if frame := self.views.offer(track, picture, pts):
            try:
                self._watch.offer(frame)
            except Exception as error:  # whatever a decoder hands over: a room is never told of it
                self._health.failing("look", error)

    def add_chat(self, author: str, text: str, *, addressed: bool = False) -> ChatLine:
        """Somebody wrote a line. An addressed one brings a tick at once."""
        line = self._lines.chat(author, text, addressed=addressed)
        if addressed:
            self._triggers.add(Trigger.CHAT)
        return line

    def add_speech(self, speaker: str, text: str, *, final: bool = True, addressed: bool = False) -> SpeechLine:
        """Somebody said something. The end of an utterance brings a tick at once."""
        line = self._lines.speech(speaker, text, final=final, addressed=addressed)
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
        watching, began = asyncio.create_task(self._watch.run(), name="watch"), self._clock.now()
        try:
            while True:
                due = await self._triggers.due()
                await (self._tick(due) if due.triggers else self.prompter.recite())
        finally:
            watching.cancel()
            self.prompter.close()
            if (meter := self.views.meter).frames:
                self._log.status("codec.report", meter.report(self._clock.now() - began))
            await asyncio.gather(watching, return_exceptions=True)
            await self.aclose()

    async def aclose(self) -> None:
        """Closes the tickets and the model, run or not. Idempotent."""
        try:
            await self.tickets.aclose(self._settings.linger)
        finally:
            await self._asking.aclose()

    async def _tick(self, due: Due) -> None:
        self._sending.begin()
        self._skipped += due.skipped
        observation = self._showing = await self._observe(due)
        decision = await self._decide(observation)
        self._showing = None
        await self._act(observation, due, decision)
        if self._witness is not None:
            self._witness(observation, decision)
        self._triggers.wake_at(decision.wake_at)
        if decision.more:
            self._triggers.add(Trigger.TIMER)

    async def _observe(self, due: Due) -> Observation:
        terms = self._model.terms() if isinstance(self._model, TurnTaker) else None
        tracks = await self.views.now(terms)
        now, mail = self._clock.now(), self._inbox.take()
        recalled: tuple[Recollection, ...] = ()
        if terms is not None and terms.recall and self._archive is not None:
            health = self._health
            recalled = await recall(
                self._archive, mail, now, partial(health.failing, "archive"), partial(health.works, "archive")
            )
        shown = [view.frame.t for view in tracks if view.frame is not None]
        return Observation(
            n=self._next_number(),
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
            recalled=recalled,
            talkativeness=self.talkativeness,
        )

    def _next_number(self) -> int:
        self._ticks += 1
        return self._ticks - 1

    async def _decide(self, observation: Observation) -> Decision:
        try:
            # A wish that the model acts on must survive the process that acted.
            await self._health.committed()
            decision = await self._asking.ask(observation)
        except Exception as error:  # whatever a model raises: silence, and a status that says why
            self._health.failing("model", error)
            if said := self._sending.said:
                return Decision(Speak(said), why="the rest never came")
            absent = isinstance(error, TimeoutError) or (isinstance(error, JoyVLError) and error.retryable)
            self._inbox.give_back(patiently=absent)
            return Decision()
        self._health.works("model")
        return decision

    async def _say_early(self, clause: Clause) -> None:
        if self._showing is not None:
            await self._sending.say_early(self._showing, clause)

    async def _act(self, observation: Observation, due: Due, decision: Decision) -> None:
        """From decision to log to sinks. The log comes first: what is sent is always written."""
        gate = self._sending.gate(observation, decision)
        action: Action = Silence() if gate else decision.action
        ticket = self.tickets.next_id() if isinstance(action, Delegate) else None
        latency = self._clock.now() - due.since
        try:
            record = tick_event(observation, decision, gate=gate, ticket=ticket, latency=latency)
        except ValidationError as error:
            self._health.failing(
                "answer", TypeError(f"the model's answer is not of the types it must be: {error.title}")
            )
            await self._act(observation, due, Decision())
            return
        self._log.write(record)
        self._follow(decision)
        if not isinstance(action, Silence):
            await self._health.committed()
        match action:
            case Speak(text):
                self._sending.send(observation, decision, text)
            case Delegate(note, question):
                self._sending.send(observation, decision, note)
                known = digest(observation, self._log)
                task = DelegateTask(
                    ticket or "", question, known, self.views.recent, language_of(question), self._settings.session
                )
                self.tickets.submit(task, instruction=decision.instruction, reply_to=decision.reply_to)
            case Silence() if self._sending.said:
                self._sending.send(observation, decision, "")

    def _follow(self, decision: Decision) -> None:
        """Carries out what the model found that people asked for."""
        for notice in decision.notices:
            self._log.status(notice.state, notice.reason, notice.remedy, instruction=notice.instruction)
        for edit in decision.edits:
            if self.instructions.apply(edit):
                self._triggers.add(Trigger.INSTRUCTION)
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
