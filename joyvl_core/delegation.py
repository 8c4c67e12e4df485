"""Tickets: hard questions handed to somebody else while the bot keeps watching."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite

from joyvl_core.asked import Answer, DelegateTask
from joyvl_core.clock import Clock
from joyvl_core.errors import JoyVLError
from joyvl_core.events import AnyEvent, ChatEvent, EventLog, SpeechEvent, TicketEvent, TickEvent
from joyvl_core.observation import Observation, TicketNews, TicketState
from joyvl_core.ports import Delegate
from joyvl_core.text import tidy

MAX_DIGEST = 3_500
MAX_FULL = 100_000
"""Most characters of an answer that the log keeps."""
PROGRESS_EVERY = 1.0
"""Least seconds between two reports of progress; those between are left out."""
MAX_KNOWN = 4_000
"""Most characters of what a delegate is told beside the question."""
_MAX_QUESTION = 4_000
_MAX_FOLLOWERS = 8
_END_WITHIN = 0.5
_LINES = 20
_LINE = 300
_ENDS = " .?!。?!"


@dataclass(frozen=True, slots=True)
class DelegationSettings:
    """Bounds of a session's delegations.

    Attributes:
        at_once: Questions that are answered at the same time.
        tickets: Questions altogether; None is without end.
        tokens: Tokens altogether, in and out, as far as delegates tell; None is without end.
        money: Cost altogether, in the currency that the prices are set in; None is without end.
        deadline: Seconds for each.
    """

    at_once: int = 2
    tickets: int | None = 50
    tokens: int | None = None
    money: float | None = None
    deadline: float = 60.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What a session's delegations have taken so far."""

    tickets: int = 0
    tokens: int = 0
    money: float = 0.0


@dataclass(slots=True, eq=False)
class _Work:
    """A question that is being answered, for one ticket or for several that ask the same."""

    key: str
    asking: asyncio.Task[None] | None = None
    waiting: dict[str, TicketNews] = field(default_factory=dict)
    told: float = float("-inf")


class Tickets:
    """Runs delegations and reports what becomes of each, to the log and to the next observation.

    A question that is being answered already is not asked twice: its tickets end together.

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
        self._works: list[_Work] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._made = 0
        self._spent = Spent()
        self._closed = False

    @property
    def open_to(self) -> bool:
        """Whether a ticket would be taken now."""
        return not self._refusal()

    @property
    def spent(self) -> Spent:
        """What was taken of the budgets so far."""
        return self._spent

    @property
    def running(self) -> tuple[str, ...]:
        """Ids of the tickets under way, oldest first."""
        return tuple(ticket for work in self._works for ticket in work.waiting)

    def next_id(self) -> str:
        """The id the next ticket gets."""
        return f"d{self._made + 1}"

    def resume(self, open_tickets: Sequence[TicketNews], *, made: int = 0, spent: Spent | None = None) -> None:
        """Takes up where an earlier process of the session ended.

        Args:
            open_tickets: Those that were under way: nobody works on them any more, so they fail.
            made: How many tickets the session had.
            spent: What they took.
        """
        self._made = max([self._made, made, *(_number(news.id) for news in open_tickets)])
        self._spent = spent or replace(self._spent, tickets=max(self._spent.tickets, self._made))
        for news in open_tickets:
            self._tell(replace(news, state=TicketState.FAILED, digest="interrupted by a restart"))

    def submit(self, task: DelegateTask, *, instruction: str | None = None, reply_to: str | None = None) -> None:
        """Opens a ticket and returns at once. A ticket that can't be taken fails with its reason."""
        self._made = max(self._made + 1, _number(task.id))
        question = tidy(task.question, _MAX_QUESTION)
        news = TicketNews(
            task.id, TicketState.RUNNING, question, "", self._clock.now(), instruction=instruction, reply_to=reply_to
        )
        same = next((work for work in self._works if work.key == _key(question)), None)
        refusal = self._refusal(same)
        if self._delegate is None or refusal:
            self._tell(replace(news, state=TicketState.FAILED, digest=refusal))
            return
        work = same or _Work(_key(question))
        work.waiting[task.id] = news
        self._write(news)
        if same is None:
            self._works.append(work)
            self._spent = replace(self._spent, tickets=self._spent.tickets + 1)
            asked = replace(task, question=question, within=self._settings.deadline)
            work.asking = asyncio.create_task(self._run(self._delegate, asked, work), name=f"ticket {task.id}")
            self._tasks.add(work.asking)
            work.asking.add_done_callback(self._tasks.discard)

    def cancel(self, ticket_id: str) -> bool:
        """Cancels a running ticket; False when there is none of that id."""
        work = next((work for work in self._works if ticket_id in work.waiting), None)
        if work is None:
            return False
        news = work.waiting.pop(ticket_id)
        if not work.waiting:
            self._drop(work)
        self._tell(replace(news, state=TicketState.CANCELLED, digest="cancelled"))
        return True

    def cancel_all(self) -> int:
        """Cancels all that runs. Returns how many tickets that were."""
        return sum(self.cancel(ticket_id) for ticket_id in self.running)

    async def aclose(self, linger: float = 0.0) -> None:
        """Takes no more tickets, and ends those under way.

        Args:
            linger: Seconds they may still take: what comes in time is written to the log, though nobody is told.
                A delegate that does not stop in time is left alone.
        """
        self._closed = True
        under_way = [work.asking for work in self._works if work.asking is not None]
        if under_way and linger > 0:
            await asyncio.wait(under_way, timeout=linger)
        self.cancel_all()
        if ending := tuple(self._tasks):
            await asyncio.wait(ending, timeout=_END_WITHIN)
        if self._delegate is not None:
            with contextlib.suppress(Exception):  # the session is over: there is nothing left that it could harm
                await asyncio.wait_for(self._delegate.aclose(), _END_WITHIN)

    async def _run(self, delegate: Delegate, task: DelegateTask, work: _Work) -> None:
        with contextlib.suppress(JoyVLError):  # whoever keeps the log has said so; the answer is wanted all the same
            await self._log.committed()
        answering = asyncio.ensure_future(delegate.answer(task, lambda words: self._progress(work, words)))
        try:
            await asyncio.wait({answering}, timeout=self._settings.deadline)
            if answering.done():
                self._end(work, *_outcome(answering))
                self._advise(answering)
            else:
                self._end(work, TicketState.TIMED_OUT, "no answer in time")
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)

    def _refusal(self, same: _Work | None = None) -> str:
        """Why no ticket would be taken now; "" when one would. `same`: what answers its question already."""
        bounds, spent = self._settings, self._spent
        if self._delegate is None:
            return "no delegate is configured"
        if self._closed:
            return "the session has ended"
        if same is not None:
            return "too many ask the same question" if len(same.waiting) >= _MAX_FOLLOWERS else ""
        if bounds.tickets is not None and spent.tickets >= bounds.tickets:
            return f"the session's {bounds.tickets} delegations are used up"
        if bounds.tokens is not None and spent.tokens >= bounds.tokens:
            return f"the session's {bounds.tokens} tokens for delegations are used up"
        if bounds.money is not None and spent.money >= bounds.money:
            return f"the session's budget of {bounds.money:g} for delegations is used up"
        if len(self._works) >= bounds.at_once:
            return f"{bounds.at_once} questions are being answered already"
        return ""

    def _progress(self, work: _Work, words: str) -> None:
        now = self._clock.now()
        if work in self._works and now - work.told >= PROGRESS_EVERY:
            work.told = now
            for news in tuple(work.waiting.values()):
                self._tell(replace(news, digest=tidy(words, MAX_DIGEST)))

    def _end(self, work: _Work, state: TicketState, text: str, answer: Answer | None = None) -> None:
        """Ends all tickets of a question. What it took is counted even when nobody waits any more."""
        if answer is not None:
            tokens, money = max(0, answer.tokens), max(0.0, answer.cost) if isfinite(answer.cost) else 0.0
            self._spent = replace(self._spent, tokens=self._spent.tokens + tokens, money=self._spent.money + money)
        waiting = tuple(work.waiting.values())
        work.waiting.clear()
        self._drop(work)
        for number, news in enumerate(waiting):
            # The whole of it is kept once, with the ticket that was first, and so is what it took.
            first = answer if number == 0 else None
            self._tell(replace(news, state=state, digest=tidy(text, MAX_DIGEST)), first)

    def _advise(self, answering: asyncio.Future[Answer]) -> None:
        """Tells whoever runs the bot what to do about a failure; the model only hears of the failure itself."""
        error = None if answering.cancelled() else answering.exception()
        if isinstance(error, JoyVLError) and error.hint:
            self._log.status("delegate.failed", tidy(str(error), _LINE), tidy(error.hint, _LINE))

    def _drop(self, work: _Work) -> None:
        """Nobody waits for it any more."""
        if work in self._works:
            self._works.remove(work)
        if work.asking is not None and work.asking is not asyncio.current_task():
            work.asking.cancel()

    def _tell(self, news: TicketNews, answer: Answer | None = None) -> None:
        news = replace(news, t=self._clock.now())
        self._write(news, answer)
        if not self._closed:
            self._report(news)

    def _write(self, news: TicketNews, answer: Answer | None = None) -> None:
        full = tidy(answer.text, MAX_FULL) if answer is not None and len(answer.text) > MAX_DIGEST else None
        self._log.write(
            TicketEvent(
                **self._log.stamp(),
                id=news.id,
                state=news.state,
                question=news.question,
                digest=news.digest,
                full=full,
                spent_tokens=answer.tokens if answer is not None and answer.tokens > 0 else None,
                cost=answer.cost if answer is not None and answer.cost > 0 else None,
            )
        )


def _outcome(answering: asyncio.Future[Answer]) -> tuple[TicketState, str, Answer | None]:
    """What became of a question."""
    error: BaseException | None = (
        asyncio.CancelledError("it gave up") if answering.cancelled() else answering.exception()
    )
    match error:
        case None:
            answer: object = answering.result()
            if not isinstance(answer, Answer) or not isinstance(answer.text, str):
                return TicketState.FAILED, "the delegate's answer is not of the type it must be", None
            return TicketState.DONE, answer.text, answer
        case TimeoutError():
            return TicketState.TIMED_OUT, "no answer in time", None
        case JoyVLError(kind="timeout"):
            return TicketState.TIMED_OUT, str(error), None
        case JoyVLError():
            return TicketState.FAILED, str(error), None
        case _:  # foreign code behind the port: whatever it raises is a failed ticket
            return TicketState.FAILED, f"{type(error).__name__}: {error}", None


def account(log: Iterable[AnyEvent]) -> tuple[int, Spent]:
    """How many tickets a log has seen, and what they took: for `Tickets.resume`."""
    made, taken, tokens, money = 0, set[str](), 0, 0.0
    for event in log:
        if isinstance(event, TicketEvent):
            made = max(made, _number(event.id))
            tokens += event.spent_tokens or 0
            money += event.cost or 0.0
            if event.state is TicketState.RUNNING:
                taken.add(event.id)
    return made, Spent(len(taken), tokens, money)


def _number(ticket_id: str) -> int:
    """The number in a ticket's id; 0 where it has none."""
    found = re.fullmatch(r"d(\d{1,9})", ticket_id)
    return int(found[1]) if found else 0


def _key(question: str) -> str:
    """What questions have in common that ask the same: case, spaces and the signs at the end don't matter."""
    return " ".join(question.casefold().split()).rstrip(_ENDS)


def digest(observation: Observation, log: EventLog) -> str:
    """What a delegate should know beside the pictures: who asked for what, and what was said and written lately.

    At most `MAX_KNOWN` characters; of the lines the newest.
    """
    head = [f"It is second {observation.t:.0f} of the session."]
    head += [f"Standing instruction {wish.id}: {_short(wish.text)}" for wish in observation.instructions]
    kept: list[str] = []
    left = MAX_KNOWN - len("\n".join(head))
    for line in _newest_lines(log):
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    return "\n".join([*head, *reversed(kept)])[:MAX_KNOWN]


def _newest_lines(log: EventLog) -> Iterable[str]:
    """What was said, heard and written, newest first."""
    found = 0
    for event in reversed(tuple(log.recent())):
        match event:
            case TickEvent(action="speak" | "delegate") if event.text:
                line = f"At {event.t:.0f} s the bot said: {_short(event.text)}"
            case SpeechEvent(final=True):
                line = f"At {event.t:.0f} s {event.speaker or 'somebody'} said: {_short(event.text)}"
            case ChatEvent():
                line = f"At {event.t:.0f} s {event.author or 'somebody'} wrote: {_short(event.text)}"
            case _:
                continue
        found += 1
        if found > _LINES:
            return
        yield line


def _short(text: str) -> str:
    return tidy(" ".join(text.split()), _LINE)
