"""A model stepped through a recorded session.

Nothing is said, nobody is asked, no ticket is opened: only decisions are made, at the recorded ticks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from math import floor, inf

from joyvl_core.asking import Asking
from joyvl_core.errors import JoyVLError
from joyvl_core.events import AnyEvent, TickEvent
from joyvl_core.inbox import Inbox, Mail
from joyvl_core.instructions import MAX_INSTRUCTIONS
from joyvl_core.observation import Decision, Edit, Instruction, Observation, Recollection, TrackView
from joyvl_core.ports import Archive, FrameWatcher, InteractionModel, TurnTaker
from joyvl_core.recalling import recall
from joyvl_core.replay.footage import Footage
from joyvl_core.replay.recorded import Moment, Reading, Survey
from joyvl_core.store.rows import StoredPicture
from joyvl_core.threads import in_thread
from joyvl_core.turns import Terms

GIVE_UP_AFTER = 5
"""Ticks that fail in a row before the model counts as absent."""
AUTHOR = "operator"
"""Author of the instructions that a replay is given."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What is different from the recorded session.

    Attributes:
        instructions: Hold from the beginning in the place of the recorded ones; the model may change them, as it
            was able to then. Without any, the recorded ones come and go as they did.
        language: The language to answer in where a wish names none.
        since: Session second of the first tick that is replayed.
        until: Session second of the last.
        deadline: Seconds the model may think before the tick counts as failed.
    """

    instructions: tuple[str, ...] = ()
    language: str = "en"
    since: float = 0.0
    until: float = inf
    deadline: float = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """One tick, as it was and as it is.

    Attributes:
        was: The recorded tick.
        now: Its session second.
        decision: What the model decides; None where it was not asked, because it had its turn in that second.
        tokens: What the pictures cost that it was shown.
        failed: Why it could not decide.
    """

    was: TickEvent
    now: float
    decision: Decision | None
    tokens: int = 0
    failed: str = ""


class PastArchive:
    """An archive that tells nothing of what was still to come.

    Args:
        archive: The whole session's.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def search(self, question: str, *, now: float, limit: int = 6) -> tuple[Recollection, ...]:
        """What fits the question best of what had happened by then, best first."""
        found = await self._archive.search(question, now=now, limit=4 * limit)
        return tuple(hit for hit in found if (hit.t if hit.until is None else hit.until) <= now)[:limit]


@dataclass(slots=True)
class _Wishes:
    """The instructions of a replay that was given its own."""

    standing: dict[str, Instruction] = field(default_factory=dict)
    made: int = 0

    def add(self, text: str, author: str, t: float) -> None:
        if text.strip() and len(self.standing) < MAX_INSTRUCTIONS:
            self.made += 1
            self.standing[f"i{self.made}"] = Instruction(f"i{self.made}", text, author, t)

    def edit(self, edit: Edit, t: float) -> None:
        match edit.kind:
            case "add":
                self.add(edit.text, edit.author, t)
            case "change" if edit.id in self.standing and edit.text.strip():
                self.standing[edit.id] = Instruction(edit.id, edit.text, edit.author, t)
            case "cancel":
                self.standing.pop(edit.id, None)


class Replay:
    """Steps one model through one session.

    Args:
        model: It is closed at the end.
        recorded: What the session's log holds.
        archive: Looked up where the model wants its questions looked up first.
    """

    def __init__(
        self,
        model: InteractionModel,
        recorded: Survey,
        options: ReplayOptions | None = None,
        archive: Archive | None = None,
    ) -> None:
        self._model = model
        self._recorded = recorded
        self._options = options or ReplayOptions()
        self._archive = archive
        self._asking = Asking(model, self._options.deadline, lambda thinking: None)
        self._inbox = Inbox(lambda count: None)
        self._wishes: _Wishes | None = None
        self._last_now: float | None = None
        self._failures = 0

    async def steps(
        self, events: AsyncIterator[AnyEvent], pictures: AsyncIterator[StoredPicture]
    ) -> AsyncGenerator[Step]:
        """The ticks in order. Run on a virtual clock it takes no longer than the model does.

        Args:
            events: The session's log.
            pictures: Its recorded frames, oldest first.

        Raises:
            Exception: Whatever the model raises, tick after tick.
        """
        reading, footage = Reading(), Footage(pictures, self._recorded.labels)
        try:
            async for event in events:
                moment = reading.read(event)
                if moment is None:
                    continue
                if moment.now > self._options.until:
                    break
                await footage.wind(moment.tick, moment.now)
                if moment.now >= self._options.since:
                    yield await self._step(moment, footage)
        finally:
            await self._asking.aclose()

    async def _step(self, moment: Moment, footage: Footage) -> Step:
        last, self._last_now = self._last_now, moment.now
        if last is None:
            self._begin(moment)
        else:
            await asyncio.sleep(max(0.0, moment.now - last))
        for item in moment.arrived:
            self._inbox.add(item)
        try:
            await self._look(moment.tick, footage)
        except Exception as error:  # a fault in looking, as in deciding, fails the tick
            return self._fail(moment, error)
        terms = Terms()
        if isinstance(self._model, TurnTaker):
            if last is not None and floor(moment.now) == floor(last):
                return Step(moment.tick, moment.now, None)
            terms = self._model.terms()
        tracks = await footage.views(moment.tick, terms)
        observation = await self._observation(moment, tracks, terms)
        return await self._ask(moment, observation)

    def _begin(self, moment: Moment) -> None:
        if self._options.instructions:
            self._wishes = _Wishes()
            for text in self._options.instructions:
                self._wishes.add(text, AUTHOR, moment.now)

    async def _look(self, tick: TickEvent, footage: Footage) -> None:
        if isinstance(self._model, FrameWatcher):
            for frame in await footage.looks(tick):
                await in_thread(self._model.look, frame)

    async def _observation(self, moment: Moment, tracks: tuple[TrackView, ...], terms: Terms) -> Observation:
        mail = self._inbox.take()
        standing = moment.instructions if self._wishes is None else tuple(self._wishes.standing.values())
        return Observation(
            n=moment.tick.n,
            t=moment.tick.t,
            now=moment.now,
            wall=moment.tick.wall,
            triggers=moment.tick.triggers,
            tracks=tracks,
            instructions=standing,
            chat=mail.chat,
            speech=mail.speech,
            results=mail.results,
            can_delegate=self._recorded.delegated,
            language=self._options.language,
            recalled=await self._recall(mail, moment.now, terms),
        )

    async def _recall(self, mail: Mail, now: float, terms: Terms) -> tuple[Recollection, ...]:
        if self._archive is None or not isinstance(self._model, TurnTaker) or not terms.recall:
            return ()
        return await recall(self._archive, mail, now, lambda error: None)

    async def _ask(self, moment: Moment, observation: Observation) -> Step:
        try:
            decision = await self._asking.ask(observation)
        except Exception as error:  # whatever a model raises: the tick failed, and the next one is tried
            retryable = isinstance(error, TimeoutError) or (isinstance(error, JoyVLError) and error.retryable)
            self._inbox.give_back(patiently=retryable)
            return self._fail(moment, error)
        self._failures = 0
        if self._wishes is not None:
            for edit in decision.edits:
                self._wishes.edit(edit, moment.now)
        tracks = observation.tracks if decision.tracks is None else decision.tracks
        return Step(moment.tick, moment.now, decision, sum(view.tokens for view in tracks))

    def _fail(self, moment: Moment, error: Exception) -> Step:
        """The step of a tick at which the model failed; it is given up when it does nothing else."""
        self._failures += 1
        if self._failures >= GIVE_UP_AFTER:
            raise error
        return Step(moment.tick, moment.now, Decision(), failed=f"{error or type(error).__name__}"[:300])
