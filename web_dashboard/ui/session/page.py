"""The page of one session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nicegui import background_tasks, ui

from joyvl_core.errors import JoyVLError
from web_dashboard.fleet.states import UNDER_WAY
from web_dashboard.permissions import Permission, UnknownError
from web_dashboard.ui import parts
from web_dashboard.ui.cards import duration, place_name
from web_dashboard.ui.session.components import Feed, Stage, Timeline
from web_dashboard.ui.session.controls import Controls
from web_dashboard.ui.session.following import Following
from web_dashboard.ui.session.health import HealthPanel
from web_dashboard.ui.session.instructions import InstructionsPanel
from web_dashboard.ui.session.judging import Judging
from web_dashboard.ui.session.memory import MemoryPanel
from web_dashboard.ui.session.tickets import TicketsPanel
from web_dashboard.ui.shell import Viewer, page

if TYPE_CHECKING:
    from web_dashboard.schemas.history import HistoryView
    from web_dashboard.schemas.sessions import SessionView

_STYLE = Path(__file__).with_name("session.css")
_EVERY = 1.0
"""Seconds between two looks at what is new."""
_LOOK_EVERY = 3
"""Of these looks, each so many also asks how the session stands."""
_TONES: Mapping[str, parts.Tone] = {"failed": "bad", "ended": "calm", "stopping": "calm"}
"""How loudly it is told why a session is in a state."""
_TABS = ("transcript", "instructions", "tickets", "memory", "health")


@page("/sessions/{session}", Permission.SESSIONS_READ, title="session.title", wide=True)
async def session_page(viewer: Viewer, session: str) -> None:
    """A session that runs, or the replay of one that has ended."""
    view = await viewer.services.sessions.get(viewer.actor, session)
    try:
        past = await viewer.services.history.overview(viewer.actor, session)
    except UnknownError:
        past = None
    await SessionPage(viewer, view, past).build()


class SessionPage:
    """The page; while a session runs, the browser gets only what changed, and nothing while nobody looks."""

    def __init__(self, viewer: Viewer, view: SessionView, past: HistoryView | None) -> None:
        self._viewer = viewer
        self._view = view
        self._past = past
        self._live = view.state in UNDER_WAY
        self._following = Following(viewer.services.fleet, view.id)
        self._shown = True
        self._looks = 0
        self._beat = 0.0
        self._tab = "transcript"
        self._places: dict[str, ui.element] = {}

    async def build(self) -> None:
        """Builds it."""
        viewer, view = self._viewer, self._view
        ui.add_css(_STYLE)
        title = view.title or place_name(viewer, view.place)
        ui.page_title(f"{title} · JoyVL")
        self._head(title)
        with ui.element("div").classes("js-page"):
            with ui.element("div").classes("js-main"):
                self._build_main()
            with ui.element("div").classes("js-side"):
                self._build_side()
        await self._show_marks()
        await self._panels[self._tab].refresh() if self._tab in self._panels else None
        if self._live:
            task = background_tasks.create(self._following.run(), name=f"session page {view.id}")
            ui.context.client.on_delete(task.cancel)
            ui.timer(_EVERY, self._look)

    # --- what it is made of ---------------------------------------------------------------------

    def _head(self, title: str) -> None:
        viewer, view = self._viewer, self._view
        with ui.element("div").classes("jv-head js-head"):
            with ui.element("div").classes("js-title"):
                with ui.element("h1").props("id=jv-title"):
                    ui.label(title)
                with ui.element("div").classes("js-sub"):
                    self._state = ui.element("span")
                    ui.label(f"{view.id} · {place_name(viewer, view.place)}").classes("jv-soft")
                    self._time = ui.label("").classes("jv-soft jv-num")
            self._controls = Controls(viewer, view, self._live)
        self._why = ui.element("div").props("aria-live=polite")
        self._show_state(view)

    def _build_main(self) -> None:
        view, url = self._view, f"/api/v1/sessions/{self._view.id}"
        end = self._past.ended or self._past.t if self._past else 0.0
        Stage(self._viewer, url, live=self._live, end=end)
        self._judging = Judging(self._viewer, view.id, self._show_marks)
        with ui.element("section").classes("jv-card js-card").props("aria-labelledby=js-timeline-title"):
            with ui.element("h2").classes("jv-h2").props("id=js-timeline-title"):
                ui.label(self._viewer.t("session.timeline"))
            began = self._past.began if self._past else 0.0
            self._timeline = Timeline(
                self._viewer, url, live=self._live, began=began, opened=self._judging.opened, shown=self._seen
            )

    def _build_side(self) -> None:
        viewer, session = self._viewer, self._view.id
        with ui.tabs(on_change=lambda event: self._choose(event.value)) as tabs:
            for name in _TABS:
                ui.tab(name, viewer.t(f"session.tab.{name}")).props("no-caps")
        tabs.set_value(self._tab)
        tabs.props(f'dense mobile-arrows aria-label="{viewer.t("session.parts")}"')
        for name in _TABS:
            with ui.element("section").classes("js-panel") as place:
                parts.attributes(place, {"aria-label": viewer.t(f"session.tab.{name}"), "role": "tabpanel"})
            place.set_visibility(name == self._tab)
            self._places[name] = place
        with self._places["transcript"]:
            self._feed = Feed(viewer, f"/api/v1/sessions/{session}", live=self._live)
            if self._live and viewer.may(Permission.SESSIONS_RUN):
                self._ask_box()
        made: dict[str, type[InstructionsPanel | TicketsPanel | MemoryPanel | HealthPanel]] = {
            "instructions": InstructionsPanel,
            "tickets": TicketsPanel,
            "memory": MemoryPanel,
            "health": HealthPanel,
        }
        self._panels: dict[str, Any] = {}
        for name, panel in made.items():
            with self._places[name]:
                self._panels[name] = panel(viewer, session, self._following, live=self._live)

    def _ask_box(self) -> None:
        viewer = self._viewer
        with ui.element("form").classes("js-ask").on("submit.prevent", self._ask):
            self._field = ui.input(placeholder=viewer.t("session.ask")).props("outlined dense maxlength=1000")
            parts.attributes(self._field.classes("jv-field"), {"aria-label": viewer.t("session.ask")})
            self._send = parts.button(viewer.t("session.send"), kind="primary").props("type=submit")

    async def _ask(self) -> None:
        text = (self._field.value or "").strip()[:1_000]
        if not text:
            return
        async with self._viewer.trying(busy=self._send):
            await self._viewer.services.sessions.ask(self._viewer.actor, self._view.id, text)
            self._field.value = ""

    async def _choose(self, name: str) -> None:
        self._tab = name
        for each, place in self._places.items():
            place.set_visibility(each == name)
        if name in self._panels:
            async with self._viewer.trying():
                await self._panels[name].refresh()

    # --- what changes ---------------------------------------------------------------------------

    def _seen(self, event: Any) -> None:
        self._shown = bool(event.args)

    async def _show_marks(self) -> None:
        marks = await self._viewer.services.marks.list(self._viewer.actor, self._view.id)
        self._judging.marks = marks
        self._timeline.judged([{"t": mark.t, "verdict": mark.verdict} for mark in marks])

    async def _look(self) -> None:
        """Sends what is new; nothing while nobody looks, and then what came last."""
        if not self._shown:
            return
        self._looks += 1
        following = self._following
        if cells := following.take_cells():
            self._timeline.append(cells)
        if lines := following.take_lines():
            self._feed.append(lines)
        for delivered in following.take_delivered():
            self._feed.delivered(*delivered)
        live = following.live
        if live is not None and live.heartbeat is not None:
            self._time.text = f"· {duration(live.heartbeat.t)}"
            self._controls.show(live.heartbeat)
        try:
            if self._looks % _LOOK_EVERY == 0:
                await self._look_at_state()
            await self._refresh_panel(live.heartbeat.t if live and live.heartbeat else 0.0)
        except JoyVLError as error:
            self._why.clear()
            with self._why:
                _note(str(error), error.hint)

    async def _refresh_panel(self, beat: float) -> None:
        panel = self._panels.get(self._tab)
        if panel is None:
            return
        stale = self._tab in self._following.changed or (panel.beats and beat - self._beat >= panel.beats)
        if stale:
            self._following.changed.discard(self._tab)
            self._beat = beat
            await panel.refresh()

    async def _look_at_state(self) -> None:
        view = await self._viewer.services.sessions.get(self._viewer.actor, self._view.id)
        if (view.state in UNDER_WAY) != self._live:
            ui.navigate.reload()
            return
        self._show_state(view)

    def _show_state(self, view: SessionView) -> None:
        beat = view.live.heartbeat if view.live else None
        state = str(view.state)
        if beat is not None and state == "running":
            state = "paused" if beat.paused else "muted" if beat.muted else state
        reason, remedy = view.reason, view.remedy
        if beat is not None and not reason and beat.remedy:
            reason, remedy = beat.reason, beat.remedy
        told = (state, reason, remedy)
        if getattr(self, "_told", None) == told:
            return
        self._told = told
        self._state.clear()
        with self._state:
            parts.state_pill(self._viewer, state)
        self._why.clear()
        if reason:
            with self._why:
                _note(reason, remedy, _TONES.get(state, "warn"))


def _note(text: str, remedy: str, tone: parts.Tone = "warn") -> None:
    with ui.element("div").classes(f"jv-note js-note jv-{tone}"):
        ui.icon("error" if tone == "bad" else "info").props("aria-hidden=true")
        with ui.element("div"):
            ui.label(text)
            if remedy:
                ui.label(remedy).classes("jv-small")
