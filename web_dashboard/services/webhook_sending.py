"""Sends deliveries: signed, tried again with growing pauses, and none waits for another webhook's receiver."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy import RowMapping, delete, select, update

from integrations.delegates.failures import retry_after
from integrations.egress import GuardedTransport
from joyvl_core.errors import BadInputError, JoyVLError
from joyvl_core.text import tidy
from web_dashboard.db.tables import alerts, deliveries, webhooks
from web_dashboard.permissions import SYSTEM
from web_dashboard.services.telling import MAX_WEBHOOKS

if TYPE_CHECKING:
    from integrations.egress import Egress
    from web_dashboard.services.audit import Audit
    from web_dashboard.services.context import Context

_LOG = logging.getLogger(__name__)

PAUSES = (5.0, 30.0, 120.0, 300.0, 900.0, 1_800.0, 3_600.0)
"""Seconds before each further try; with the first these are eight."""
WITHIN = 10.0
"""Seconds for one try."""
AT_ONCE = 2
"""Tries at the same time to one webhook."""
KEPT_FOR = 7 * 86_400.0
"""Seconds that deliveries are kept."""
ALERTS_KEPT_FOR = 90 * 86_400.0
"""Seconds that alerts are kept."""
_EVERY = 1.0
_CLAIMED_FOR = 60.0
_MOST = 32
_TIDY_EVERY = 3_600.0
_GONE = 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended. `after`: seconds that the receiver asks for before the next; `final`: there is to be none."""

    status: int | None
    error: str = ""
    after: float | None = None
    final: bool = False

    @property
    def delivered(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and 200 <= self.status < 300


def sign(secret: str, message: str, timestamp: str, body: bytes) -> str:
    """The signature header in the form of Standard Webhooks: HMAC-SHA256 over id, time and body.

    Args:
        secret: `whsec_` and the key in base64.
        message: The message's id.
        timestamp: Unix seconds.
        body: What is posted.
    """
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = secret.encode()
    mac = hmac.new(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


async def post(egress: Egress, url: str, secret: str, key: str, body: str, wall: float) -> Outcome:
    """Posts one message once; the answer's body is not read."""
    content, timestamp = body.encode("utf-8", "replace"), str(int(wall))
    headers = {
        "content-type": "application/json",
        "user-agent": "JoyVL",
        "webhook-id": key,
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(secret, key, timestamp, content),
        "idempotency-key": key,
    }
    try:
        async with (
            asyncio.timeout(WITHIN),
            httpx.AsyncClient(transport=GuardedTransport(egress), timeout=WITHIN, follow_redirects=False) as client,
            client.stream("POST", egress.check(url), content=content, headers=headers) as response,
        ):
            return _outcome(response)
    except BadInputError as error:
        return Outcome(None, str(error)[:300], final=True)
    except JoyVLError as error:
        return Outcome(None, str(error)[:300])
    except TimeoutError:
        return Outcome(None, f"no answer within {WITHIN:.0f} seconds")
    except (httpx.HTTPError, OSError) as error:
        return Outcome(None, f"it can't be reached ({type(error).__name__})")


def pause(attempts: int, after: float | None, chance: float) -> float | None:
    """Seconds until the next try after so many; None where there is none. `chance` is 0 to 1."""
    if attempts > len(PAUSES):
        return None
    usual = PAUSES[attempts - 1] * (0.8 + 0.4 * chance)
    return min(max(usual, after or 0.0), PAUSES[-1] * 1.2)


class Sender:
    """Sends what is due. Its owner runs `run()` as a task.

    Args:
        context: What the services share.
        audit: Is told where a webhook is switched off.
        chance: A number from 0 to 1, which spreads tries.
    """

    def __init__(self, context: Context, audit: Audit, *, chance: Callable[[], float] = random.random) -> None:
        self._context = context
        self._audit = audit
        self._chance = chance
        self.due = asyncio.Event()
        self.sent: Counter[str] = Counter()
        """Tries so far, by how they ended: delivered, again, failed."""
        self._busy: dict[int, set[asyncio.Task[None]]] = {}
        self._tidied = float("-inf")

    def wake(self) -> None:
        """There is something to send."""
        self.due.set()

    async def run(self) -> None:
        """Sends until it is cancelled; what is under way then is cancelled too, and sent at the next start."""
        try:
            while True:
                self.due.clear()
                try:
                    await self.send_due()
                    await self._tidy()
                except JoyVLError as error:
                    _LOG.warning("Webhooks wait: %s", error)
                    await asyncio.sleep(_EVERY)
                try:
                    async with asyncio.timeout(_EVERY):
                        await self.due.wait()
                except TimeoutError:
                    continue
        finally:
            tasks = [task for running in self._busy.values() for task in running]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def send_due(self) -> None:
        """Begins tries of what is due, as many as there is room for.

        Raises:
            UnavailableError: The database can't be used.
        """
        for hook, row in await self._due():
            if sum(map(len, self._busy.values())) >= _MOST:
                return
            if not await self._claim(row):
                continue
            running = self._busy.setdefault(hook["id"], set())
            task = asyncio.create_task(self._try(hook, row), name=f"webhook {hook['id']}")
            running.add(task)
            task.add_done_callback(running.discard)
            task.add_done_callback(self._ended)

    async def settle(self) -> None:
        """Returns once what is under way has ended."""
        await asyncio.gather(*(task for running in self._busy.values() for task in running), return_exceptions=True)

    async def _due(self) -> list[tuple[RowMapping, RowMapping]]:
        now = self._context.wall()
        found: list[tuple[RowMapping, RowMapping]] = []
        async with self._context.database.reading() as connection:
            hooks = select(webhooks).where(webhooks.c.enabled).order_by(webhooks.c.id).limit(MAX_WEBHOOKS)
            for hook in (await connection.execute(hooks)).mappings().all():
                room = AT_ONCE - len(self._busy.get(hook["id"], ()))
                if room <= 0:
                    continue
                waiting = (
                    select(deliveries)
                    .where(
                        deliveries.c.webhook == hook["id"],
                        deliveries.c.state == "waiting",
                        deliveries.c.next_try <= now,
                    )
                    .order_by(deliveries.c.next_try, deliveries.c.id)
                    .limit(room)
                )
                found += [(hook, row) for row in (await connection.execute(waiting)).mappings().all()]
        return found

    async def _claim(self, row: RowMapping) -> bool:
        """Takes a delivery: nobody else tries it for a while, and a process that ends in between counts as a try."""
        mine = (deliveries.c.id == row["id"]) & (deliveries.c.state == "waiting")
        still = mine & (deliveries.c.next_try == row["next_try"]) & (deliveries.c.attempts == row["attempts"])
        values = {"attempts": row["attempts"] + 1, "next_try": self._context.wall() + _CLAIMED_FOR}
        async with self._context.database.writing() as connection:
            return bool((await connection.execute(update(deliveries).where(still).values(values))).rowcount)

    async def _try(self, hook: RowMapping, row: RowMapping) -> None:
        try:
            secret = self._context.vault.decrypt(bytes(hook["secret"])).decode()
            now = self._context.wall()
            outcome = await post(self._context.egress, hook["url"], secret, row["key"], row["body"], now)
        except JoyVLError as error:  # the vault has another key
            outcome = Outcome(None, str(error)[:300], final=True)
        state = await record(self._context, row["id"], row["attempts"] + 1, outcome, self._chance())
        self.sent["again" if state == "waiting" else state] += 1
        if outcome.status == _GONE:
            await self._switch_off(hook)

    async def _switch_off(self, hook: RowMapping) -> None:
        mine = update(webhooks).where(webhooks.c.id == hook["id"], webhooks.c.enabled)
        async with self._context.database.writing() as connection:
            changed = (await connection.execute(mine.values(enabled=False))).rowcount
        if changed:
            await self._audit.write(SYSTEM, "webhook.disabled", str(hook["id"]), {"why": "the receiver answered 410"})

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            if task.exception() is not None:
                _LOG.warning("A delivery's outcome could not be kept: %s", task.exception())
            self.due.set()

    async def _tidy(self) -> None:
        now = self._context.wall()
        if now - self._tidied < _TIDY_EVERY:
            return
        async with self._context.database.writing() as connection:
            await connection.execute(delete(deliveries).where(deliveries.c.created < now - KEPT_FOR))
            await connection.execute(delete(alerts).where(alerts.c.wall < now - ALERTS_KEPT_FOR))
        self._tidied = now


async def record(context: Context, delivery: int, attempts: int, outcome: Outcome, chance: float) -> str:
    """Keeps how a try ended; the delivery's new state."""
    now = context.wall()
    wait = None if outcome.final else pause(attempts, outcome.after, chance)
    state = "delivered" if outcome.delivered else "failed" if wait is None else "waiting"
    values: dict[str, Any] = {
        "state": state,
        "attempts": attempts,
        "status": outcome.status,
        "error": tidy(outcome.error, 300),
        "next_try": now + (wait or 0.0),
        "delivered": now if outcome.delivered else None,
    }
    async with context.database.writing() as connection:
        await connection.execute(update(deliveries).where(deliveries.c.id == delivery).values(values))
    return state


def _outcome(response: httpx.Response) -> Outcome:
    status = response.status_code
    if 200 <= status < 300:
        return Outcome(status)
    if status == _GONE:
        return Outcome(status, "it is gone: the webhook was switched off", final=True)
    if 300 <= status < 400:
        return Outcome(status, "it answers with a redirect, which is not followed")
    return Outcome(status, f"it answers with status {status}", after=retry_after(response.headers))
