"""What runs, and how to send the bot somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import events, ui

from joyvl_core.errors import JoyVLError
from web_dashboard.permissions import Permission
from web_dashboard.ui import parts
from web_dashboard.ui.cards import SessionCard, place_name
from web_dashboard.ui.send import SendSheet
from web_dashboard.ui.shell import Viewer, heading, page

if TYPE_CHECKING:
    from web_dashboard.schemas.sessions import SessionView

EVERY = 1.0
AT_REST = ("ended", "failed")
_PAGE = 100
_EARLIER = 12


@page("/", Permission.SESSIONS_READ, title="nav.overview", wide=True)
async def overview_page(viewer: Viewer) -> None:
    """The first page: running sessions as cards, the others as a list."""
    overview = Overview(viewer)
    await overview.refresh()
    timer = ui.timer(EVERY, overview.refresh, immediate=False)

    def visible(event: events.GenericEventArguments) -> None:
        timer.active = bool(event.args)

    ui.on("joyvl_visible", visible)


class Overview:
    """The page's parts, changed only where something changed."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._cards: dict[str, SessionCard] = {}
        self._earlier: tuple[tuple[str, str], ...] | None = None
        self._shown = _EARLIER
        self._views: list[SessionView] = []
        t = viewer.t
        may_run = viewer.may(Permission.SESSIONS_RUN)
        self._send = SendSheet(viewer) if may_run else None
        with heading(t("nav.overview")):
            self._trouble = parts.pill("", "warn", "sync_problem")
            self._trouble.set_visibility(False)
            if self._send:
                parts.button(t("overview.send"), self._send.open, icon="add", kind="primary")
        self._grid = ui.element("div").classes("jv-grid").props(f'role=list aria-label="{t("overview.now")}"')
        with parts.empty(
            "visibility",
            t("overview.empty"),
            t("overview.empty.hint") if may_run else t("overview.empty.viewer"),
        ) as self._empty:
            if self._send:
                parts.button(t("overview.send"), self._send.open, icon="add", kind="primary")
        self._list = ui.element("div").classes("jv-section")

    async def refresh(self) -> None:
        """Looks again, and shows what changed."""
        try:
            views = await self._viewer.services.sessions.list(self._viewer.actor, limit=_PAGE)
        except JoyVLError as error:
            self._trouble.default_slot.children[-1].set_text(str(error))  # type: ignore[attr-defined]  # a label
            self._trouble.set_visibility(True)
            return
        self._trouble.set_visibility(False)
        self._views = list(views)
        self._show_running([view for view in views if view.state not in AT_REST])
        self._show_earlier([view for view in views if view.state in AT_REST])
        if self._send:
            self._send.remember(views)

    def _show_running(self, views: list[SessionView]) -> None:
        ids = {view.id for view in views}
        for gone in [each for each in self._cards if each not in ids]:
            self._cards.pop(gone).remove()
        for view in views:
            if view.id not in self._cards:
                with self._grid:
                    self._cards[view.id] = SessionCard(self._viewer, view)
            self._cards[view.id].update(view)
        self._grid.set_visibility(bool(views))
        self._empty.set_visibility(not views)

    def _show_earlier(self, views: list[SessionView]) -> None:
        now = tuple((view.id, view.state) for view in views[: self._shown])
        if now == self._earlier:
            return
        self._earlier = now
        self._list.clear()
        if not views:
            return
        with self._list:
            parts.section(self._viewer.t("overview.earlier"))
            with parts.rows():
                for view in views[: self._shown]:
                    self._row(view)
            if len(views) > self._shown:
                parts.button(self._viewer.t("overview.more_earlier"), self._more, kind="quiet")

    def _row(self, view: SessionView) -> None:
        sub = place_name(self._viewer, view.place)
        middle, end = parts.row(view.title or sub, sub=sub if view.title else "", link=f"/sessions/{view.id}")
        with middle:
            if view.state == "failed" and view.reason:
                ui.label(" ".join(each for each in (view.reason, view.remedy) if each)).classes("jv-error")
        with end:
            parts.moment(self._viewer, view.ended or view.created)
            parts.state_pill(self._viewer, view.state)

    def _more(self) -> None:
        self._shown = _PAGE
        self._show_earlier([view for view in self._views if view.state in AT_REST])
