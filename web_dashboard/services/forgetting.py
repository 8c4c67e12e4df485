"""What was told of a session is forgotten with it."""

from __future__ import annotations

import json

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from web_dashboard.db.tables import alerts, deliveries

_PAGE = 500


async def forget_told(
    connection: AsyncConnection, session: str, since: float | None = None, until: float | None = None
) -> None:
    """Deletes deliveries and empties alerts of what happened between two session seconds, both included.

    Args:
        connection: Inside a transaction.
        session: Id of the session.
        since: None: from its beginning.
        until: None: to its end.
    """
    low, high = float("-inf") if since is None else since, float("inf") if until is None else until
    last = 0
    while True:
        page = (
            select(deliveries.c.id, deliveries.c.body)
            .where(deliveries.c.session == session, deliveries.c.id > last, deliveries.c.kind != "session")
            .order_by(deliveries.c.id)
            .limit(_PAGE)
        )
        rows = (await connection.execute(page)).all()
        if not rows:
            break
        last = rows[-1].id
        gone = [row.id for row in rows if low <= float(json.loads(row.body).get("t") or 0.0) <= high]
        await connection.execute(delete(deliveries).where(deliveries.c.id.in_(gone)))
    said = alerts.c.kind.in_(("instruction", "spoken"))
    mine = (alerts.c.session == session) & said & (alerts.c.t >= max(low, -1e12)) & (alerts.c.t <= min(high, 1e12))
    await connection.execute(update(alerts).where(mine).values(text=""))


async def forget_all_told(connection: AsyncConnection, session: str) -> None:
    """Deletes whatever was told of a session; to be used inside a transaction."""
    for table in (alerts, deliveries):
        await connection.execute(delete(table).where(table.c.session == session))
