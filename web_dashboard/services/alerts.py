"""Alerts: raised once for each cause, seen and acknowledged by people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from web_dashboard.db.tables import alerts as table
from web_dashboard.permissions import Actor, Permission, UnknownError
from web_dashboard.schemas.alerts import AlertKind, AlertView, Severity
from web_dashboard.services.telling import Alert, raise_alert

if TYPE_CHECKING:
    from web_dashboard.services.audit import Audit
    from web_dashboard.services.context import Context

MAX_LISTED = 500


class Alerts:
    """The alerts of this installation."""

    def __init__(self, context: Context, audit: Audit) -> None:
        self._context = context
        self._audit = audit

    async def list(
        self,
        actor: Actor,
        *,
        session: str | None = None,
        kind: AlertKind | None = None,
        severity: Severity | None = None,
        acknowledged: bool | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[AlertView]:
        """Alerts, newest first. `before`: those with lower ids than this."""
        actor.require(Permission.ALERTS_READ)
        chosen = select(table)
        for column, value in ((table.c.session, session), (table.c.kind, kind), (table.c.severity, severity)):
            if value is not None:
                chosen = chosen.where(column == value)
        if acknowledged is not None:
            open_ = table.c.acknowledged.is_(None)
            chosen = chosen.where(~open_ if acknowledged else open_)
        if before is not None:
            chosen = chosen.where(table.c.id < before)
        chosen = chosen.order_by(table.c.id.desc()).limit(max(1, min(limit, MAX_LISTED)))
        async with self._context.database.reading() as connection:
            rows = (await connection.execute(chosen)).mappings().all()
        return [AlertView(**{name: row[name] for name in AlertView.model_fields}) for row in rows]

    async def waiting(self, actor: Actor) -> int:
        """How many nobody has acknowledged."""
        actor.require(Permission.ALERTS_READ)
        counted = select(func.count()).select_from(table).where(table.c.acknowledged.is_(None))
        async with self._context.database.reading() as connection:
            return int(await connection.scalar(counted) or 0)

    async def acknowledge(self, actor: Actor, alert: int) -> AlertView:
        """Marks an alert as seen; the first who does so is remembered.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.ALERTS_WRITE)
        mine = table.c.id == alert
        fresh = update(table).where(mine, table.c.acknowledged.is_(None))
        async with self._context.database.writing() as connection:
            values = {"acknowledged": self._context.wall(), "acknowledged_by": actor.name[:80]}
            changed = (await connection.execute(fresh.values(values))).rowcount
            row = (await connection.execute(select(table).where(mine))).mappings().first()
        if row is None:
            raise UnknownError(f"There is no alert {alert}.", source="alerts", kind="unknown")
        if changed:
            await self._audit.write(actor, "alert.acknowledged", str(alert), {"session": row["session"]})
        return AlertView(**{name: row[name] for name in AlertView.model_fields})

    async def acknowledge_all(self, actor: Actor, *, session: str | None = None) -> int:
        """Marks all as seen, or those of a session; how many that were."""
        actor.require(Permission.ALERTS_WRITE)
        fresh = update(table).where(table.c.acknowledged.is_(None))
        if session is not None:
            fresh = fresh.where(table.c.session == session)
        async with self._context.database.writing() as connection:
            values = {"acknowledged": self._context.wall(), "acknowledged_by": actor.name[:80]}
            changed = (await connection.execute(fresh.values(values))).rowcount
        if changed:
            await self._audit.write(actor, "alert.acknowledged", session or "all", {"count": changed})
        return changed

    async def raise_(
        self, cause: str, session: str, kind: AlertKind, severity: Severity, text: str, t: float = 0.0
    ) -> bool:
        """Raises an alert for the control plane itself; False where its cause had one already."""
        now = self._context.wall()
        async with self._context.database.writing() as connection:
            return await raise_alert(connection, Alert(cause, session, kind, severity, text, now, t), now)
