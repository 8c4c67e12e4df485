"""Who changed what, when and from where."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import insert, select

from web_dashboard.db.tables import audit
from web_dashboard.permissions import Actor, Permission
from web_dashboard.schemas.audit import AuditView
from web_dashboard.services.context import Context

MAX_LISTED = 500
_MAX_TARGET = 200
_MAX_DETAIL = 8_000


class Audit:
    """The audit log. Nothing in it is ever changed."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def write(self, actor: Actor, action: str, target: str, detail: dict[str, Any] | None = None) -> None:
        """Writes down a change.

        Args:
            actor: Who made it.
            action: What was done, as `subject.verb`.
            target: To what: an id or a name.
            detail: What else there is to know, without secrets.
        """
        told = json.dumps(detail or {}, ensure_ascii=False, default=str)
        if len(told) > _MAX_DETAIL:
            told = json.dumps({"left_out": len(told)})
        row = {
            "wall": self._context.wall(),
            "actor": actor.name[:80],
            "action": action[:60],
            "target": target[:_MAX_TARGET],
            "detail": told,
            "address": actor.address[:64],
        }
        async with self._context.database.writing() as connection:
            await connection.execute(insert(audit).values(row))

    async def list(
        self,
        actor: Actor,
        *,
        limit: int = 100,
        before: int | None = None,
        action: str = "",
        who: str = "",
        target: str = "",
    ) -> list[AuditView]:
        """The newest entries first.

        Args:
            actor: Who asks.
            limit: How many, up to 500.
            before: Only those with a smaller id: the last one's of the page before.
            action: Only those whose action begins so.
            who: Only those of this name.
            target: Only those of this target.

        Raises:
            ForbiddenError: The actor may not read it.
        """
        actor.require(Permission.AUDIT_READ)
        chosen = select(audit).order_by(audit.c.id.desc()).limit(max(1, min(limit, MAX_LISTED)))
        if before is not None:
            chosen = chosen.where(audit.c.id < before)
        if action:
            chosen = chosen.where(audit.c.action.startswith(action, autoescape=True))
        if who:
            chosen = chosen.where(audit.c.actor == who)
        if target:
            chosen = chosen.where(audit.c.target == target)
        async with self._context.database.reading() as connection:
            rows = (await connection.execute(chosen)).mappings().all()
        return [AuditView(**{**row, "detail": json.loads(row["detail"])}) for row in rows]
