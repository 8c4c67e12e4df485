"""API keys: made, shown once, revoked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nicegui import ui

from web_dashboard.permissions import Permission
from web_dashboard.schemas.people import ApiKeyIn, ApiKeyView
from web_dashboard.ui import parts
from web_dashboard.ui.shell import Viewer, page

_DAYS = (30, 90, 365, 0)


@page("/keys", Permission.KEYS_WRITE, title="nav.keys")
async def keys_page(viewer: Viewer) -> None:
    """The page."""
    ui.label(viewer.t("keys.lead")).classes("jv-soft jv-lead")
    await KeyList(viewer).refresh()


class KeyList:
    """The list and the form."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        t = viewer.t
        self._everybody: ui.switch | None = None
        with ui.element("div").classes("jv-filters"):
            parts.button(t("keys.add"), self._add, icon="add", kind="primary")
            if viewer.may(Permission.USERS_READ):
                self._everybody = ui.switch(t("keys.everybody"), on_change=self.refresh)
        self._place = ui.element("div")

    async def refresh(self) -> None:
        """Shows what is there now."""
        viewer = self._viewer
        everybody = bool(self._everybody and self._everybody.value)
        found = await viewer.services.api_keys.list(viewer.actor, everybody=everybody)
        self._place.clear()
        with self._place:
            if not found:
                parts.empty("vpn_key", viewer.t("keys.empty"))
                return
            with parts.rows():
                for each in found:
                    self._row(each)

    def _row(self, each: ApiKeyView) -> None:
        viewer, t = self._viewer, self._viewer.t
        middle, end = parts.row(each.name, icon="vpn_key")
        over = each.expires is not None and each.expires <= viewer.services.context.wall()
        with middle:
            ui.label(f"{each.prefix}…").classes("jv-mono jv-soft")
            if each.user != viewer.actor.user:
                ui.label(t("keys.owner", name=each.owner)).classes("jv-soft")
            if each.revoked is not None:
                parts.pill(t("keys.revoked"), "bad", "block")
            elif over:
                parts.pill(t("keys.expired"), "warn", "schedule")
            elif each.expires is not None:
                day = datetime.fromtimestamp(each.expires, UTC).date().isoformat()
                ui.label(t("keys.expires", day=day)).classes("jv-soft jv-num")
            ui.label(f"{t('keys.used')}:").classes("jv-soft")
            parts.moment(viewer, each.used)
            ui.label(" · ".join(scope.value for scope in each.scopes)).classes("jv-mono jv-soft")
        if each.revoked is None:
            with end:
                parts.button(t("keys.revoke"), lambda: self._revoke(each), kind="danger")

    async def _revoke(self, each: ApiKeyView) -> None:
        viewer, t = self._viewer, self._viewer.t
        question, detail = t("keys.revoke.ask", name=each.name), t("keys.revoke.detail")
        if await parts.confirm(viewer, question, t("keys.revoke"), detail=detail):
            async with viewer.trying(t("keys.revoked")):
                await viewer.services.api_keys.revoke(viewer.actor, each.id)
                await self.refresh()

    def _add(self) -> None:
        viewer, t = self._viewer, self._viewer.t
        dialog, body = parts.sheet(t("keys.add"), viewer)
        with body:
            name = parts.text_field(t("keys.name"), maxlength=80)
            allowed: dict[Any, str] = {each.value: each.value for each in Permission if viewer.may(each)}
            scopes = parts.choice(t("keys.scopes"), allowed, [Permission.SESSIONS_READ.value], multiple=True)
            scopes.props("use-chips")
            days = parts.choice(t("keys.days"), {each: t(f"keys.days.{each}") for each in _DAYS}, 90)
            with ui.element("div").classes("jv-buttons"):
                parts.button(t("common.cancel"), dialog.close)
                save = parts.button(t("common.create"), kind="primary")

        async def store() -> None:
            async with viewer.trying(busy=save):
                given = {"name": name.value or "", "scopes": scopes.value, "days": days.value or None}
                made = await viewer.services.api_keys.create(viewer.actor, ApiKeyIn.model_validate(given))
                body.clear()
                with body:
                    ui.label(t("keys.made")).classes("jv-strong")
                    parts.secret_once(viewer, made.token)
                    ui.label(t("keys.use")).classes("jv-soft")
                    with ui.element("div").classes("jv-buttons"):
                        parts.button(t("common.close"), dialog.close, kind="primary")
                await self.refresh()

        save.on_click(store)
        dialog.open()
