"""The audit log, filtered and paged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nicegui import ui

from web_dashboard.permissions import Permission
from web_dashboard.schemas.audit import AuditView
from web_dashboard.ui import parts
from web_dashboard.ui.shell import Viewer, page

_PAGE = 50
_COLUMNS = ("audit.when", "audit.who", "audit.what", "audit.target", "audit.detail", "audit.address")


@page("/audit", Permission.AUDIT_READ, title="nav.audit")
async def audit_page(viewer: Viewer) -> None:
    """The page."""
    ui.label(viewer.t("audit.lead")).classes("jv-soft jv-lead")
    await AuditTable(viewer).show()


class AuditTable:
    """The entries, newest first; more of them below."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        t = viewer.t
        self._last: int | None = None
        with ui.element("form").classes("jv-filters").on("submit.prevent", self.show):
            self._action = parts.text_field(t("audit.action"), maxlength=60)
            self._who = parts.text_field(t("audit.who"), maxlength=80)
            self._target = parts.text_field(t("audit.target"), maxlength=200)
            parts.button(t("audit.filter"), icon="filter_list").props("type=submit")
        self._place = ui.element("div")

    async def show(self) -> None:
        """Shows the newest that fit the filter."""
        self._last = None
        t = self._viewer.t
        found = await self._next()
        self._place.clear()
        with self._place:
            if not found:
                parts.empty("history", t("audit.empty"))
                return
            with ui.element("div").classes("jv-scroll").props("tabindex=0"), ui.element("table").classes("jv-table"):
                with ui.element("thead"), ui.element("tr"):
                    for column in _COLUMNS:
                        with ui.element("th").props("scope=col"):
                            ui.label(t(column))
                self._body = ui.element("tbody")
            self._more = parts.button(t("common.more"), self._append, kind="quiet")
        self._add(found)

    async def _next(self) -> list[AuditView]:
        viewer = self._viewer
        found: list[AuditView] = []
        async with viewer.trying():
            found += await viewer.services.audit.list(
                viewer.actor,
                limit=_PAGE,
                before=self._last,
                action=(self._action.value or "").strip(),
                who=(self._who.value or "").strip(),
                target=(self._target.value or "").strip(),
            )
        return found

    async def _append(self) -> None:
        self._add(await self._next())

    def _add(self, found: list[AuditView]) -> None:
        with self._body:
            for each in found:
                self._row(each)
        self._last = found[-1].id if found else self._last
        self._more.set_visibility(len(found) == _PAGE)

    def _row(self, each: AuditView) -> None:
        with ui.element("tr"):
            with ui.element("td"):
                parts.moment(self._viewer, each.wall)
            for text in (each.actor, each.action, each.target):
                with ui.element("td"):
                    ui.label(text)
            with ui.element("td"):
                _detail(each.detail)
            with ui.element("td"):
                ui.label(each.address).classes("jv-num")


def _detail(detail: Mapping[str, Any]) -> None:
    with ui.element("dl").classes("jv-pairs"):
        for name, value in _pairs(detail):
            with ui.element("dt"):
                ui.label(name)
            with ui.element("dd"):
                ui.label(value)


def _pairs(detail: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Names with their values in words; what is not set is left out."""
    for name, value in detail.items():
        if isinstance(value, Mapping):
            yield from _pairs(value, f"{above}{name} ")
        elif value not in (None, "", []):
            yield f"{above}{name}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)
