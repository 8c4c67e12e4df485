"""What a person can do with a session: mute, pause, say, stop, reconnect, erase, export."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from nicegui import ui

from web_dashboard.permissions import Permission
from web_dashboard.ui import parts
from web_dashboard.ui.session.clock import second
from web_dashboard.ui.viewer import Viewer

if TYPE_CHECKING:
    from bot.link.messages import Heartbeat
    from web_dashboard.schemas.sessions import SessionView

FORMS = ("jsonl", "srt", "csv", "marks")


class Controls:
    """The buttons beside the title, and a menu for what is seldom wanted."""

    def __init__(self, viewer: Viewer, view: SessionView, live: bool) -> None:
        self._viewer = viewer
        self._id = view.id
        self._title = view.title or view.id
        self._sessions: Any = viewer.services.sessions
        self._muted = self._paused = False
        self._mute: ui.button | None = None
        self._pause: ui.button | None = None
        t = viewer.t
        run = viewer.may(Permission.SESSIONS_RUN)
        with ui.element("div").classes("jv-actions js-actions"):
            if live and run:
                self._mute = parts.button(t("session.mute"), self._toggle_mute, icon="volume_off")
                self._pause = parts.button(t("session.pause"), self._toggle_pause, icon="pause")
                parts.button(t("session.stop"), self._stop, icon="stop_circle", kind="danger")
            if not live:
                self._exports()
                if run:
                    parts.button(t("session.resume_session"), self._reconnect, icon="replay", kind="primary")
            self._more(live, run)
        beat = view.live.heartbeat if view.live else None
        if beat is not None:
            self.show(beat)

    def show(self, beat: Heartbeat) -> None:
        """Shows how the session stands."""
        t = self._viewer.t
        if self._mute is not None and beat.muted != self._muted:
            self._muted = beat.muted
            self._mute.text = t("session.unmute" if beat.muted else "session.mute")
            self._mute.props(f"icon={'volume_up' if beat.muted else 'volume_off'}")
        if self._pause is not None and beat.paused != self._paused:
            self._paused = beat.paused
            self._pause.text = t("session.resume" if beat.paused else "session.pause")
            self._pause.props(f"icon={'play_arrow' if beat.paused else 'pause'}")

    def _exports(self) -> None:
        with parts.button(self._viewer.t("session.export"), icon="download"), ui.menu():
            self._export_items()

    def _export_items(self) -> None:
        for form in FORMS:
            ui.menu_item(
                self._viewer.t(f"session.export.{form}"),
                lambda form=form: ui.navigate.to(f"/api/v1/sessions/{self._id}/export/{form}"),
            )

    def _more(self, live: bool, run: bool) -> None:
        t, viewer = self._viewer.t, self._viewer
        with parts.icon_button("more_vert", t("shell.more")), ui.menu():
            if viewer.may(Permission.SHARES_WRITE):
                ui.menu_item(t("session.overlay"), self._overlay)
            if live and run:
                ui.menu_item(t("session.reconnect"), self._reconnect)
            if live:
                self._export_items()
            if viewer.may(Permission.SESSIONS_ERASE):
                ui.menu_item(t("session.erase"), self._erase)

    async def _do(self, method: Callable[..., Awaitable[Any]], *args: Any, done: str = "") -> None:
        async with self._viewer.trying(done):
            await method(self._viewer.actor, self._id, *args)

    async def _toggle_mute(self) -> None:
        await self._do(self._sessions.unmute if self._muted else self._sessions.mute)

    async def _toggle_pause(self) -> None:
        await self._do(self._sessions.resume if self._paused else self._sessions.pause)

    async def _reconnect(self) -> None:
        t = self._viewer.t
        if await parts.confirm(
            self._viewer,
            t("session.reconnect.ask"),
            t("session.reconnect"),
            detail=t("session.reconnect.detail"),
            danger=False,
        ):
            await self._do(self._sessions.reconnect, done=t("session.reconnect.done"))

    async def _stop(self) -> None:
        t = self._viewer.t
        dialog, body = parts.sheet(t("session.stop.ask", title=self._title), self._viewer)
        with body:
            words = parts.text_field(t("session.stop.words"), hint=t("session.stop.hint"), maxlength=500)
            with ui.element("div").classes("jv-buttons"):
                parts.button(t("common.cancel"), dialog.close)
                parts.button(t("session.stop"), lambda: dialog.submit(True), icon="stop_circle", kind="danger")
        if await dialog:
            await self._do(self._sessions.stop, (words.value or "").strip()[:500], done=t("session.stop.done"))
        dialog.delete()

    async def _overlay(self) -> None:
        from web_dashboard.schemas.shares import ShareIn

        viewer, t = self._viewer, self._viewer.t
        dialog, body = parts.sheet(t("session.overlay"), viewer)
        async with viewer.trying():
            name = self._title[:80] or self._id
            given = ShareIn.model_validate({"kind": "overlay", "name": name, "session": self._id})
            made = await viewer.services.shares.create(viewer.actor, given)
            with body:
                ui.label(t("session.overlay.lead")).classes("jv-soft")
                parts.secret_once(viewer, made.url)
            await dialog
        dialog.delete()

    async def _erase(self) -> None:
        t = self._viewer.t
        dialog, body = parts.sheet(t("session.erase.ask", title=self._title), self._viewer)
        with body:
            ui.label(t("session.erase.lead")).classes("jv-soft")
            with ui.element("div").classes("jv-two"):
                since = parts.text_field(t("session.erase.since"), placeholder="0:00")
                until = parts.text_field(t("session.erase.until"), placeholder="1:02:03")
            problem = ui.label("").classes("jv-error").props("role=alert")

            def submit() -> None:
                try:
                    dialog.submit((second(since.value), second(until.value)))
                except ValueError:
                    problem.text = t("session.erase.unclear")

            with ui.element("div").classes("jv-buttons"):
                parts.button(t("common.cancel"), dialog.close)
                parts.button(t("session.erase"), submit, icon="delete_forever", kind="danger")
        span = await dialog
        dialog.delete()
        if span is None:
            return
        async with self._viewer.trying(t("session.erase.done")):
            await self._sessions.erase(self._viewer.actor, self._id, *span)
            ui.navigate.reload()
