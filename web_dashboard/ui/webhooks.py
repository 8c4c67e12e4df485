"""Webhooks out, and what was sent to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from web_dashboard.permissions import Permission
from web_dashboard.schemas.webhooks import KINDS, DeliveryView, WebhookIn, WebhookView
from web_dashboard.ui import parts
from web_dashboard.ui.shell import Viewer, page

_STATES: dict[str, tuple[parts.Tone, str]] = {
    "waiting": ("busy", "schedule"),
    "delivered": ("good", "check_circle"),
    "failed": ("bad", "error"),
}
_DELIVERIES = 50


@page("/webhooks", Permission.WEBHOOKS_READ, title="nav.webhooks")
async def webhooks_page(viewer: Viewer) -> None:
    """The page."""
    ui.label(viewer.t("webhooks.lead")).classes("jv-soft jv-lead")
    await WebhookList(viewer).refresh()


class WebhookList:
    """The list, the form for one, and its deliveries."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._may = viewer.may(Permission.WEBHOOKS_WRITE)
        if self._may:
            with ui.element("div").classes("jv-filters"):
                parts.button(viewer.t("webhooks.add"), lambda: self._edit(None), icon="add", kind="primary")
        self._place = ui.element("div")

    async def refresh(self) -> None:
        """Shows what is there now."""
        viewer, t = self._viewer, self._viewer.t
        found = await viewer.services.webhooks.list(viewer.actor)
        self._place.clear()
        with self._place:
            if not found:
                parts.empty("webhook", t("webhooks.empty"), t("webhooks.empty.hint"))
                return
            with parts.rows():
                for each in found:
                    self._row(each)

    def _row(self, each: WebhookView) -> None:
        t = self._viewer.t
        middle, end = parts.row(each.name, sub=each.url, icon="webhook")
        with middle:
            on = each.enabled
            parts.pill(t("webhooks.enabled" if on else "webhooks.disabled"), "good" if on else "calm",
                       "check_circle" if on else "pause_circle")  # fmt: skip
            ui.label(", ".join(t(f"webhooks.kind.{kind}") for kind in each.kinds)).classes("jv-soft")
            counts = t("webhooks.counts", delivered=each.delivered, waiting=each.waiting, failed=each.failed)
            ui.label(counts).classes("jv-soft jv-num")
        with end:
            parts.button(t("webhooks.deliveries"), lambda: self._deliveries(each), icon="list")
            if self._may:
                test = parts.button(t("common.test"), icon="bolt")
                test.on_click(lambda: self._test(each, test))
                parts.icon_button("edit", f"{t('common.edit')}: {each.name}", lambda: self._edit(each))
                parts.icon_button("delete", f"{t('common.delete')}: {each.name}", lambda: self._delete(each))

    async def _test(self, each: WebhookView, busy: ui.button) -> None:
        viewer = self._viewer
        async with viewer.trying(viewer.t("webhooks.tested"), busy):
            await viewer.services.webhooks.test(viewer.actor, each.id)

    async def _delete(self, each: WebhookView) -> None:
        viewer, t = self._viewer, self._viewer.t
        question, detail = t("webhooks.delete.ask", name=each.name), t("webhooks.delete.detail")
        if await parts.confirm(viewer, question, t("common.delete"), detail=detail):
            async with viewer.trying(t("common.deleted")):
                await viewer.services.webhooks.delete(viewer.actor, each.id)
                await self.refresh()

    def _edit(self, each: WebhookView | None) -> None:
        viewer, t = self._viewer, self._viewer.t
        dialog, body = parts.sheet(t("webhooks.edit", name=each.name) if each else t("webhooks.add"), viewer)
        with body:
            name = parts.text_field(t("common.name"), each.name if each else "", maxlength=80)
            url = parts.text_field(t("webhooks.url"), each.url if each else "", hint=t("webhooks.url.hint"))
            url.props("maxlength=2000 inputmode=url spellcheck=false")
            kinds = parts.choice(
                t("webhooks.kinds"), {kind: t(f"webhooks.kind.{kind}") for kind in KINDS},
                list(each.kinds if each else KINDS), multiple=True,
            )  # fmt: skip
            kinds.props("use-chips")
            enabled = ui.switch(t("webhooks.enabled"), value=each.enabled if each else True)
            with ui.element("div").classes("jv-buttons"):
                parts.button(t("common.cancel"), dialog.close)
                save = parts.button(t("common.save"), kind="primary")

        async def store() -> None:
            async with viewer.trying(t("common.saved"), save):
                given = WebhookIn.model_validate(
                    {"name": name.value, "url": url.value, "kinds": kinds.value, "enabled": enabled.value}
                )
                if each is not None:
                    await viewer.services.webhooks.update(viewer.actor, each.id, given)
                    dialog.close()
                else:
                    made = await viewer.services.webhooks.create(viewer.actor, given)
                    body.clear()
                    with body:
                        ui.label(t("webhooks.secret")).classes("jv-strong")
                        parts.secret_once(viewer, made.secret)
                        with ui.element("div").classes("jv-buttons"):
                            parts.button(t("common.close"), dialog.close, kind="primary")
                await self.refresh()

        save.on_click(store)
        dialog.open()

    async def _deliveries(self, each: WebhookView) -> None:
        viewer, t = self._viewer, self._viewer.t
        dialog, body = parts.sheet(t("webhooks.deliveries.of", name=each.name), viewer, wide=True)

        async def show() -> None:
            found = await viewer.services.webhooks.deliveries(viewer.actor, each.id, limit=_DELIVERIES)
            body.clear()
            with body:
                if not found:
                    parts.empty("outbox", t("webhooks.deliveries.empty"))
                    return
                with parts.rows():
                    for delivery in found:
                        self._delivery(delivery, show)

        async with viewer.trying():
            await show()
            dialog.open()

    def _delivery(self, each: DeliveryView, again: Callable[[], Awaitable[None]]) -> None:
        viewer, t = self._viewer, self._viewer.t
        tone, icon = _STATES.get(each.state, ("calm", "help"))
        middle, end = parts.row(t(f"webhooks.kind.{each.kind}"), sub=each.key)
        with middle:
            parts.pill(t(f"webhooks.state.{each.state}"), tone, icon)
            parts.moment(viewer, each.created)
            ui.label(t("webhooks.attempts", n=each.attempts)).classes("jv-soft jv-num")
            trouble = " ".join(str(part) for part in (each.status, each.error) if part)
            if trouble and each.state != "delivered":
                ui.label(trouble).classes("jv-error")

        async def redeliver() -> None:
            async with viewer.trying(t("webhooks.redelivered"), button):
                await viewer.services.webhooks.redeliver(viewer.actor, each.webhook, each.id)
                await again()

        if self._may and each.state != "waiting":
            with end:
                button = parts.button(t("webhooks.redeliver"), redeliver, icon="replay")
