"""Tickets: hard questions handed to somebody else while the bot keeps watching."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from joyvl_core.asked import DelegateTask
from joyvl_core.clock import Clock
from joyvl_core.errors import JoyVLError
from joyvl_core.events import EventLog, TicketEvent, TickEvent
from joyvl_core.observation import Observation, TicketNews, TicketState
from joyvl_core.ports import Delegate

MAX_DIGEST = 3_500
PROGRESS_EVERY = 1.0
"""Least seconds between two reports of progress; those between are left out."""
_END_WITHIN = 0.5
_SAID = 10


@dataclass(frozen=True, slots=True)
class DelegationSettings:
    """Bounds of a session's delegations: at once, altogether, and seconds for each."""

    at_once: int = 2
    budget: int = 50
    deadline: float = 60.0


@dataclass(slots=True)
class _Ticket:
    """A delegation under way, and when its progress was last told."""

    news: TicketNews
    work: asyncio.Task[None]
    told: float = float("-inf")


class Tickets:
    """Runs delegations and reports what becomes of each, to the log and to the next observation.

    Args:
        delegate: Who answers; None refuses every ticket.
        report: Called with the news that belong into the next observation.
    """

    def __init__(
        self,
        delegate: Delegate | None,
        clock: Clock,
        log: EventLog,
        report: Callable[[TicketNews], None],
        settings: DelegationSettings | None = None,
    ) -> None:
        self._delegate = delegate
        self._clock = clock
        self._log = log
        self._report = report
        self._settings = settings or DelegationSettings()
        self._running: dict[str, _Ticket] = {}
        self._made = 0
        self._taken = 0

    @property
    def open_to(self) -> bool:
        """Whether a ticket would be taken now."""
        return not self._refusal()

    def next_id(self) -> str:
        """The id the next ticket gets."""
        return f"d{self._made + 1}"

    def submit(self, task: DelegateTask, *, instruction: str | None = None, reply_to: str | None = None) -> None:
        """Opens a ticket and returns at once. A ticket that can't be taken fails with its reason."""
        self._made += 1
        news = TicketNews(
            task.id,
            TicketState.RUNNING,
            task.question,
            "",
            self._clock.now(),
            instruction=instruction,
            reply_to=reply_to,
        )
        refusal = self._refusal()
        if self._delegate is None or refusal:
            self._tell(replace(news, state=TicketState.FAILED, digest=refusal))
            return
        self._taken += 1
        self._write(news)
        work = asyncio.create_task(self._run(self._delegate, task), name=f"ticket {task.id}")
        self._running[task.id] = _Ticket(news, work)

    def cancel(self, ticket_id: str) -> bool:
        """Cancels a running ticket; False when there is none of that id."""
        ticket = self._running.get(ticket_id)
        if ticket is None:
            return False
        ticket.work.cancel()
        self._settle(ticket_id, TicketState.CANCELLED, "cancelled")
        return True

    async def aclose(self) -> None:
        """Cancels what runs. A delegate that does not stop in time is left alone."""
        under_way = [ticket.work for ticket in self._running.values()]
        for ticket_id in tuple(self._running):
            self.cancel(ticket_id)
        if under_way:
            await asyncio.wait(under_way, timeout=_END_WITHIN)
        if self._delegate is not None:
            with contextlib.suppress(Exception):  # the session is over: there is nothing left that it could harm
                await asyncio.wait_for(self._delegate.aclose(), _END_WITHIN)

    async def _run(self, delegate: Delegate, task: DelegateTask) -> None:
        try:
            async with asyncio.timeout(self._settings.deadline):
                answer = await delegate.answer(task, lambda words: self._progress(task.id, words))
            self._settle(task.id, TicketState.DONE, answer.text[:MAX_DIGEST])
        except TimeoutError:
            self._settle(task.id, TicketState.TIMED_OUT, "no answer in time")
        except JoyVLError as error:
            self._settle(task.id, TicketState.FAILED, str(error)[:MAX_DIGEST])
        except Exception as error:  # foreign code behind the port: whatever it raises is a failed ticket
            self._settle(task.id, TicketState.FAILED, f"{type(error).__name__}: {error}"[:MAX_DIGEST])

    def _refusal(self) -> str:
        """Why no ticket would be taken now; "" when one would."""
        if self._delegate is None:
            return "no delegate is configured"
        if self._taken >= self._settings.budget:
            return f"the session's {self._settings.budget} delegations are used up"
        if len(self._running) >= self._settings.at_once:
            return f"{self._settings.at_once} questions are being answered already"
        return ""

    def _progress(self, ticket_id: str, words: str) -> None:
        ticket, now = self._running.get(ticket_id), self._clock.now()
        if ticket is not None and now - ticket.told >= PROGRESS_EVERY:
            ticket.told = now
            self._tell(replace(ticket.news, digest=words[:MAX_DIGEST]))

    def _settle(self, ticket_id: str, state: TicketState, digest: str) -> None:
        """Ends a ticket; only its first end counts."""
        if ticket := self._running.pop(ticket_id, None):
            self._tell(replace(ticket.news, state=state, digest=digest))

    def _tell(self, news: TicketNews) -> None:
        news = replace(news, t=self._clock.now())
        self._write(news)
        self._report(news)

    def _write(self, news: TicketNews) -> None:
        self._log.write(
            TicketEvent(**self._log.stamp(), id=news.id, state=news.state, question=news.question, digest=news.digest)
        )


def digest(observation: Observation, log: EventLog) -> str:
    """What a delegate should know beside the pictures: who asked for what, and what was said lately."""
    wishes = [f"Standing instruction {wish.id}: {wish.text}" for wish in observation.instructions]
    said = [
        f"At {event.t:.0f} s the bot said: {event.text}"
        for event in log.recent()
        if isinstance(event, TickEvent) and event.text and event.action != "silence"
    ]
    return "\n".join([f"It is second {observation.t:.0f} of the session.", *wishes, *said[-_SAID:]])
