"""How a session's parts are, what it costs, and its counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from web_dashboard.services.history_views import standing
from web_dashboard.ui import parts
from web_dashboard.ui.cards import duration
from web_dashboard.ui.session.components import Tokens
from web_dashboard.ui.session.following import Following
from web_dashboard.ui.viewer import Viewer

if TYPE_CHECKING:
    from web_dashboard.schemas.history import StatusView

_MINUTES = 60
_MEGABYTE = 1_048_576
_NEWEST = 30
_FINE = ("recovered", "joined", "kept", "resumed", "works", "ready", "understood", "connected")


class HealthPanel:
    """Statuses that stand, with reason and remedy; tokens by minute, dense against codec; counters."""

    beats = 4.0

    def __init__(self, viewer: Viewer, session: str, following: Following, *, live: bool) -> None:
        self._viewer = viewer
        self._id = session
        self._following = following
        self._live = live
        self._before: Any = None
        self._shown_minutes: Any = None
        t = viewer.t
        with ui.element("h3"):
            ui.label(t("session.tokens_title"))
        self._chart = Tokens(viewer, ())
        self._numbers = ui.element("dl").classes("js-numbers")
        self._told: dict[str, ui.label] = {}
        with ui.element("h3"):
            ui.label(t("session.statuses"))
        self._place = ui.element("div").classes("js-stack")

    async def refresh(self) -> None:
        """Shows it as it is, where that changed."""
        history, actor = self._viewer.services.history, self._viewer.actor
        if self._following.minutes is None:
            self._following.minutes = await history.meter(actor, self._id, _MINUTES)
        minutes = self._following.minutes.minutes(_MINUTES)
        if minutes != self._shown_minutes:
            self._shown_minutes = minutes
            self._chart.show(minutes)
        self._show_numbers()
        statuses = await history.statuses(actor, self._id)
        if statuses == self._before:
            return
        self._before = statuses
        self._show(statuses)

    def _show_numbers(self) -> None:
        live = self._following.live
        beat = live.heartbeat if live else None
        if beat is None:
            return
        t = self._viewer.t
        saved = 1 - beat.tokens / beat.tokens_dense if beat.tokens_dense else 0.0
        values = {
            "ticks": t("session.n.ticks.value", n=f"{beat.ticks:,}", skipped=f"{beat.skipped:,}"),
            "next": f"{max(0.0, beat.next_tick - beat.t):.1f} s",
            "tokens": t(
                "session.n.tokens.value", n=f"{beat.tokens:,}", dense=f"{beat.tokens_dense:,}", saved=f"{saved:.0%}"
            ),
            "spent": t("session.n.spent.value", n=f"{beat.spent_tokens:,}", cost=f"{beat.cost:.4f}"),
            "model": beat.model or "–",
            "tracks": ", ".join(beat.tracks) or "–",
            "people": ", ".join(beat.people) or "–",
            "process": f"{beat.cpu:.0%} · {beat.rss / _MEGABYTE:.0f} MB",
        }
        for name, value in values.items():
            if name not in self._told:
                with self._numbers:
                    with ui.element("dt"):
                        ui.label(t(f"session.n.{name}"))
                    with ui.element("dd"):
                        self._told[name] = ui.label("").classes("jv-num")
            if self._told[name].text != value:
                self._told[name].text = value

    def _show(self, statuses: list[StatusView]) -> None:
        t = self._viewer.t
        self._place.clear()
        with self._place:
            now = standing(statuses)
            if not now:
                ui.label(t("session.all_well")).classes("jv-soft")
            for each in now:
                self._status(each)
            earlier = [each for each in reversed(statuses) if each not in now and each.state != "room.people"]
            if earlier:
                with ui.element("details").classes("js-over"):
                    with ui.element("summary"):
                        ui.label(t("session.earlier", n=min(_NEWEST, len(earlier))))
                    for each in earlier[:_NEWEST]:
                        self._status(each)

    def _status(self, each: StatusView) -> None:
        bad = bool(each.remedy) and not each.state.endswith(_FINE)
        with ui.element("article").classes("js-item"):
            with ui.element("div").classes("jv-row-middle"):
                parts.pill(each.state, "warn" if bad else "good", "warning" if bad else "check_circle")
                ui.label(duration(each.t)).classes("jv-soft jv-num jv-small")
            ui.label(each.reason or self._viewer.t("session.erased"))
            if each.remedy:
                ui.label(each.remedy).classes("jv-soft jv-small")
