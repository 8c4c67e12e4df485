"""A running session as a card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from web_dashboard.permissions import Permission
from web_dashboard.ui import parts
from web_dashboard.ui.viewer import Viewer

if TYPE_CHECKING:
    from bot.link.messages import Heartbeat
    from web_dashboard.schemas.sessions import SessionView

_SHORT = 60


def place_name(viewer: Viewer, place: Any) -> str:
    """Where a session is, in a few words. Of a stream's URL only host and path are shown: the rest may be a key."""
    match place.kind:
        case "livekit":
            return viewer.t("place.livekit", name=place.room)
        case "stream":
            plain = place.url.split("?")[0].split("://")[-1].rsplit("@", 1)[-1]
            return viewer.t("place.stream", name=plain.split("/")[0][:_SHORT])
        case "upload":
            return viewer.t("place.upload")
        case _:
            return viewer.t("place.call")


def duration(seconds: float) -> str:
    """Seconds as a clock shows them: 4:05, 1:02:33."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


class SessionCard:
    """The card; `update` sends the browser only what changed."""

    def __init__(self, viewer: Viewer, view: SessionView) -> None:
        self._viewer = viewer
        self._id = view.id
        self._state = ""
        self._beat: tuple[float, int] = (0.0, 0)
        self._every = 1.0
        self._title = view.title or place_name(viewer, view.place)
        t = viewer.t
        with ui.element("article").classes("jv-session").props("role=listitem") as self._card:
            with ui.link(target=f"/sessions/{view.id}").classes("jv-session-picture") as link:
                parts.attributes(link, {"aria-label": t("overview.open", title=self._title)})
                ui.label(t("overview.no_picture")).classes("jv-session-none")
                image = ui.element("img").props("width=320 height=180 decoding=async")
                live = f"/api/v1/sessions/{view.id}/picture.jpg"
                parts.attributes(image, {"data-live": live, "alt": t("overview.picture", title=self._title)})
                self._pill = ui.element("span").classes("jv-session-state")
            with ui.element("div").classes("jv-session-body"):
                with ui.element("div").classes("jv-session-head"):
                    with ui.element("div").classes("jv-session-name"):
                        with ui.element("h2"), ui.link(target=f"/sessions/{view.id}"):
                            ui.label(self._title)
                        if view.title:
                            ui.label(place_name(viewer, view.place)).classes("jv-soft jv-small")
                    if viewer.may(Permission.SESSIONS_RUN):
                        parts.icon_button("stop_circle", t("overview.stop", title=self._title), self._stop)
                self._why = ui.label().classes("jv-session-why")
                self._words = ui.label().classes("jv-session-words")
                self._figures()

    def _figures(self) -> None:
        t = self._viewer.t
        with ui.element("dl").classes("jv-figures"):
            self._time = _figure(t("overview.time"))
            self._next = _figure(t("overview.next_tick"))
            self._tokens = _figure(t("overview.tokens"))
            self._cost = _figure(t("overview.cost"))

    def update(self, view: SessionView) -> None:
        """Shows what is so now."""
        t, live = self._viewer.t, view.live
        beat = live.heartbeat if live else None
        state = str(view.state)
        if beat is not None and state == "running":
            state = "paused" if beat.paused else "muted" if beat.muted else state
        if state != self._state:
            self._state = state
            self._pill.clear()
            with self._pill:
                parts.state_pill(self._viewer, state)
        why = [view.reason, view.remedy]
        if beat is not None and not any(why) and beat.remedy:
            why = [beat.reason, beat.remedy]
        running = state in ("running", "muted", "paused")
        _set(self._why, " ".join(each for each in why if each) if why[1] or not running else "")
        self._why.set_visibility(bool(self._why.text))
        words = live.last_words if live else ""
        _set(self._words, f"“{words}”" if words else t("overview.silent"))
        self._words.classes(remove="jv-soft") if words else self._words.classes(add="jv-soft")
        if beat is not None:
            self._measure(beat)

    def _measure(self, beat: Heartbeat) -> None:
        _set(self._time, duration(beat.t))
        self._count_down(beat)
        saved = 1 - beat.tokens / beat.tokens_dense if beat.tokens_dense else 0.0
        _set(self._tokens, f"{beat.tokens:,}" + (f" (−{saved:.0%})" if saved > 0 else ""))
        _set(self._cost, f"{beat.cost:.4f}" if beat.cost else "0")

    def _count_down(self, live: Heartbeat) -> None:
        before, ticks = self._beat
        if live.t == before:
            return
        if live.ticks > ticks and before:
            self._every = min(60.0, max(0.2, (live.t - before) / (live.ticks - ticks)))
        self._beat = (live.t, live.ticks)
        left = max(0.0, live.next_tick - live.t)
        parts.attributes(self._next, {"data-countdown": f"{left:.2f}|{self._every:.2f}|{live.t:.2f}"})
        self._next.update()

    async def _stop(self) -> None:
        t = self._viewer.t
        question = t("overview.stop.ask", title=self._title)
        if not await parts.confirm(self._viewer, question, t("overview.stop.yes"), detail=t("overview.stop.detail")):
            return
        async with self._viewer.trying(t("overview.stopped")):
            await self._viewer.services.sessions.stop(self._viewer.actor, self._id)

    def remove(self) -> None:
        """Takes the card away."""
        self._card.delete()


def _figure(name: str) -> ui.label:
    with ui.element("div"):
        with ui.element("dt"):
            ui.label(name)
        with ui.element("dd"):
            return ui.label("–").classes("jv-num")


def _set(label: ui.label, text: str) -> None:
    if label.text != text:
        label.set_text(text)
