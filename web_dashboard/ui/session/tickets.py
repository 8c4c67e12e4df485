"""What a session handed to its delegate, and how that stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from web_dashboard.permissions import Permission
from web_dashboard.ui import parts
from web_dashboard.ui.cards import duration
from web_dashboard.ui.session.following import Following
from web_dashboard.ui.viewer import Viewer

if TYPE_CHECKING:
    from web_dashboard.schemas.history import TicketView

_STATES: dict[str, tuple[parts.Tone, str]] = {
    "running": ("busy", "autorenew"),
    "done": ("good", "check_circle"),
    "failed": ("bad", "error"),
    "timed_out": ("warn", "timer_off"),
    "cancelled": ("calm", "cancel"),
}
_MOST = 100


class TicketsPanel:
    """Delegations, the newest first."""

    beats = 0.0

    def __init__(self, viewer: Viewer, session: str, following: Following, *, live: bool) -> None:
        self._viewer = viewer
        self._id = session
        self._can = live and viewer.may(Permission.SESSIONS_RUN)
        self._before: Any = None
        self._place = ui.element("div").classes("js-stack")

    async def refresh(self) -> None:
        """Shows them as they are, where that changed."""
        found = await self._viewer.services.history.tickets(self._viewer.actor, self._id)
        if found == self._before:
            return
        self._before = found
        self._place.clear()
        with self._place:
            if not found:
                parts.empty(
                    "assignment", self._viewer.t("session.no_tickets"), self._viewer.t("session.no_tickets.hint")
                )
            for each in found[:_MOST]:
                self._row(each)

    def _row(self, each: TicketView) -> None:
        t = self._viewer.t
        tone, icon = _STATES.get(each.state, ("calm", "help"))
        with ui.element("article").classes("js-item"):
            with ui.element("div").classes("js-item-head"):
                ui.label(each.question or t("session.erased")).classes("jv-strong js-grow")
                if self._can and each.state == "running":
                    parts.icon_button("close", t("session.cancel", id=each.id), lambda: self._cancel(each.id))
            with ui.element("div").classes("jv-row-middle"):
                parts.pill(t(f"ticket.{each.state}") if each.state in _STATES else each.state, tone, icon)
                spent = [each.id, duration(each.t)]
                if each.spent_tokens is not None:
                    spent.append(t("session.spent", n=f"{each.spent_tokens:,}"))
                if each.cost is not None:
                    spent.append(f"{each.cost:.4f}")
                ui.label(" · ".join(spent)).classes("jv-soft jv-small")
            if each.digest:
                ui.label(each.digest).classes("js-digest")
            if each.full:
                with ui.element("details").classes("jv-small"):
                    with ui.element("summary"):
                        ui.label(t("session.full"))
                    ui.label(each.full).classes("js-full")
            if len(each.steps) > 1:
                with ui.element("details").classes("jv-small"):
                    with ui.element("summary"):
                        ui.label(t("session.progress", n=len(each.steps)))
                    for step in each.steps:
                        word = t(f"ticket.{step.state}") if step.state in _STATES else step.state
                        ui.label(f"{duration(step.t)} {word} {step.digest[:200]}").classes("jv-soft")

    async def _cancel(self, ticket: str) -> None:
        async with self._viewer.trying():
            await self._viewer.services.sessions.cancel_ticket(self._viewer.actor, self._id, ticket)
            await self.refresh()
