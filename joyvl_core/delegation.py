"""Tickets: hard questions handed to somebody else while the bot keeps watching."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from joyvl_core.clock import Clock
from joyvl_core.errors import JoyVLError
from joyvl_core.events import EventLog, TicketEvent
from joyvl_core.observation import TicketNews, TicketState
from joyvl_core.ports import Delegate, DelegateTask

MAX_DIGEST = 3_500


@dataclass(frozen=True, slots=True)
class DelegationSettings:
    """Bounds of a session's delegations: at once, altogether, and seconds for each."""

    at_once: int = 2
    budget: int = 50
    deadline: float = 60.0


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
        self._running: dict[str, asyncio.Task[None]] = {}
        self._opened = 0

    @property
    def open_to(self) -> bool:
        """Whether a ticket would be taken now."""
        settings = self._settings
        within = self._opened < settings.budget and len(self._running) < settings.at_once
        return self._delegate is not None and within

    def next_id(self) -> str:
        """The id the next ticket gets."""
        return f"d{self._opened + 1}"

    def submit(self, task: DelegateTask, *, instruction: str | None = None, reply_to: str | None = None) -> None:
        """Opens a ticket and returns at once. A ticket that can't be taken fails with its reason."""
        news = TicketNews(
            task.id,
            TicketState.RUNNING,
            task.question,
            "",
            self._clock.now(),
            instruction=instruction,
            reply_to=reply_to,
        )
        delegate = self._delegate
        if delegate is None or not self.open_to:
            reason = "no delegate is configured" if delegate is None else "the session's delegations are used up"
            self._settle(replace(news, state=TicketState.FAILED, digest=reason))
            return
        self._opened += 1
        self._write(news)
        self._running[task.id] = asyncio.create_task(self._run(delegate, task, news), name=f"ticket {task.id}")

    def cancel(self, ticket_id: str) -> bool:
        """Cancels a running ticket; False when there is none of that id."""
        task = self._running.get(ticket_id)
        return task is not None and task.cancel()

    async def aclose(self) -> None:
        """Cancels what runs and waits for it."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._delegate is not None:
            await self._delegate.aclose()

    async def _run(self, delegate: Delegate, task: DelegateTask, news: TicketNews) -> None:
        def progress(words: str) -> None:
            self._write(replace(news, digest=words[:MAX_DIGEST]))

        try:
            async with asyncio.timeout(self._settings.deadline):
                answer = await delegate.answer(task, progress)
            self._settle(replace(news, state=TicketState.DONE, digest=answer[:MAX_DIGEST]))
        except TimeoutError:
            self._settle(replace(news, state=TicketState.TIMED_OUT, digest="no answer in time"))
        except asyncio.CancelledError:
            self._settle(replace(news, state=TicketState.CANCELLED, digest="cancelled"))
            raise
        except JoyVLError as error:
            self._settle(replace(news, state=TicketState.FAILED, digest=str(error)))
        except Exception as error:  # foreign code behind the port: whatever it raises is a failed ticket
            self._settle(replace(news, state=TicketState.FAILED, digest=f"{type(error).__name__}: {error}"))
        finally:
            self._running.pop(task.id, None)

    def _settle(self, news: TicketNews) -> None:
        news = replace(news, t=self._clock.now())
        self._write(news)
        self._report(news)

    def _write(self, news: TicketNews) -> None:
        self._log.write(
            TicketEvent(**self._log.stamp(), id=news.id, state=news.state, question=news.question, digest=news.digest)
        )
