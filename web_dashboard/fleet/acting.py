"""The fleet's steps carried out: each writes what it does before it does it, or after, so that a kill between is whole.

A start is written before its process exists: one that was launched and not noted is known by its token. An end is
written after its process is gone, or killed.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from joyvl_core.errors import JoyVLError
from web_dashboard.db.tables import jobs as table
from web_dashboard.fleet import jobs
from web_dashboard.fleet.jobs import Job
from web_dashboard.fleet.launching import StartedJob
from web_dashboard.fleet.links import digest
from web_dashboard.fleet.reconciling import MAX_FAILURES, Do, Step, pause
from web_dashboard.fleet.states import PLACED, State, Wanted
from web_dashboard.schemas.sessions import read_place

if TYPE_CHECKING:
    from web_dashboard.fleet.fleet import Fleet

log = logging.getLogger("joyvl.fleet")

LEAVE_WITHIN = 3.5
"""Seconds that sessions get to leave their rooms when the server ends."""
_STOP_WITHIN = 4.0
_RESUMES = "The server was stopped: it goes on when the server is started again."


@dataclass(frozen=True, slots=True)
class Change:
    """A session came into another state, or its reason changed. `wall`: unix seconds."""

    session: str
    start: int
    state: State
    reason: str
    remedy: str
    wall: float


class Acting:
    """Carries steps out."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        # Starts that were told by a signal to end, and links that were asked to: once is enough.
        self._told: dict[str, tuple[int, str]] = {}
        self._asking: set[asyncio.Task[None]] = set()

    async def act(self, job: Job, step: Step, doing: asyncio.Semaphore) -> None:
        """Does what a step says. What goes wrong with one job is written down with it, and stops no other."""
        if step.do is Do.WAIT and (not step.reason or step.reason[:200] == job.reason):
            return
        async with doing:
            try:
                await self._act(job, step)
            except JoyVLError as error:
                log.warning("%s: %s", job.id, error)
            except Exception:  # a mistake in one launcher's answer must not stop the others
                log.exception("%s: a step failed", job.id)

    async def _act(self, job: Job, step: Step) -> None:
        match step.do:
            case Do.WAIT:
                await self._write(job, job.state, reason=step.reason, remedy="")
            case Do.START:
                await self._start(job)
            case Do.RUN:
                await self._write(job, State.RUNNING, reason="", remedy="")
            case Do.STOP:
                await self._write(job, State.STOPPING, reason="", remedy="")
                self._fleet.wake()
            case Do.ASK:
                self._ask(job)
            case Do.TERMINATE:
                await self._terminate(job)
            case Do.KILL:
                await self._fleet.launcher.kill(job.placement)
            case Do.LOSE:
                await self._lose(job, step)
            case Do.REQUEUE:
                await self._give_up(job)
                await self._write(job, State.QUEUED, reason=step.reason, remedy="", token="", not_before=0.0)
                self._fleet.moved(job.id)
                self._fleet.wake()
            case Do.REST:
                await self._rest(job, step)

    # --- starting ---------------------------------------------------------------------------------------

    async def _start(self, job: Job) -> None:
        fleet, token = self._fleet, secrets.token_urlsafe(32)
        now = fleet.context.wall()
        # A first start is told from the ones after it: those are counted as restarts.
        started = {"start": job.start + 1, "token": digest(token), "placement": {}, "runner": fleet.launcher.name}
        if not await self._write(job, State.STARTING, reason="", remedy="", **started):
            return
        fleet.counts.starts += 1
        fleet.counts.restarts += job.start > 0
        fleet.moved(job.id)
        fleet.hub.of(job.id, job.start + 1)
        begun = _begun(job, now)
        try:
            place = read_place(await self._place(job.id))
            what = StartedJob(job.id, begun.start, token, fleet.url, place)
            placement = await fleet.launcher.start(what)
        except JoyVLError as error:
            log.warning("%s can't be started: %s", job.id, error)
            step = Step(Do.LOSE, f"It can't be started: {error}", error.hint)
            if error.retryable:
                await self._lose(begun, step)
            else:
                await self._rest(begun, Step(Do.REST, step.reason, step.remedy, State.FAILED))
            return
        try:
            await jobs.change(fleet.database, begun, placement=placement)
        except JoyVLError:  # what nobody would find again must not run
            await fleet.launcher.kill(placement)
            raise

    async def _place(self, session: str) -> str:
        async with self._fleet.database.reading() as connection:
            return str((await connection.execute(select(table.c.place).where(table.c.id == session))).scalar_one())

    # --- ending -----------------------------------------------------------------------------------------

    def _ask(self, job: Job) -> None:
        """Asks it over its link to stop; who asked waits for nothing."""
        live = self._fleet.live(job.id)
        if live is None or live.connection is None or self._told.get(job.id) == (job.start, f"ask {live.links}"):
            return
        self._told[job.id] = (job.start, f"ask {live.links}")
        moving = self._fleet.moving(job.id)
        words = moving.words if moving else self._fleet.stop_words.pop(job.id, "")
        task = asyncio.create_task(self._stop(job.id, words), name=f"stop {job.id}")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _stop(self, session: str, words: str) -> None:
        try:
            await self._fleet.command(session, "stop", {"words": words}, within=_STOP_WITHIN)
        except JoyVLError as error:
            log.info("%s did not answer to being stopped: %s", session, error.kind)

    async def _terminate(self, job: Job) -> None:
        if job.placement and self._told.get(job.id) != (job.start, "terminate"):
            self._told[job.id] = (job.start, "terminate")
            await self._fleet.launcher.kill(job.placement, gently=True)

    async def _give_up(self, job: Job) -> None:
        """Whatever is left of this start ends, and is heard no more."""
        self._told.pop(job.id, None)
        self._fleet.hub.give_up(job.id, job.start)
        if job.placement:
            await self._fleet.launcher.kill(job.placement)

    async def _lose(self, job: Job, step: Step) -> None:
        await self._give_up(job)
        fleet = self._fleet
        now = fleet.context.wall()
        fleet.counts.lost += 1
        failures, since = job.failed_again(now) if step.counted else (job.failures, job.failing_since)
        if failures >= MAX_FAILURES and step.counted:
            words = f"{step.reason} It was tried {failures} times."
            remedy = step.remedy if "by itself" not in step.remedy else "Look at its log, then start it again."
            await self._rest(job, Step(Do.REST, words, remedy, State.FAILED))
            return
        wait = pause(failures) if step.counted else 0.0
        counted = {"failures": failures, "failing_since": since, "not_before": now + wait, "token": ""}
        await self._write(job, State.LOST, reason=step.reason, remedy=step.remedy, **counted)
        log.warning("%s is lost: %s", job.id, step.reason)
        if wait:
            asyncio.get_running_loop().call_later(wait, fleet.wake)
        else:
            fleet.wake()

    async def _rest(self, job: Job, step: Step) -> None:
        fleet = self._fleet
        await self._give_up(job)
        fleet.counts.failed += step.state is State.FAILED
        done = {"token": "", "placement": {}, "runner": "", "ended": fleet.context.wall()}
        await self._write(job, step.state, reason=step.reason, remedy=step.remedy, wanted=Wanted.STOPPED.value, **done)
        fleet.rest(job.id)

    async def send_home(self, found: Sequence[Job]) -> None:
        """The server ends: sessions leave their rooms and wait for its next start."""
        fleet = self._fleet
        placed = [job for job in found if job.state in PLACED]
        await asyncio.gather(*(fleet.launcher.kill(job.placement, gently=True) for job in placed if job.placement))
        await asyncio.gather(*(self._wait_for(job) for job in placed))
        for job in placed:
            await self._give_up(job)
            if job.wanted is Wanted.STOPPED:
                await self._rest(job, Step(Do.REST, "It was stopped."))
            else:
                await self._write(job, State.QUEUED, reason=_RESUMES, remedy="", token="", placement={}, not_before=0.0)
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _wait_for(self, job: Job) -> None:
        waited = 0.0
        while waited < LEAVE_WITHIN and job.placement and await self._fleet.launcher.alive(job.placement):
            await asyncio.sleep(0.05)
            waited += 0.05

    # --- writing ----------------------------------------------------------------------------------------

    async def _write(self, job: Job, state: State, *, reason: str, remedy: str, **values: Any) -> bool:
        """Writes a state with its reason; False where the job has moved on meanwhile."""
        fleet = self._fleet
        now = fleet.context.wall()
        if state is not job.state:
            values["since"] = now
        if not await jobs.change(fleet.database, job, state=state.value, reason=reason, remedy=remedy, **values):
            return False
        change = Change(job.id, values.get("start", job.start), state, reason, remedy, now)
        fleet.changed(change)
        return True


def _begun(job: Job, now: float) -> Job:
    """The job after its next start was written."""
    return replace(job, start=job.start + 1, state=State.STARTING, since=now, placement={})
