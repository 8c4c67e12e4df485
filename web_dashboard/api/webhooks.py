"""Webhooks over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.permissions import Permission
from web_dashboard.schemas.webhooks import DeliveryState, DeliveryView, WebhookIn, WebhookMade, WebhookView

router = APIRouter(prefix="/webhooks", tags=["webhooks"])
_READ, _WRITE = [needs(Permission.WEBHOOKS_READ)], [needs(Permission.WEBHOOKS_WRITE)]
WebhookId = Annotated[int, Path(ge=1, le=2**53)]
DeliveryId = Annotated[int, Path(ge=1, le=2**53)]


@router.get("", dependencies=_READ)
async def list_webhooks(actor: CurrentActor, services: CurrentServices) -> list[WebhookView]:
    """All webhooks by name."""
    return await services.webhooks.list(actor)


@router.post("", dependencies=_WRITE, status_code=201)
async def create_webhook(given: WebhookIn, actor: CurrentActor, services: CurrentServices) -> WebhookMade:
    """Makes a webhook; its secret is in this answer and in no other."""
    return await services.webhooks.create(actor, given)


@router.get("/{webhook}", dependencies=_READ)
async def get_webhook(webhook: WebhookId, actor: CurrentActor, services: CurrentServices) -> WebhookView:
    """One webhook."""
    return await services.webhooks.get(actor, webhook)


@router.put("/{webhook}", dependencies=_WRITE)
async def update_webhook(
    webhook: WebhookId, change: WebhookIn, actor: CurrentActor, services: CurrentServices
) -> WebhookView:
    """Changes a webhook."""
    return await services.webhooks.update(actor, webhook, change)


@router.delete("/{webhook}", dependencies=_WRITE, status_code=204)
async def delete_webhook(webhook: WebhookId, actor: CurrentActor, services: CurrentServices) -> None:
    """Deletes a webhook with its deliveries."""
    await services.webhooks.delete(actor, webhook)


@router.post("/{webhook}/secret", dependencies=_WRITE)
async def renew_webhook_secret(webhook: WebhookId, actor: CurrentActor, services: CurrentServices) -> WebhookMade:
    """Gives it another secret; it is in this answer and in no other."""
    return await services.webhooks.renew_secret(actor, webhook)


@router.post("/{webhook}/test", dependencies=_WRITE)
async def test_webhook(webhook: WebhookId, actor: CurrentActor, services: CurrentServices) -> DeliveryView:
    """Posts a test message at once."""
    return await services.webhooks.test(actor, webhook)


@router.get("/{webhook}/deliveries", dependencies=_READ)
async def list_deliveries(
    webhook: WebhookId,
    actor: CurrentActor,
    services: CurrentServices,
    state: DeliveryState | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> list[DeliveryView]:
    """Its deliveries, newest first."""
    return list(await services.webhooks.deliveries(actor, webhook, state=state, limit=limit, before=before))


@router.post("/{webhook}/deliveries/{delivery}/redeliver", dependencies=_WRITE)
async def redeliver(
    webhook: WebhookId, delivery: DeliveryId, actor: CurrentActor, services: CurrentServices
) -> DeliveryView:
    """Sends a delivery again, with the same id."""
    return await services.webhooks.redeliver(actor, webhook, delivery)
