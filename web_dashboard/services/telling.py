"""What others are to be told, written down in the transaction of its cause: deliveries of webhooks, and alerts.

So a crash neither loses one nor makes it twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.store.database import insert_new
from joyvl_core.text import tidy
from web_dashboard.db import tables
from web_dashboard.schemas.alerts import AlertKind, Severity
from web_dashboard.schemas.webhooks import Changed, Message, Raised

MAX_WEBHOOKS = 100
"""Webhooks that there may be."""
_MAX_TEXT = 2_000


@dataclass(frozen=True, slots=True)
class StateChange:
    """A session's new state, as the fleet has written it.

    Attributes:
        session: Id of the session.
        start: Which start of it.
        state: `fleet.states.State`.
        wall: Unix seconds of the change.
    """

    session: str
    start: int
    state: str
    reason: str
    remedy: str
    title: str
    wall: float


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert to be raised once for its `cause`."""

    cause: str
    session: str
    kind: AlertKind
    severity: Severity
    text: str
    wall: float
    t: float = 0.0


async def tell(connection: AsyncConnection, messages: Sequence[Message], now: float) -> int:
    """Makes the deliveries of messages, for each webhook that wants them; how many are new."""
    if not messages:
        return 0
    table = tables.webhooks
    wanting = select(table.c.id, table.c.kinds, table.c.created).where(table.c.enabled)
    found = (await connection.execute(wanting.limit(MAX_WEBHOOKS))).all()
    # Of what was before it a webhook is told nothing.
    rows = [
        delivery_row(hook.id, message, now)
        for message in messages
        for hook in found
        if message.kind in json.loads(hook.kinds) and message.wall >= hook.created
    ]
    insert = insert_new(connection, tables.deliveries, ("webhook", "key"))
    return sum([(await connection.execute(insert, [row])).rowcount for row in rows])


def delivery_row(webhook: int, message: Message, now: float) -> dict[str, Any]:
    """The row of a delivery that is due now."""
    return {
        "webhook": webhook,
        "key": message.id,
        "session": message.session,
        "kind": message.kind,
        "body": message.model_dump_json(exclude_none=True),
        "state": "waiting",
        "attempts": 0,
        "next_try": now,
        "status": None,
        "error": "",
        "created": now,
        "delivered": None,
    }


async def raise_alert(connection: AsyncConnection, alert: Alert, now: float) -> bool:
    """Raises an alert and tells of it; False where that was done before."""
    text = tidy(alert.text, _MAX_TEXT)
    values = {
        "cause": alert.cause,
        "session": alert.session,
        "kind": alert.kind,
        "severity": alert.severity,
        "text": text,
        "wall": alert.wall,
        "t": alert.t,
    }
    insert = insert_new(connection, tables.alerts, ("cause",)).values(values)
    made = await connection.scalar(insert.returning(tables.alerts.c.id))
    if made is None:
        return False
    data = Raised(kind=alert.kind, severity=alert.severity, text=text)
    message = Message(
        id=f"{alert.cause}:alert", kind="alert", session=alert.session, wall=alert.wall, t=alert.t, data=data
    )
    await tell(connection, [message], now)
    return True


async def tell_state(connection: AsyncConnection, change: StateChange) -> None:
    """Tells of a session's new state, once however often it is called."""
    data = Changed(
        state=change.state,
        reason=change.reason,
        remedy=tidy(change.remedy, _MAX_TEXT),
        title=change.title,
        start=change.start,
    )
    message = Message(
        id=f"{change.session}:{change.start}:{change.state}:{int(change.wall * 1_000)}",
        kind="session",
        session=change.session,
        wall=change.wall,
        data=data,
    )
    await tell(connection, [message], change.wall)


def failed(change: StateChange) -> Alert:
    """The alert of a session that came to a bad end."""
    words = " ".join(part for part in (change.reason, change.remedy) if part) or "It failed."
    return Alert(
        f"{change.session}:{change.start}:failed",
        change.session,
        "session.failed",
        "critical",
        f"{change.title or change.session}: {words}",
        change.wall,
    )
