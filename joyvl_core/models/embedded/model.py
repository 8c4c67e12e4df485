"""The embedded model: perception, understanding and policy, joined.

Looks come from a worker thread between ticks; everything else happens on the event loop, in `step`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from joyvl_core.actions import Action, Delegate, Silence, Speak
from joyvl_core.errors import JoyVLError
from joyvl_core.media import Frame
from joyvl_core.memory.archive import Event, EventArchive, EventKind
from joyvl_core.memory.items import MemoryItem
from joyvl_core.memory.working import Turn, WorkingMemory
from joyvl_core.models.embedded.answers import Answers, Situation
from joyvl_core.models.embedded.conversation import Conversation, Outcome, Remark, Understanding
from joyvl_core.models.embedded.percepts import Percept, PerceptKind, Thing
from joyvl_core.models.embedded.policy import GoesOn, Moment, Policy, Priority, Served, Utterance, policy_for
from joyvl_core.models.embedded.policy.judging import applies
from joyvl_core.models.embedded.policy.pending import Pending
from joyvl_core.models.embedded.remembering import Remembered
from joyvl_core.models.embedded.wishes import Category, Intent, Running, Wish
from joyvl_core.observation import Decision, Instruction, Notice, Observation, TicketNews, TicketState
from joyvl_core.ports import Look, MemoryKeeper

_INBOX = 256
"""Percepts that wait for a tick; the oldest give way."""
_READS = frozenset({Intent.READ_TEXT, Intent.TRANSLATE_TEXT, Intent.COMMENTARY})
_RESULT_HOLDS = 20.0
_LONGEST = 500
"""Characters of a delegate's answer that are said; the whole of it is with its ticket."""
_GREETING = "greeting"
"""Stands for the id of the instruction that nobody gave: to greet, where the persona speaks first."""


class Perception(Protocol):
    """Sees what happens. `look` is called by one thread at a time, the others from any meanwhile."""

    def look(self, frame: Frame) -> tuple[Percept, ...]:
        """What has become sure with this frame. Blocks for some milliseconds."""
        ...

    def present(self) -> tuple[Thing, ...]:
        """What is there now, on every track."""
        ...

    def busy(self) -> bool:
        """It is worth looking again soon."""
        ...

    def forget(self, track: str) -> None:
        """The track has ended."""
        ...


class TextReader(Protocol):
    """Reads what is written in the picture, in the background while `wanted`."""

    wanted: bool

    def look(self, frame: Frame) -> tuple[Percept, ...]:
        """Takes a frame; returns the texts that have become sure."""
        ...

    def read(self, frame: Frame) -> str:
        """Everything that is written in this one picture, in reading order. Blocks."""
        ...

    def busy(self) -> bool:
        """It is worth looking again soon."""
        ...

    def forget(self, track: str) -> None:
        """The track has ended."""
        ...

    def close(self) -> None:
        """Releases what it holds. Idempotent."""
        ...


@dataclass(slots=True)
class _Service:
    """An instruction that is known, and the policy that serves it, if one could be made."""

    instruction: Instruction
    served: Served | None = None
    policy: Policy | None = None


class EmbeddedModel:
    """Decides on a bare CPU, with what it can see, read, count and time itself.

    Args:
        perception: Its eyes.
        understanding: Reads what people ask.
        reader: Reads text in pictures; without one, wishes about text stay unserved.
        archive: What it remembers; its own by default.
        policies: Makes what serves a wish: whether and what to say.
        speaks_first: With no instruction at all it greets who comes first.
        wall_time: Times are told by the time of day (a room), not by the session's clock (a file).
    """

    name = "embedded/1"

    def __init__(
        self,
        perception: Perception,
        understanding: Understanding,
        reader: TextReader | None = None,
        *,
        archive: EventArchive | None = None,
        policies: Callable[[Served], Policy] = policy_for,
        speaks_first: bool = False,
        wall_time: bool = False,
    ) -> None:
        self._perception = perception
        self._reader = reader
        archive = EventArchive() if archive is None else archive
        self._remembered = Remembered(archive)
        self._working = WorkingMemory()
        self._conversation = Conversation(understanding, Answers(archive, self._working), self._working, reader)
        self._policies = policies
        self._speaks_first = speaks_first
        self._wall_time = wall_time
        self._services: dict[str, _Service] = {}
        self._tracks: frozenset[str] = frozenset()
        self._placed: set[int] = set()
        self._pending = Pending()
        # Shared with the worker thread that looks: two boxes under one lock, and the interest as one frozen set.
        self._inbox: deque[Percept] = deque(maxlen=_INBOX)
        self._ended: deque[str] = deque(maxlen=_INBOX)
        self._lock = threading.Lock()
        self._interest: frozenset[PerceptKind] = frozenset()

    def look(self, frame: Frame) -> Look:
        self._forget_ended()
        percepts = self._perception.look(frame)
        busy = self._perception.busy()
        if self._reader is not None:
            percepts += self._reader.look(frame)
            busy = busy or self._reader.busy()
        with self._lock:
            self._inbox.extend(percepts)
        return Look(wake=any(percept.kind in self._interest for percept in percepts), busy=busy)

    async def step(self, observation: Observation) -> Decision:
        self._note_ended(observation)
        self._remembered.language = observation.language
        # What was seen comes before what was said: a question asked with it is answered with it.
        percepts = self._seen()
        moment = self._moment(observation)
        for service in self._services.values():
            if service.policy is not None:
                self._pending.add(service.policy.propose(percepts, moment))
        out = Outcome()
        await self._listen(observation, out)
        self._pending.add(out.utterances)
        self._note_totals(observation.now)
        return self._decision(observation, out)

    async def aclose(self) -> None:
        if self._reader is not None:
            self._reader.close()

    # --- memory beyond the process ----------------------------------------------------------

    def keep_in(self, keeper: MemoryKeeper) -> None:
        self._remembered.keeper = keeper

    def resume(self, items: Sequence[MemoryItem]) -> None:
        self._remembered.resume(items)

    def forget(self, since: float, until: float) -> None:
        with self._lock:
            left = [percept for percept in self._inbox if not since <= percept.t <= until]
            self._inbox.clear()
            self._inbox.extend(left)
        self._remembered.forget(since, until)
        self._working.forget(since, until)

    def tiers(self) -> Mapping[str, int]:
        return {"working": len(self._working.turns())}

    def _note_totals(self, now: float) -> None:
        for service in self._services.values():
            if service.policy is not None and service.policy.total is not None:
                self._remembered.note_total(service.instruction, service.policy.total, now)

    # --- what people say --------------------------------------------------------------------

    async def _listen(self, observation: Observation, out: Outcome) -> None:
        """Instructions first, so that a question asked with them finds them running."""
        for instruction in self._changed(observation.instructions):
            self._services[instruction.id] = _Service(instruction)
            self._pending.drop(instruction.id)
            try:
                await self._conversation.instructed(instruction, self._situation(observation), out)
            except JoyVLError as error:
                out.notices.append(Notice("unclear", str(error), error.hint, instruction.id))
            self._begin(out)
        lines = [Remark(c.text, c.author, c.t, line=c.id, addressed=c.addressed) for c in observation.chat]
        lines += [
            Remark(s.text, s.speaker, s.t, line=s.id, addressed=s.addressed) for s in observation.speech if s.final
        ]
        for remark in sorted(lines, key=lambda remark: remark.t):
            self._hear(remark)
            await self._conversation.heard(remark, self._situation(observation), out)
            self._begin(out)
        for news in observation.results:
            self._fold_back(news, observation, out)
        self._greet_first(observation)

    def _changed(self, instructions: Sequence[Instruction]) -> list[Instruction]:
        """Those that are new or have new words; cancelled ones are forgotten."""
        standing = {instruction.id for instruction in instructions}
        for gone in [i for i in self._services if i not in standing and i != _GREETING]:
            del self._services[gone]
            self._pending.drop(gone)
        return [i for i in instructions if i.id not in self._services or self._services[i.id].instruction != i]

    def _begin(self, out: Outcome) -> None:
        """Makes a policy for each wish that was understood."""
        for number, wish in out.begin.items():
            if service := self._services.get(number):
                service.served = Served(number, wish, service.instruction.t, self._wall_time)
                service.policy = self._policies(service.served)
                total = self._remembered.take_total(service.instruction)
                if total is not None and isinstance(service.policy, GoesOn):
                    service.policy.go_on_from(total)
        out.begin.clear()
        self._attend()

    def _greet_first(self, observation: Observation) -> None:
        """A persona that speaks first greets who comes first, as long as nothing else is asked of it."""
        if observation.instructions:
            self._services.pop(_GREETING, None)
        elif self._speaks_first and _GREETING not in self._services:
            wish = Wish(Intent.GREET, observation.language, "", category=Category.PERSON, first=True)
            served = Served(_GREETING, wish, observation.now)
            instruction = Instruction(_GREETING, "", "", observation.now)
            self._services[_GREETING] = _Service(instruction, served, self._policies(served))
        self._attend()

    def _attend(self) -> None:
        """Tells the looking thread and the reader what is of interest now."""
        serving = [s for s in self._services.values() if s.policy is not None and s.served and not s.policy.done]
        self._interest = frozenset().union(*(s.policy.kinds for s in serving if s.policy))
        if self._reader is not None:
            self._reader.wanted = any(s.served.wish.intent in _READS for s in serving if s.served)

    def _hear(self, remark: Remark) -> None:
        self._remembered.add(Event(EventKind.HEARD, remark.t, text=remark.text, author=remark.author))

    def _fold_back(self, news: TicketNews, observation: Observation, out: Outcome) -> None:
        """What became of a delegation. A standing wish's answer is said only where the wish applies."""
        if news.state in (TicketState.FAILED, TicketState.TIMED_OUT):
            out.notices.append(Notice("delegate_failed", news.digest, instruction=news.instruction))
        if news.state is not TicketState.DONE or not news.digest.strip():
            return
        service = self._services.get(news.instruction or "")
        judged = service is not None and service.served is not None and service.served.wish.intent is Intent.UNJUDGEABLE
        if judged and news.reply_to is None and not applies(news.digest):
            return
        out.utterances.append(
            Utterance(
                _shortened(" ".join(news.digest.split())),
                Priority.REPLY if news.reply_to else Priority.ALERT,
                observation.now,
                lifetime=_RESULT_HOLDS,
                instruction=news.instruction,
                reply_to=news.reply_to,
                why="the delegate's answer",
            )
        )

    # --- what is seen -----------------------------------------------------------------------

    def _note_ended(self, observation: Observation) -> None:
        tracks = frozenset(view.id for view in observation.tracks)
        with self._lock:
            self._ended.extend(self._tracks - tracks)
        self._tracks = tracks

    def _forget_ended(self) -> None:
        """Runs where the looks do, so that no look is under way on a track that is being forgotten."""
        with self._lock:
            ended = list(self._ended)
            self._ended.clear()
        for track in ended:
            self._perception.forget(track)
            if self._reader is not None:
                self._reader.forget(track)

    def _seen(self) -> list[Percept]:
        """Takes what was seen since the last tick, and remembers it."""
        with self._lock:
            percepts = list(self._inbox)
            self._inbox.clear()
        for percept in percepts:
            thing = percept.thing.id if percept.thing else None
            if percept.thing is not None:
                self._remembered.note_colour(percept.thing.id, percept.thing.colour)
                self._note_placed(percept.kind, percept.thing.id)
            self._remembered.add(
                Event(EventKind(percept.kind.value), percept.t, percept.track, thing=thing, text=percept.text)
            )
        for there in self._perception.present():
            self._remembered.note_colour(there.id, there.colour)
        return percepts

    def _note_placed(self, kind: PerceptKind, thing: int) -> None:
        """A bag that stands there is nobody; one that moves on its own was no bag."""
        if kind is PerceptKind.PUT:
            self._placed.add(thing)
        elif kind in (PerceptKind.MOTION, PerceptKind.APPEAR):
            self._placed.discard(thing)

    def _moment(self, observation: Observation) -> Moment:
        there = [thing for thing in self._perception.present() if thing.track in self._tracks]
        self._placed &= {thing.id for thing in there}
        return Moment(
            observation.now,
            observation.wall,
            present=tuple(thing for thing in there if thing.id not in self._placed),
            placed=tuple(thing for thing in there if thing.id in self._placed),
            can_delegate=observation.can_delegate,
        )

    def _situation(self, observation: Observation) -> Situation:
        serving = [s for s in self._services.values() if s.served and s.policy and not s.policy.done]
        return Situation(
            self._moment(observation),
            observation.language,
            running=tuple(
                Running(s.served.id, s.served.wish) for s in serving if s.served and s.served.id != _GREETING
            ),
            totals={
                s.served.id: s.policy.total for s in serving if s.served and s.policy and s.policy.total is not None
            },
            asked=min((s.instruction.t for s in serving), default=None),
            instructions={i: s.instruction.text for i, s in self._services.items() if i != _GREETING},
            frames=tuple(view.frame for view in observation.tracks if view.frame is not None),
            wall_time=self._wall_time,
        )

    # --- what comes of it -------------------------------------------------------------------

    def _decision(self, observation: Observation, out: Outcome) -> Decision:
        utterance = self._pending.next(observation.now)
        if utterance is None:
            return Decision(
                wake_at=self._wake_at(observation.now),
                edits=tuple(out.edits),
                requests=tuple(out.requests),
                notices=tuple(out.notices),
            )
        if utterance.reply_to is None:
            self._working.add(Turn(observation.now, "bot", utterance.text))
        self._remembered.add(Event(EventKind.SAID, observation.now, text=utterance.text))
        action: Action = Speak(utterance.text) if utterance.text else Silence()
        if utterance.question:
            action = Delegate(utterance.text, utterance.question)
        return Decision(
            action,
            instruction=None if utterance.instruction == _GREETING else utterance.instruction,
            reply_to=utterance.reply_to,
            why=utterance.why,
            priority=utterance.priority,
            replace=utterance.replace,
            more=len(self._pending) > 0,
            wake_at=self._wake_at(observation.now),
            edits=tuple(out.edits),
            requests=tuple(out.requests),
            notices=tuple(out.notices),
        )

    def _wake_at(self, now: float) -> float | None:
        """The soonest timer of any policy; one that is due already is served with the next tick."""
        times = [s.policy.wake_at() for s in self._services.values() if s.policy is not None and not s.policy.done]
        return min((max(t, now) for t in times if t is not None), default=None)


def _shortened(text: str) -> str:
    """The text up to the last sentence that fits."""
    if len(text) <= _LONGEST:
        return text
    head = text[:_LONGEST]
    end = max(head.rfind(stop) for stop in (". ", "! ", "? ", "。", "！", "？"))
    return head[: end + 1].strip() if end > 0 else f"{head}…"
