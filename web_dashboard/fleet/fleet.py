"""The fleet: keeps what runs in step with what is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bot.link.messages import Begun, CommandName, Dismissed, Hello, Order, Over
from joyvl_core.errors import JoyVLError, UnavailableError
from joyvl_core.store.database import Database
from web_dashboard.fleet import jobs
from web_dashboard.fleet.acting import Acting, Change
from web_dashboard.fleet.connection import Connection, not_connected
from web_dashboard.fleet.counting import Counts, Totals
from web_dashboard.fleet.hub import Hub, Line, Live
from web_dashboard.fleet.jobs import Job
from web_dashboard.fleet.launching import Launcher
from web_dashboard.fleet.lease import RENEW_EVERY, Lease
from web_dashboard.fleet.reconciling import Do, Patience, Seen, Step, decide
from web_dashboard.fleet.states import PLACED, State
from web_dashboard.services.context import Context
from web_dashboard.tracing import Tracing

log = logging.getLogger("joyvl.fleet")

LOOK_EVERY = 1.0
"""Seconds between two looks at what is wanted."""
DEAF_AFTER = 3.0
"""Seconds between two looks after which words may have been missed: this process, or its machine, stood still."""
_AT_ONCE = 8


@dataclass(slots=True)
class Moving:
    """A session that is being moved: since when, and what is said in its room first."""

    since: float
    words: str


class Fleet:
    """All sessions of this installation.

    Args:
        context: What the services share.
        launcher: Starts and kills.
        order: Makes what a session's process is told, by the session's id.
        url: Where processes find this server: `ws://127.0.0.1:8788`. May be set later, before `run`.
        keep_running: Whether sessions go on when this server is closed.
        tracing: Traces commands, by their names alone.

    Attributes:
        counts: What is counted.
        trouble: Why the fleet can't do its work right now; "" where it can.
        stop_words: What sessions that are to stop say first, by id.
    """

    def __init__(
        self,
        context: Context,
        launcher: Launcher,
        order: Callable[[str], Awaitable[Order]],
        *,
        url: str = "",
        keep_running: bool = False,
        tracing: Tracing | None = None,
    ) -> None:
        self.context = context
        self.launcher = launcher
        self.order = order
        self.url = url
        self.counts = Counts()
        self.trouble = ""
        self.stop_words: dict[str, str] = {}
        self._keep_running = keep_running
        self._tracing = tracing or Tracing()
        self._hub = Hub(context.wall)
        self._lease = Lease(context.database)
        self._acting = Acting(self)
        self._moving: dict[str, Moving] = {}
        self._woken = asyncio.Event()
        self._listening_since = context.wall()
        self._looked = 0.0
        self._closing = False
        self._stopped = asyncio.Event()
        self._stopped.set()
        self._on_event: list[Callable[[str, Line], None]] = []
        self._on_change: list[Callable[[Change], None]] = []

    @property
    def database(self) -> Database:
        """Where the jobs are."""
        return self.context.database

    @property
    def hub(self) -> Hub:
        """What is known right now."""
        return self._hub

    @property
    def standby(self) -> str:
        """Why this server leaves the sessions alone: another one looks after them. "" where it does so itself."""
        if self._lease.held(self.context.wall()):
            return ""
        other = self._lease.other
        return f"Another server looks after the sessions of this database ({other})." if other else "It is starting."

    def require_active(self) -> None:
        """Returns where this server looks after the sessions.

        Raises:
            UnavailableError: It doesn't: what people do belongs to the other one.
        """
        if why := self.standby:
            raise UnavailableError(
                why,
                source="fleet",
                kind="standby",
                hint="Use that one, or end it and wait ten seconds.",
                retryable=True,
            )

    # --- for services ------------------------------------------------------------------------------

    def live(self, session: str) -> Live | None:
        """What is known of a session right now; None for one that is not under way."""
        return self._hub.get(session)

    def lives(self) -> tuple[Live, ...]:
        """All that are known right now."""
        return self._hub.all()

    def wake(self) -> None:
        """Looks at once: something was written that is wanted."""
        self._woken.set()

    def when_happened(self, tell: Callable[[str, Line], None]) -> None:
        """Calls `tell` with a session's id and each new line of its log. It must be quick."""
        self._on_event.append(tell)

    def when_changed(self, tell: Callable[[Change], None]) -> None:
        """Calls `tell` with each change of a session's state, after it was written. It must be quick."""
        self._on_change.append(tell)

    async def command(
        self, session: str, name: CommandName, args: dict[str, Any], *, within: float = 5.0
    ) -> dict[str, Any]:
        """Has a session's process do something; returns what it replied, after what it changed is committed.

        Raises:
            UnavailableError: It is not connected, or did not answer in time; or another server looks after it.
            BadInputError: It refused.
        """
        live = self._hub.get(session)
        began, outcome = asyncio.get_running_loop().time(), "failed"
        try:
            if live is None or live.connection is None:
                self.require_active()
                raise not_connected()
            with self._tracing.span(f"command {name}", session=session):
                replied = await live.connection.command(name, args, within)
            outcome = "done"
            return replied
        except JoyVLError as error:
            outcome = error.kind
            raise
        finally:
            self.counts.commands[name, outcome if outcome in _OUTCOMES else "refused"] += 1
            if outcome == "done":
                self.counts.latency.add(asyncio.get_running_loop().time() - began)

    def move(self, session: str, words: str = "") -> None:
        """Stops a session where it is, after a word in its room, and starts it elsewhere; it stays the same session."""
        self._moving.setdefault(session, Moving(self.context.wall(), words))
        self.wake()

    def is_moving(self, session: str) -> bool:
        """Whether it is being moved, and not yet started elsewhere."""
        return session in self._moving

    def totals(self) -> Totals:
        """What all sessions have used since this server started."""
        totals = Totals(**vars(self.counts.past))
        for live in self._hub.all():
            totals.add(live.heartbeat)
        return totals

    def snapshot(self) -> dict[str, Any]:
        """What is counted, as plain values."""
        connected = sum(live.connected for live in self._hub.all())
        return {**self.counts.snapshot(), **vars(self.totals()), "connected": connected, "standby": bool(self.standby)}

    # --- for links -----------------------------------------------------------------------------------

    def admit(self, job: Job) -> Live | None:
        """What is known of the job's start; None where that start has been given up meanwhile."""
        return self._hub.of(job.id, job.start)

    def linked(self, live: Live, connection: Connection, hello: Hello) -> None:
        """A process is on the line."""
        self.counts.links += 1
        self.counts.reconnects += hello.epoch is not None
        live.link(connection)
        self.heard(live)
        if hello.epoch is not None:
            if hello.epoch != live.epoch:
                self.counts.past.add(live.heartbeat)
                live.heartbeat = None
            for line in live.catch_up(hello.epoch, hello.recent):
                self._tell(live.session, line)
        self.wake()

    def unlinked(self, live: Live, connection: Connection) -> None:
        """A line is gone."""
        live.unlink(connection)
        self.wake()

    def heard(self, live: Live) -> None:
        """A word came."""
        live.heard = self.context.wall()

    def begun(self, live: Live, message: Begun) -> None:
        """A process has opened its session."""
        self.counts.past.add(live.heartbeat if message.epoch != live.epoch else None)
        live.begin(message)
        self.wake()

    def happened(self, live: Live, line: Line) -> None:
        """A line of a session's log came."""
        live.happened(line)
        self._tell(live.session, line)

    def refused(self, live: Live, error: JoyVLError) -> None:
        """No order could be made: a credential or an upload is gone."""
        live.over = Over(state="failed", reason="busy" if error.retryable else str(error)[:190], remedy=error.hint)
        self.heard(live)
        self.wake()

    def _tell(self, session: str, line: Line) -> None:
        for tell in self._on_event:
            tell(session, line)

    def changed(self, change: Change) -> None:
        """A state was written."""
        for tell in self._on_change:
            tell(change)

    # --- its life --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Looks at what is wanted, once a second or when woken, until it is closed or cancelled."""
        self._stopped.clear()
        self._listening_since = self.context.wall()
        renewing = asyncio.create_task(self._renew(), name="fleet lease")
        try:
            while not self._closing:
                self._woken.clear()
                await self._look_safely()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._woken.wait()
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            self._stopped.set()

    async def close(self) -> None:
        """Ends the loop; sessions leave their rooms, and stay wanted: the next start resumes them."""
        self._closing = True
        self.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5.0):
                await self._stopped.wait()
        try:
            if not self.standby:
                if not self._keep_running:
                    await self._acting.send_home(await jobs.under_way(self.database))
                await self._lease.release()
        except JoyVLError as error:
            log.warning("The sessions could not be ended in order: %s", error)
        finally:
            for live in self._hub.all():
                self._hub.forget(live.session)
            await self.launcher.close()

    async def _renew(self) -> None:
        while True:
            try:
                was = bool(self.standby)
                if await self._lease.renew(self.context.wall()) and was:
                    # What was on the line of the other one comes here now.
                    self._listening_since = self.context.wall()
                    self.wake()
            except JoyVLError as error:
                self.trouble = str(error)
            await asyncio.sleep(RENEW_EVERY)

    async def _look_safely(self) -> None:
        try:
            await self.look()
            self.trouble = ""
        except JoyVLError as error:  # the database, for now
            self.trouble = str(error)
        except Exception:  # one mistake must not leave all sessions alone
            self.trouble = "A mistake in the program: its log tells more."
            log.exception("a look at the sessions failed")

    async def look(self) -> None:
        """One look at everything, and one step for each job that needs one."""
        now = self.context.wall()
        if now - self._looked > DEAF_AFTER:
            self._listening_since = now
        self._looked = now
        if self.standby:
            return
        found = await jobs.under_way(self.database)
        self.counts.states = Counter(job.state.value for job in found)
        self._send_away({job.id for job in found})
        placed = sum(job.state in PLACED for job in found)
        starting = sum(job.state is State.STARTING for job in found)
        room = self.launcher.capacity(placed)
        free = min(room.free, self.launcher.starts_at_once - starting)
        todo: list[tuple[Job, Step]] = []
        for job in found:
            step = decide(job, await self._seen(job), now, self._patience())
            if step.do is Do.START:
                free -= 1
                if free < 0:
                    todo.append((job, Step(Do.WAIT, room.reason if room.free <= 0 else "")))
                    continue
            todo.append((job, step))
        doing = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._acting.act(job, step, doing) for job, step in todo))
        self._looked = self.context.wall()

    def _send_away(self, known: set[str]) -> None:
        """Whoever is on the line without a job that is under way."""
        for live in self._hub.all():
            if live.session not in known:
                if live.connection is not None:
                    live.connection.send(Dismissed(reason="stopped"))
                self.rest(live.session)

    def rest(self, session: str) -> None:
        """A session is at rest: what is known of it is in the database."""
        self._moving.pop(session, None)
        self.stop_words.pop(session, None)
        live = self._hub.get(session)
        if live is not None:
            self.counts.past.add(live.heartbeat)
            self._hub.forget(session)

    def moving(self, session: str) -> Moving | None:
        """How it is being moved."""
        return self._moving.get(session)

    def moved(self, session: str) -> None:
        """It was stopped where it was."""
        self._moving.pop(session, None)

    def _patience(self) -> Patience:
        return Patience(self.launcher.hello_within, self.launcher.silent_for)

    async def _seen(self, job: Job) -> Seen:
        live = self._hub.get(job.id)
        mine = live if live is not None and live.start == job.start else None
        alive = await self.launcher.alive(job.placement) if job.placement else None
        moving = self._moving.get(job.id)
        return Seen(
            heard=mine.heard if mine else None,
            begun=bool(mine and mine.epoch and mine.begun),
            connected=bool(mine and mine.connected),
            over=mine.over if mine else None,
            alive=alive,
            farewell=self.launcher.farewell(job.placement) if alive is False else "",
            listening_since=self._listening_since,
            moving_since=moving.since if moving else None,
        )


_OUTCOMES = frozenset({"done", "timeout", "not_connected"})
