"""What works here, and where sessions run."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from web_dashboard.permissions import Permission
from web_dashboard.schemas.system import FindingView
from web_dashboard.services.workers import Workers
from web_dashboard.ui import parts
from web_dashboard.ui.shell import Viewer, page

_VERDICTS: dict[str, tuple[parts.Tone, str]] = {
    "ok": ("good", "check_circle"),
    "partly": ("warn", "warning"),
    "missing": ("bad", "error"),
}
_EVERY = 5.0


@page("/system", Permission.SYSTEM_READ, title="nav.system")
async def system_page(viewer: Viewer) -> None:
    """The page. Looking at this machine takes a moment: what runs is shown first."""
    lead = ui.label().classes("jv-soft jv-lead")
    parts.section(viewer.t("system.workers"))
    workers = WorkerList(viewer)
    await workers.refresh()
    ui.timer(_EVERY, workers.refresh, immediate=False)
    place = ui.element("div").classes("jv-section")
    with place:
        ui.spinner(size="28px").props("role=status")

    async def look() -> None:
        async with viewer.trying():
            found = await viewer.services.system.findings(viewer.actor)
            lead.set_text(viewer.t("system.lead", version=found.version))
            place.clear()
            with place:
                trouble = [each for each in found.findings if each.verdict != "ok"]
                if trouble:
                    _findings(viewer, "system.needed", trouble)
                _findings(viewer, "system.findings", [each for each in found.findings if each.verdict == "ok"])

    ui.timer(0.0, look, once=True)


def _findings(viewer: Viewer, title: str, findings: list[FindingView]) -> None:
    t = viewer.t
    with ui.element("div").classes("jv-part"):
        parts.section(t(title))
        with parts.rows():
            for each in findings:
                tone, icon = _VERDICTS.get(each.verdict, ("calm", "help"))
                middle, end = parts.row(each.part, sub=each.detail)
                if each.fix:
                    with middle, ui.element("div").classes("jv-note jv-warn"):
                        ui.icon("build").props("aria-hidden=true")
                        ui.label(each.fix)
                with end:
                    if each.needed and each.verdict != "ok":
                        ui.label(t("system.required")).classes("jv-soft jv-small")
                    parts.pill(t(f"system.verdict.{each.verdict}"), tone, icon)


class WorkerList:
    """The workers of the pool, or this machine."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._shown: Any = None
        self._place = ui.element("div")

    def _pool(self) -> Workers:
        services = self._viewer.services
        return Workers(services.context, services.audit, services.fleet)

    async def refresh(self) -> None:
        """Shows where sessions run now."""
        viewer, t = self._viewer, self._viewer.t
        services = viewer.services
        pool = services.context.pool
        async with viewer.trying():
            found: Any = await (self._pool().list(viewer.actor) if pool else services.system.workers(viewer.actor))
            if found == self._shown:
                return
            self._shown = found
            self._place.clear()
            with self._place:
                if not found:
                    parts.empty("dns", t("system.workers.none"), t("system.workers.none.hint"))
                    return
                with parts.rows():
                    for each in found:
                        self._worker(each) if pool else self._machine(each)

    def _machine(self, each: Any) -> None:
        t = self._viewer.t
        middle, end = parts.row(t("system.worker.machine"), sub=each.detail, icon="computer")
        with middle:
            slots = each.slots if each.slots is not None else "∞"
            ui.label(t("system.worker.slots", taken=each.sessions, slots=slots)).classes("jv-soft jv-num")
        with end:
            full = each.state == "full"
            parts.pill(t(f"system.worker.{'full' if full else 'ready'}"), "warn" if full else "good",
                       "warning" if full else "check_circle")  # fmt: skip

    def _worker(self, each: Any) -> None:
        viewer, t = self._viewer, self._viewer.t
        middle, end = parts.row(each.host, sub=each.id, icon="dns")
        state = "draining" if each.draining else "ready" if each.connected else "lost"
        with middle:
            ui.label(t("system.worker.slots", taken=each.taken, slots=each.slots)).classes("jv-soft jv-num")
            ui.label(f"CPU {each.cpu:.0%} · {each.rss / 2**20:.0f} MB").classes("jv-soft jv-num")
        with end:
            tone: parts.Tone = "good" if state == "ready" else "warn"
            parts.pill(t(f"system.worker.{state}"), tone, "check_circle" if state == "ready" else "sync_problem")
            if viewer.may(Permission.SYSTEM_WRITE) and not each.draining:
                parts.button(t("system.drain"), lambda: self._drain(each), icon="output")

    async def _drain(self, each: Any) -> None:
        viewer, t = self._viewer, self._viewer.t
        question, detail = t("system.drain.ask", name=each.host), t("system.drain.detail")
        if await parts.confirm(viewer, question, t("system.drain"), detail=detail):
            async with viewer.trying(t("system.draining")):
                await self._pool().drain(viewer.actor, each.id)
                await self.refresh()
