"""What people think of decisions: right, wrong, late, or something missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.errors import BadInputError
from joyvl_core.store.tables import events, sessions
from web_dashboard.db.tables import marks
from web_dashboard.permissions import Actor, ForbiddenError, Permission, Role, UnknownError
from web_dashboard.schemas.marks import MarkIn, MarkView

if TYPE_CHECKING:
    from web_dashboard.services.audit import Audit
    from web_dashboard.services.context import Context

MAX_LISTED = 2_000
MAX_OF_A_SESSION = 20_000
_SAME_SECOND = 0.5


class Marks:
    """Judgements of decisions: one a person and tick, the newest."""

    def __init__(self, context: Context, audit: Audit) -> None:
        self._context = context
        self._audit = audit

    async def mark(self, actor: Actor, session: str, given: MarkIn) -> MarkView:
        """Keeps a judgement, in place of an earlier one of the same person about the same.

        Raises:
            UnknownError: There is no such session or tick.
            BadInputError: The session has too many.
        """
        actor.require(Permission.SESSIONS_RUN)
        mine = (marks.c.session == session) & (marks.c.by == actor.name)
        async with self._context.database.writing() as connection:
            t = await _second(connection, session, given)
            if given.n is None:
                same = marks.c.n.is_(None) & marks.c.t.between(t - _SAME_SECOND, t + _SAME_SECOND)
            else:
                same = (marks.c.epoch == given.epoch) & (marks.c.n == given.n)
            await connection.execute(delete(marks).where(mine, same))
            count = await connection.scalar(select(func.count()).select_from(marks).where(marks.c.session == session))
            if (count or 0) >= MAX_OF_A_SESSION:
                raise BadInputError("This session has as many marks as it can hold.", source="marks", kind="full")
            values = {
                "session": session,
                "epoch": given.epoch,
                "n": given.n,
                "t": t,
                "verdict": given.verdict,
                "correction": "" if given.verdict == "right" else given.correction,
                "consent": given.consent,
                "by": actor.name,
                "wall": self._context.wall(),
            }
            made = (await connection.execute(insert(marks).values(values))).inserted_primary_key
        number = int(made[0]) if made else 0
        # The words of a correction stay with the mark: erased with it, they are nowhere else.
        detail = {"verdict": given.verdict, "t": t, "consent": given.consent}
        await self._audit.write(actor, "session.marked", session, detail)
        fields = {name: value for name, value in values.items() if name != "session"}
        return MarkView.model_validate({"id": number, **fields, "mine": True})

    async def list(self, actor: Actor, session: str, limit: int = MAX_LISTED, *, after: int = 0) -> list[MarkView]:
        """All of a session by number, those after one."""
        actor.require(Permission.SESSIONS_READ)
        chosen = select(marks).where(marks.c.session == session, marks.c.id > after).order_by(marks.c.id)
        async with self._context.database.reading() as connection:
            rows = (await connection.execute(chosen.limit(max(1, min(limit, MAX_LISTED))))).mappings().all()
        return [MarkView.model_validate({**row, "mine": row["by"] == actor.name}, extra="ignore") for row in rows]

    async def remove(self, actor: Actor, session: str, mark: int) -> None:
        """Takes a judgement back; another person's takes an administrator.

        Raises:
            UnknownError: There is none.
            ForbiddenError: It is another person's.
        """
        actor.require(Permission.SESSIONS_RUN)
        one = (marks.c.session == session) & (marks.c.id == mark)
        async with self._context.database.writing() as connection:
            by = await connection.scalar(select(marks.c.by).where(one))
            if by is None:
                raise UnknownError("There is no such mark.", source="marks", kind="unknown_mark")
            if by != actor.name and actor.role is not Role.ADMIN:
                raise ForbiddenError("It is another person's mark.", source="marks", kind="forbidden")
            await connection.execute(delete(marks).where(one))
        await self._audit.write(actor, "session.unmarked", session, {"mark": mark})

    async def forget(self, session: str, since: float | None = None, until: float | None = None) -> int:
        """Erases marks between two session seconds, all where neither is given; how many. For the system only."""
        async with self._context.database.writing() as connection:
            return await forget_marks(connection, session, since, until)


async def forget_marks(
    connection: AsyncConnection, session: str, since: float | None = None, until: float | None = None
) -> int:
    """Deletes a session's marks between two session seconds, both included, in the transaction given; how many."""
    gone = delete(marks).where(marks.c.session == session)
    if since is not None:
        gone = gone.where(marks.c.t >= since)
    if until is not None:
        gone = gone.where(marks.c.t <= until)
    return (await connection.execute(gone)).rowcount


async def _second(connection: AsyncConnection, session: str, given: MarkIn) -> float:
    """The session second that is judged."""
    if given.n is None:
        known = await connection.scalar(select(sessions.c.id).where(sessions.c.id == session))
        if known is not None and given.t is not None:
            return given.t
    else:
        at = (events.c.session == session) & (events.c.epoch == given.epoch) & (events.c.n == given.n)
        t: float | None = await connection.scalar(select(events.c.t).where(at))
        if t is not None:
            return t
    raise UnknownError(
        "There is no such session or tick.",
        source="marks",
        kind="unknown_tick",
        hint="Ticks are kept a second after they happened; what was erased is gone.",
    )
