"""The table of jobs as the fleet reads and writes it: one row a session, one writer a column.

Services write what is wanted; everything about how a session runs is the fleet's. Each change of the fleet's names the
start that it is about, so that what it knew a moment ago changes nothing that came after.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, select, update

from joyvl_core.store.database import Database
from web_dashboard.db.tables import jobs
from web_dashboard.fleet.launching import Placement
from web_dashboard.fleet.states import UNDER_WAY, State, Wanted

FAILING_FOR = 600.0
"""Seconds after which starts that failed are forgotten."""

_READ = (
    jobs.c.id,
    jobs.c.wanted,
    jobs.c.state,
    jobs.c.since,
    jobs.c.reason,
    jobs.c.remedy,
    jobs.c.runner,
    jobs.c.placement,
    jobs.c.start,
    jobs.c.failures,
    jobs.c.failing_since,
    jobs.c.not_before,
)


@dataclass(frozen=True, slots=True)
class Job:
    """A session as the fleet sees it in the database; times are unix seconds."""

    id: str
    wanted: Wanted
    state: State
    since: float
    reason: str
    remedy: str
    runner: str
    placement: Placement
    start: int
    failures: int
    failing_since: float
    not_before: float

    def failed_again(self, now: float) -> tuple[int, float]:
        """How many starts have failed with one more, and since when."""
        if self.failures and now - self.failing_since < FAILING_FOR:
            return self.failures + 1, self.failing_since
        return 1, now


def _job(row: RowMapping) -> Job:
    given = {**row, "wanted": Wanted(row["wanted"]), "state": State(row["state"])}
    return Job(**{**given, "placement": json.loads(row["placement"] or "{}")})


async def under_way(database: Database) -> list[Job]:
    """All jobs that are not at rest, oldest first."""
    states = [state.value for state in UNDER_WAY]
    asked = select(*_READ).where(jobs.c.state.in_(states)).order_by(jobs.c.created, jobs.c.id)
    async with database.reading() as connection:
        return [_job(row) for row in (await connection.execute(asked)).mappings()]


async def by_token(database: Database, digest: str) -> Job | None:
    """The job whose newest start has a token with this hash."""
    async with database.reading() as connection:
        found = (await connection.execute(select(*_READ).where(jobs.c.token == digest))).mappings().first()
    return None if found is None or not digest else _job(found)


async def change(database: Database, job: Job, **values: Any) -> bool:
    """Changes a job where it is still in the start that is meant; whether it was."""
    if "placement" in values:
        values["placement"] = json.dumps(values["placement"])
    if "reason" in values:
        values["reason"] = values["reason"][:200]
    mine = (jobs.c.id == job.id) & (jobs.c.start == job.start) & (jobs.c.state.in_(_names(UNDER_WAY)))
    async with database.writing() as connection:
        return (await connection.execute(update(jobs).where(mine).values(**values))).rowcount == 1


def _names(states: Iterable[State]) -> list[str]:
    return [state.value for state in states]
