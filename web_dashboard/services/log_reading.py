"""Follows the logs of all sessions in the database, and makes of each event what others are to be told, once.

A session's cursor moves in the transaction that makes deliveries and alerts: whatever ends the process, in between
nothing is lost and nothing is told twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy import RowMapping, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.errors import JoyVLError
from joyvl_core.events import AnyEvent, InstructionEvent, TicketEvent, TickEvent, read_event
from joyvl_core.store.tables import events
from web_dashboard.db.tables import jobs
from web_dashboard.schemas.profiles import ProfileBody
from web_dashboard.schemas.webhooks import Asked, Delegated, Message, Spoken, WebhookKind
from web_dashboard.services.alerting import Alerting
from web_dashboard.services.telling import Alert, StateChange, failed, raise_alert, tell, tell_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from web_dashboard.fleet.acting import Change
    from web_dashboard.services.context import Context

_LOG = logging.getLogger(__name__)

EVERY = 2.0
"""Seconds between two looks, where nobody wakes it."""
_PAUSE = 0.2
_AGAIN = (2.0, 30.0)
BATCH = 200
"""Events that are told in one transaction."""
LOST_FOR = 60.0
"""Seconds without a word after which a lost session is an alert."""
_ENDED_FOR = 300.0
_LOOK_BACK = 7 * 86_400.0
_MAX_JOBS = 1_000
_MAX_KNOWN = 512
_MAX_CHANGES = 1_000
_STATE_TOLD_FOR = 6 * 86_400.0
"""Seconds after which a state is old news: the deliveries that would show that it was told are not kept for ever."""

_TOLD = ("ticket", "instruction")

Position = tuple[int, int]
"""Epoch, and number in it."""


@dataclass(frozen=True, slots=True)
class _Job:
    """What is needed of a session's row."""

    id: str
    cursor: Position
    alerts: bool


class _MovedError(Exception):
    """Somebody else moved the cursor."""


class LogReader:
    """The one reader of this process. Its owner runs `run()` as a task."""

    def __init__(self, context: Context, *, told: asyncio.Event | None = None) -> None:
        self._context = context
        self._alerting = Alerting()
        self._told = told
        self._woken = asyncio.Event()
        self._seen: OrderedDict[str, Position] = OrderedDict()
        """How far each log was looked through; what was silent since the cursor needs no second look."""
        self._wishes: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._raised: OrderedDict[str, None] = OrderedDict()
        self._changes: deque[StateChange] = deque(maxlen=_MAX_CHANGES)
        self._states: OrderedDict[str, tuple[int, str]] = OrderedDict()
        """The state, and of which start, that was told last of each session."""
        self._back = _LOOK_BACK

    def wake(self) -> None:
        """Something happened in a session: look now."""
        self._woken.set()

    def heard(self, session: str, line: Mapping[str, Any]) -> None:
        """A line of a session's log came over its link: one that is told of makes it look now."""
        if line.get("kind") in _TOLD or line.get("action") not in (None, "silence"):
            self.wake()

    def changed(self, change: Change) -> None:
        """A session's state changed; what the row tells by the next look needs no telling here."""
        self._changes.append(
            StateChange(change.session, change.start, change.state.value, change.reason, change.remedy, "", change.wall)
        )
        self.wake()

    async def run(self) -> None:
        """Reads until it is cancelled. A database that is away is waited for."""
        failures = 0
        while True:
            pause = EVERY
            try:
                await self.read()
                failures = 0
            except JoyVLError as error:
                if not failures:
                    _LOG.warning("The logs can't be read for webhooks and alerts: %s", error)
                pause = min(_AGAIN[0] * 2**failures, _AGAIN[1])
                failures = min(failures + 1, 10)
            if failures:
                await asyncio.sleep(pause)
                continue
            await asyncio.sleep(_PAUSE)
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()

    async def read(self) -> int:
        """Tells everything that is new; how many events that were.

        Raises:
            UnavailableError: The database can't be used.
        """
        told = 0
        for job, end in await self._moved():
            while True:
                count, done = await self._read_some(job, end)
                told += count
                if done:
                    break
        if told and self._told is not None:
            self._told.set()
        return told

    async def _moved(self) -> list[tuple[_Job, Position]]:
        """The sessions whose log is longer than what was read, with its end. Sessions in trouble are raised, too."""
        now = self._context.wall()
        chosen = select(jobs).where(or_(jobs.c.ended.is_(None), jobs.c.ended > now - self._back))
        found: list[tuple[_Job, Position]] = []
        async with self._context.database.reading() as connection:
            rows = (await connection.execute(chosen.order_by(jobs.c.created.desc()).limit(_MAX_JOBS))).mappings().all()
            for row in rows:
                end = await _end(connection, row["id"])
                cursor = (row["read_epoch"], row["read_seq"])
                if end is not None and end > max(cursor, self._seen.get(row["id"], (0, 0))):
                    found.append((_Job(row["id"], cursor, _all_alerts(row["body"])), end))
        await self._tell_states([_standing(row) for row in rows], now)
        self._back = _ENDED_FOR
        return found

    async def _tell_states(self, standing: Sequence[StateChange], now: float) -> None:
        """Tells of states: those that were heard of, and those that the rows have. Each has the same key both times."""
        titles = {change.session: change.title for change in standing}
        heard = [replace(change, title=titles.get(change.session, "")) for change in self._changes]
        self._changes.clear()
        fresh: list[StateChange] = []
        known = dict(self._states)
        for change in (*heard, *standing):
            if known.get(change.session) != (change.start, change.state) and now - change.wall < _STATE_TOLD_FOR:
                known[change.session] = (change.start, change.state)
                fresh.append(change)
        if fresh:
            async with self._context.database.writing() as connection:
                for change in fresh:
                    await tell_state(connection, change)
        for change in fresh:
            self._states[change.session] = (change.start, change.state)
            self._states.move_to_end(change.session)
            if len(self._states) > 2 * _MAX_JOBS:
                self._states.popitem(last=False)
        if fresh and self._told is not None:
            self._told.set()
        await self._raise([alert for change in standing if (alert := _trouble(change, now)) is not None], now)

    async def _raise(self, alerts: Sequence[Alert], now: float) -> None:
        fresh = [alert for alert in alerts if alert.cause not in self._raised]
        if not fresh:
            return
        async with self._context.database.writing() as connection:
            for alert in fresh:
                await raise_alert(connection, alert, now)
        for alert in fresh:
            self._raised[alert.cause] = None
            if len(self._raised) > 2 * _MAX_JOBS:
                self._raised.popitem(last=False)

    def _note(self, session: str, position: Position) -> None:
        self._seen[session] = position
        self._seen.move_to_end(session)
        if len(self._seen) > 2 * _MAX_JOBS:
            self._seen.popitem(last=False)

    async def _read_some(self, job: _Job, end: Position) -> tuple[int, bool]:
        """Tells the next events up to `end`; how many, and whether it was reached."""
        since = max(job.cursor, self._seen.get(job.id, (0, 0)))
        place = tuple_(events.c.epoch, events.c.seq)
        telling = or_(events.c.action.is_not(None), events.c.kind.in_(_TOLD))
        page = (
            select(events.c.epoch, events.c.seq, events.c.body)
            .where(events.c.session == job.id, place > since, place <= end, telling)
            .order_by(events.c.epoch, events.c.seq)
            .limit(BATCH)
        )
        async with self._context.database.reading() as connection:
            rows = (await connection.execute(page)).all()
            wishes = await self._wishes_of(connection, job.id, since)
        if not rows:
            self._note(job.id, end)
            return 0, True
        messages, alerts = await self._made(job, [(row.epoch, row.seq, row.body) for row in rows], wishes)
        last = (rows[-1].epoch, rows[-1].seq)
        try:
            await self._commit(job.id, last, messages, alerts)
        except _MovedError:
            self._wishes.pop(job.id, None)
            return 0, True  # another control plane on this database told it
        except JoyVLError:
            self._wishes.pop(job.id, None)  # it is ahead of the cursor
            raise
        self._note(job.id, last)
        return len(rows), False

    async def _commit(self, job: str, to: Position, messages: Sequence[Message], alerts: Sequence[Alert]) -> None:
        now = self._context.wall()
        behind = tuple_(jobs.c.read_epoch, jobs.c.read_seq) < to
        moved = update(jobs).where(jobs.c.id == job, behind).values(read_epoch=to[0], read_seq=to[1])
        async with self._context.database.writing() as connection:
            if not (await connection.execute(moved)).rowcount:
                raise _MovedError
            await tell(connection, messages, now)
            for alert in alerts:
                await raise_alert(connection, alert, now)

    async def _made(
        self, job: _Job, rows: Sequence[tuple[int, int, str]], wishes: dict[str, str]
    ) -> tuple[list[Message], list[Alert]]:
        messages: list[Message] = []
        alerts: list[Alert] = []
        for epoch, seq, body in rows:
            try:
                event = read_event(body)
            except ValidationError:
                continue  # erased, or written by a newer version
            cause = f"{job.id}:{epoch}:{seq}"
            if isinstance(event, InstructionEvent):
                _follow(wishes, event)
            message = _message(event, job.id, epoch, cause)
            if message is not None:
                messages.append(message)
            if isinstance(event, TickEvent) and event.text:
                alert = await self._alert(event, job, cause, wishes)
                alerts += [alert] if alert else []
        return messages, alerts

    async def _alert(self, tick: TickEvent, job: _Job, cause: str, wishes: dict[str, str]) -> Alert | None:
        if job.alerts:
            return Alert(cause, job.id, "spoken", "info", tick.text, tick.wall, tick.t)
        wish = wishes.get(tick.instruction or "")
        if wish is None and tick.instruction is None and tick.reply_to is None and len(wishes) == 1:
            # Some models don't tell for which instruction they speak; of a single one it is plain.
            wish = next(iter(wishes.values()))
        if wish and await self._alerting.asks(wish):
            return Alert(cause, job.id, "instruction", "warning", tick.text, tick.wall, tick.t)
        return None

    async def _wishes_of(self, connection: AsyncConnection, job: str, since: Position) -> dict[str, str]:
        """The instructions of a session as they stood at a place of its log, by id."""
        if job not in self._wishes:
            place = tuple_(events.c.epoch, events.c.seq)
            lines = (
                select(events.c.body)
                .where(events.c.session == job, events.c.kind == "instruction", place <= since)
                .order_by(events.c.epoch, events.c.seq)
            )
            found: dict[str, str] = {}
            for line in (await connection.scalars(lines)).all():
                try:
                    event = read_event(line)
                except ValidationError:
                    continue
                if isinstance(event, InstructionEvent):
                    _follow(found, event)
            self._wishes[job] = found
        self._wishes.move_to_end(job)
        if len(self._wishes) > _MAX_KNOWN:
            self._wishes.popitem(last=False)
        return self._wishes[job]


async def _end(connection: AsyncConnection, session: str) -> Position | None:
    last = select(events.c.epoch, events.c.seq).where(events.c.session == session)
    row = (await connection.execute(last.order_by(events.c.epoch.desc(), events.c.seq.desc()).limit(1))).first()
    return None if row is None else (row.epoch, row.seq)


def _follow(wishes: dict[str, str], event: InstructionEvent) -> None:
    if event.state == "cancelled":
        wishes.pop(event.id, None)
    else:
        wishes[event.id] = event.text


def _all_alerts(body: str) -> bool:
    try:
        return ProfileBody.model_validate_json(body).alerts
    except ValidationError:
        return False


def _standing(row: RowMapping) -> StateChange:
    """The state that a session is in."""
    return StateChange(row["id"], row["start"], row["state"], row["reason"], row["remedy"], row["title"], row["since"])


def _trouble(change: StateChange, now: float) -> Alert | None:
    """The alert of a session that failed, or of which nobody has heard for long."""
    if change.state == "failed":
        return failed(change)
    if change.state == "lost" and now - change.wall > LOST_FOR:
        return Alert(
            f"{change.session}:{change.start}:lost",
            change.session,
            "session.lost",
            "critical",
            f"{change.title or change.session}: lost for more than {int(LOST_FOR)} seconds. {change.reason}",
            now,
        )
    return None


def _message(event: AnyEvent, session: str, epoch: int, cause: str) -> Message | None:
    kind: WebhookKind
    data: Spoken | Delegated | Asked
    if isinstance(event, TickEvent) and event.text and event.action != "silence":
        kind = "spoken"
        data = Spoken(
            epoch=epoch,
            tick=event.n,
            text=event.text,
            instruction=event.instruction,
            reply_to=event.reply_to,
        )
    elif isinstance(event, TicketEvent) and event.question:
        kind = "ticket"
        data = Delegated(
            ticket=event.id,
            state=event.state.value,
            question=event.question,
            digest=event.digest,
            full=event.full,
            spent_tokens=event.spent_tokens,
            cost=event.cost,
        )
    elif isinstance(event, InstructionEvent) and (event.text or event.state == "cancelled"):
        kind = "instruction"
        data = Asked(instruction=event.id, state=event.state, text=event.text, author=event.author)
    else:
        return None
    return Message(id=f"{cause}:{kind}", kind=kind, session=session, wall=event.wall, t=event.t, data=data)
