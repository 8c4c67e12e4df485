"""What the bot was asked to raise, and sessions in trouble."""

from __future__ import annotations

from nicegui import ui

from web_dashboard.permissions import Permission
from web_dashboard.schemas.alerts import AlertView
from web_dashboard.ui import parts
from web_dashboard.ui.shell import Viewer, page

_SEVERITY: dict[str, tuple[parts.Tone, str]] = {
    "info": ("busy", "info"),
    "warning": ("warn", "warning"),
    "critical": ("bad", "error"),
}
_EVERY = 5.0
_LISTED = 100


@page("/alerts", Permission.ALERTS_READ, title="nav.alerts")
async def alerts_page(viewer: Viewer) -> None:
    """The page; new alerts come by themselves."""
    listing = AlertList(viewer)
    await listing.refresh()
    ui.timer(_EVERY, listing.refresh, immediate=False)


class AlertList:
    """The list with its filter."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._shown: list[AlertView] | None = None
        t = viewer.t
        with ui.element("div").classes("jv-filters"):
            options = {"open": t("alerts.open"), "all": t("alerts.all")}
            self._which = parts.choice(t("alerts.show"), options, "open", on_change=self.refresh)
        self._place = ui.element("div").props("aria-live=polite")

    async def refresh(self) -> None:
        """Shows what is there now."""
        viewer = self._viewer
        async with viewer.trying():
            found = await viewer.services.alerts.list(
                viewer.actor, acknowledged=False if self._which.value == "open" else None, limit=_LISTED
            )
            if found == self._shown:
                return
            self._shown = found
            self._place.clear()
            with self._place:
                if not found:
                    parts.empty("notifications_none", viewer.t("alerts.empty"), viewer.t("alerts.empty.hint"))
                    return
                with parts.rows():
                    for each in found:
                        self._row(each)

    def _row(self, each: AlertView) -> None:
        viewer, t = self._viewer, self._viewer.t
        tone, icon = _SEVERITY.get(each.severity, ("calm", "info"))
        middle, end = parts.row(each.text)
        with middle:
            parts.pill(t(f"alerts.severity.{each.severity}"), tone, icon)
            ui.label(t(f"alerts.kind.{each.kind}")).classes("jv-soft")
            parts.moment(viewer, each.wall)
            if each.session:
                link = ui.link(t("alerts.go"), f"/sessions/{each.session}?t={each.t:.0f}").classes("jv-link")
                parts.attributes(link, {"aria-label": f"{t('alerts.go')}: {each.text}"})
            if each.acknowledged is not None:
                ui.label(t("alerts.acknowledged", name=each.acknowledged_by or "–")).classes("jv-soft")
        if each.acknowledged is None and viewer.may(Permission.ALERTS_WRITE):
            with end:
                done = parts.button(t("alerts.acknowledge"), icon="done")
                done.on_click(lambda: self._acknowledge(each, done))

    async def _acknowledge(self, each: AlertView, busy: ui.button) -> None:
        async with self._viewer.trying(busy=busy):
            await self._viewer.services.alerts.acknowledge(self._viewer.actor, each.id)
            await self.refresh()
