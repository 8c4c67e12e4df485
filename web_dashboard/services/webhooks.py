"""Webhooks out: who is told of what, and what became of each delivery."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import RowMapping, delete, func, select, update

from joyvl_core.errors import BadInputError
from joyvl_core.store.database import insert_new
from web_dashboard.db.tables import deliveries as delivery_table
from web_dashboard.db.tables import webhooks as table
from web_dashboard.permissions import Actor, ConflictError, Permission, UnknownError
from web_dashboard.schemas.webhooks import DeliveryState, DeliveryView, Message, WebhookIn, WebhookMade, WebhookView
from web_dashboard.services.reach import check_reach
from web_dashboard.services.telling import MAX_WEBHOOKS, delivery_row
from web_dashboard.services.webhook_sending import Outcome, post, record

if TYPE_CHECKING:
    from web_dashboard.services.audit import Audit
    from web_dashboard.services.context import Context

MAX_LISTED = 500
_SECRET_BYTES = 32


class Webhooks:
    """The webhooks of this installation."""

    def __init__(self, context: Context, audit: Audit) -> None:
        self._context = context
        self._audit = audit

    async def list(self, actor: Actor) -> list[WebhookView]:
        """All webhooks by name."""
        actor.require(Permission.WEBHOOKS_READ)
        async with self._context.database.reading() as connection:
            rows = (await connection.execute(select(table).order_by(table.c.name).limit(MAX_LISTED))).mappings().all()
            counted = select(delivery_table.c.webhook, delivery_table.c.state, func.count().label("count"))
            grouped = counted.group_by(delivery_table.c.webhook, delivery_table.c.state)
            counts = {(row.webhook, row.state): row[2] for row in (await connection.execute(grouped)).all()}
        return [_view(row, counts) for row in rows]

    async def get(self, actor: Actor, webhook: int) -> WebhookView:
        """One webhook.

        Raises:
            UnknownError: There is none.
        """
        found = next((view for view in await self.list(actor) if view.id == webhook), None)
        if found is None:
            raise _unknown(webhook)
        return found

    async def create(self, actor: Actor, given: WebhookIn) -> WebhookMade:
        """Makes a webhook with a secret, which is told this once. It hears of what happens from now on.

        Raises:
            BadInputError: Its URL may not be reached, or there are too many.
            ConflictError: The name is taken.
        """
        actor.require(Permission.WEBHOOKS_WRITE)
        await check_reach(self._context.egress, given.url, "url")
        secret = _new_secret()
        values = {
            "name": given.name,
            "url": given.url,
            "secret": self._context.vault.encrypt(secret.encode()),
            "kinds": json.dumps(sorted(set(given.kinds))),
            "enabled": given.enabled,
            "created": self._context.wall(),
        }
        async with self._context.database.writing() as connection:
            if (await connection.scalar(select(func.count()).select_from(table)) or 0) >= MAX_WEBHOOKS:
                raise BadInputError(
                    f"There are {MAX_WEBHOOKS} webhooks already.",
                    source="webhooks",
                    kind="too_many",
                    hint="Delete one that nobody needs.",
                )
            made = await connection.scalar(
                insert_new(connection, table, ("name",)).values(values).returning(table.c.id)
            )
        if made is None:
            raise _taken(given.name)
        await self._audit.write(actor, "webhook.created", str(made), {"name": given.name, "kinds": list(given.kinds)})
        view = await self.get(actor, made)
        return WebhookMade(**view.model_dump(), secret=secret)

    async def update(self, actor: Actor, webhook: int, change: WebhookIn) -> WebhookView:
        """Changes a webhook; what waits goes to its new URL.

        Raises:
            BadInputError: Its URL may not be reached.
            ConflictError: The name is taken.
            UnknownError: There is none.
        """
        actor.require(Permission.WEBHOOKS_WRITE)
        await check_reach(self._context.egress, change.url, "url")
        mine = table.c.id == webhook
        values = {
            "name": change.name,
            "url": change.url,
            "kinds": json.dumps(sorted(set(change.kinds))),
            "enabled": change.enabled,
        }
        async with self._context.database.writing() as connection:
            if await connection.scalar(select(table.c.id).where(table.c.name == change.name, ~mine)) is not None:
                raise _taken(change.name)
            if not (await connection.execute(update(table).where(mine).values(values))).rowcount:
                raise _unknown(webhook)
        await self._audit.write(
            actor, "webhook.changed", str(webhook), {"name": change.name, "enabled": change.enabled}
        )
        return await self.get(actor, webhook)

    async def renew_secret(self, actor: Actor, webhook: int) -> WebhookMade:
        """Gives a webhook another secret, which is told this once; the old one signs nothing any more.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.WEBHOOKS_WRITE)
        secret = _new_secret()
        sealed = self._context.vault.encrypt(secret.encode())
        async with self._context.database.writing() as connection:
            changed = update(table).where(table.c.id == webhook).values(secret=sealed)
            if not (await connection.execute(changed)).rowcount:
                raise _unknown(webhook)
        await self._audit.write(actor, "webhook.secret_renewed", str(webhook))
        return WebhookMade(**(await self.get(actor, webhook)).model_dump(), secret=secret)

    async def delete(self, actor: Actor, webhook: int) -> None:
        """Deletes a webhook with its deliveries.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.WEBHOOKS_WRITE)
        async with self._context.database.writing() as connection:
            if not (await connection.execute(delete(table).where(table.c.id == webhook))).rowcount:
                raise _unknown(webhook)
        await self._audit.write(actor, "webhook.deleted", str(webhook))

    async def test(self, actor: Actor, webhook: int) -> DeliveryView:
        """Posts a message of the kind `test` at once, and tells what became of it; it is not tried again.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.WEBHOOKS_WRITE)
        hook = await self._hook(webhook)
        now = self._context.wall()
        message = Message(
            id=f"test:{secrets.token_hex(8)}", kind="test", session="", wall=now, data={"text": "A test of JoyVL."}
        )
        row = {**delivery_row(webhook, message, now), "state": "failed", "error": "It was not tried to the end."}
        async with self._context.database.writing() as connection:
            made = await connection.execute(delivery_table.insert().returning(delivery_table.c.id), row)
            delivery = int(made.scalar_one())
        secret = self._context.vault.decrypt(bytes(hook["secret"])).decode()
        outcome = await post(self._context.egress, hook["url"], secret, message.id, row["body"], now)
        await record(self._context, delivery, 1, Outcome(outcome.status, outcome.error, final=True), 0.5)
        await self._audit.write(actor, "webhook.tested", str(webhook), {"status": outcome.status})
        return await self._delivery(webhook, delivery)

    async def deliveries(
        self,
        actor: Actor,
        webhook: int,
        *,
        state: DeliveryState | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> Sequence[DeliveryView]:
        """A webhook's deliveries, newest first. `before`: those with lower ids than this."""
        actor.require(Permission.WEBHOOKS_READ)
        chosen = select(delivery_table).where(delivery_table.c.webhook == webhook)
        if state is not None:
            chosen = chosen.where(delivery_table.c.state == state)
        if before is not None:
            chosen = chosen.where(delivery_table.c.id < before)
        chosen = chosen.order_by(delivery_table.c.id.desc()).limit(max(1, min(limit, MAX_LISTED)))
        async with self._context.database.reading() as connection:
            return [_delivery_view(row) for row in (await connection.execute(chosen)).mappings().all()]

    async def redeliver(self, actor: Actor, webhook: int, delivery: int) -> DeliveryView:
        """Sends a delivery again, with the same id, from now on with all its tries.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.WEBHOOKS_WRITE)
        mine = (delivery_table.c.id == delivery) & (delivery_table.c.webhook == webhook)
        values = {"state": "waiting", "attempts": 0, "next_try": self._context.wall(), "error": "", "delivered": None}
        async with self._context.database.writing() as connection:
            if not (await connection.execute(update(delivery_table).where(mine).values(values))).rowcount:
                raise UnknownError(f"There is no delivery {delivery}.", source="webhooks", kind="unknown")
        await self._audit.write(actor, "webhook.redelivered", str(webhook), {"delivery": delivery})
        return await self._delivery(webhook, delivery)

    async def _hook(self, webhook: int) -> RowMapping:
        async with self._context.database.reading() as connection:
            row = (await connection.execute(select(table).where(table.c.id == webhook))).mappings().first()
        if row is None:
            raise _unknown(webhook)
        return row

    async def _delivery(self, webhook: int, delivery: int) -> DeliveryView:
        mine = select(delivery_table).where(delivery_table.c.id == delivery, delivery_table.c.webhook == webhook)
        async with self._context.database.reading() as connection:
            row = (await connection.execute(mine)).mappings().first()
        if row is None:
            raise UnknownError(f"There is no delivery {delivery}.", source="webhooks", kind="unknown")
        return _delivery_view(row)


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _view(row: RowMapping, counts: dict[tuple[int, str], int]) -> WebhookView:
    return WebhookView(
        id=row["id"],
        name=row["name"],
        url=row["url"],
        kinds=tuple(json.loads(row["kinds"])),
        enabled=row["enabled"],
        created=row["created"],
        waiting=counts.get((row["id"], "waiting"), 0),
        delivered=counts.get((row["id"], "delivered"), 0),
        failed=counts.get((row["id"], "failed"), 0),
    )


def _delivery_view(row: RowMapping) -> DeliveryView:
    plain = {name: row[name] for name in DeliveryView.model_fields if name not in ("body", "next_try")}
    return DeliveryView(
        **plain, body=json.loads(row["body"]), next_try=row["next_try"] if row["state"] == "waiting" else None
    )


def _taken(name: str) -> ConflictError:
    return ConflictError(
        f"There is a webhook named {name} already.", source="webhooks", kind="taken", hint="Choose another name."
    )


def _unknown(webhook: int) -> UnknownError:
    return UnknownError(f"There is no webhook {webhook}.", source="webhooks", kind="unknown")
