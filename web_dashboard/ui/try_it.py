"""The pane in which a profile is tried out as it is edited: on a clip, or by a call from one's own camera."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nicegui import background_tasks, ui

from joyvl_core.errors import JoyVLError
from web_dashboard.permissions import SYSTEM, Permission
from web_dashboard.schemas.places import UploadPlace
from web_dashboard.schemas.profiles import ProfileIn
from web_dashboard.ui import parts
from web_dashboard.ui.cards import duration
from web_dashboard.ui.choosing_file import FileChoice
from web_dashboard.ui.sample import sample_clip
from web_dashboard.ui.viewer import Viewer

if TYPE_CHECKING:
    from web_dashboard.schemas.sessions import SessionView

SECONDS = 120.0
_AT_REST = ("ended", "failed")
_SHOWN = 60
_CELLS = 240


class TryIt:
    """The pane. What was seen and said in it is erased when it ends."""

    def __init__(self, viewer: Viewer, edited: Callable[[], ProfileIn]) -> None:
        self._viewer, self._edited = viewer, edited
        self._session = ""
        self._since = 0.0
        self._read = 0
        self._cells = 0
        t = viewer.t
        with parts.card():
            parts.section(t("try.title"), t("try.lead"))
            sources = {"sample": t("try.sample"), "file": t("try.file")}
            if viewer.may(Permission.SHARES_WRITE):
                sources["camera"] = t("try.camera")
            with ui.element("div").classes("jv-form"):
                self._source = parts.choice(t("try.source"), sources, "sample")
                with ui.element("div") as chooser:
                    self._file = FileChoice(viewer)
                chooser.bind_visibility_from(self._source, "value", lambda value: value == "file")
                hint = ui.label(t("try.camera.hint")).classes("jv-soft jv-small")
                hint.bind_visibility_from(self._source, "value", lambda value: value == "camera")
                self._start = parts.button(t("try.start"), self._begin, icon="play_arrow", kind="primary")
                self._stop = parts.button(t("try.stop"), self._end, icon="stop", kind="danger")
                self._stop.set_visibility(False)
            self._place = ui.element("div").classes("jv-stack").props("aria-live=polite")
        self._timer = ui.timer(1.0, self._look, active=False)
        ui.context.client.on_delete(self._gone)

    async def _begin(self) -> None:
        viewer = self._viewer
        async with viewer.trying(busy=self._start):
            if self._source.value == "camera":
                await self._call()
                return
            upload = await sample_clip(viewer) if self._source.value == "sample" else self._file.chosen()
            view = await self._send(upload)
            self._session, self._read, self._cells = view.id, 0, 0
            self._since = viewer.services.context.wall()
            self._show(view.id)
            self._timer.activate()

    async def _send(self, upload: int) -> SessionView:
        from web_dashboard.schemas.sessions import StartSession

        viewer, edited = self._viewer, self._edited()
        given = StartSession(
            place=UploadPlace(upload=upload, repeat=True),
            title=viewer.t("try.title.session", name=edited.name),
            instructions=edited.body.instructions,
            overrides=edited.body.settings,
            credentials=edited.body.credentials,
            seconds=SECONDS,
        )
        return await viewer.services.sessions.start(viewer.actor, given)

    async def _call(self) -> None:
        from web_dashboard.schemas.shares import ShareIn

        viewer = self._viewer
        given = ShareIn(
            kind="call",
            name=viewer.t("try.title.session", name=self._edited().name)[:80],
            profile=self._saved(),
            expires=viewer.services.context.wall() + 10 * SECONDS,
            max_uses=1,
            password=None,
        )
        made = await viewer.services.shares.create(viewer.actor, given)
        self._place.clear()
        with self._place:
            ui.link(viewer.t("try.camera.open"), made.url, new_tab=True).classes("jv-link jv-strong")

    def _saved(self) -> int | None:
        """The id of the profile as it is saved: a call is answered by that one."""
        last = self._viewer.client.request.url.path.rsplit("/", 1)[-1] if self._viewer.client.request else ""
        return int(last) if last.isdigit() else None

    def _show(self, session: str) -> None:
        t = self._viewer.t
        self._start.set_visibility(False)
        self._stop.set_visibility(True)
        self._place.clear()
        with self._place:
            self._state = ui.label(t("try.waiting")).classes("jv-soft jv-num")
            with ui.element("div").classes("jv-try-picture"):
                image = ui.element("img")
                source = f"/api/v1/sessions/{session}/picture.jpg"
                parts.attributes(image, {"data-live": source, "alt": t("overview.picture", title=t("try.title"))})
            self._row = ui.element("div").classes("jv-cells").props("aria-hidden=true")
            parts.section(t("try.words"))
            self._log = ui.element("ol").classes("jv-log").props("tabindex=0")
            with self._log:
                self._nothing = ui.element("li")
                with self._nothing:
                    ui.label("")
                    ui.label(t("try.nothing")).classes("jv-soft")

    async def _look(self) -> None:
        viewer, session = self._viewer, self._session
        if not session:
            return
        try:
            view = await viewer.services.sessions.get(viewer.actor, session)
        except JoyVLError as error:
            viewer.warn(error)
            return
        left = SECONDS - (viewer.services.context.wall() - self._since)
        if view.state in _AT_REST or left <= 0:
            await self._over(view)
            return
        words = viewer.t(f"state.{view.state}")
        if view.reason:
            words += f": {view.reason} {view.remedy}"
        self._state.set_text(f"{words} · {viewer.t('try.left', seconds=int(left))}")
        live = viewer.services.fleet.live(session)
        if live is not None:
            self._tell(list(live.events))

    def _tell(self, lines: list[dict[str, Any]]) -> None:
        """Shows the ticks that are new."""
        for line in lines:
            if line.get("kind") != "tick" or line.get("seq", 0) <= self._read:
                continue
            self._read = int(line.get("seq", 0))
            action = str(line.get("action", "silence"))
            if self._cells < _CELLS:
                self._cells += 1
                with self._row:
                    parts.attributes(ui.element("i"), {"data-action": action})
            if text := str(line.get("text") or ""):
                self._words(float(line.get("t", 0.0)), text)

    def _words(self, second: float, text: str) -> None:
        self._nothing.set_visibility(False)
        with self._log:
            with ui.element("li"):
                ui.label(duration(second)).classes("jv-at")
                ui.label(text)
            while len(self._log.default_slot.children) > _SHOWN:
                self._log.default_slot.children[1].delete()

    async def _end(self) -> None:
        async with self._viewer.trying(busy=self._stop):
            view = await self._viewer.services.sessions.get(self._viewer.actor, self._session)
            await self._over(view)

    async def _over(self, view: SessionView) -> None:
        viewer = self._viewer
        session, self._session = self._session, ""
        self._timer.deactivate()
        self._start.set_visibility(True)
        self._stop.set_visibility(False)
        failed = view.state == "failed"
        said = f"{viewer.t('try.failed')}: {view.reason} {view.remedy}" if failed else viewer.t("try.ended")
        self._state.set_text(said)
        background_tasks.create(_clear_away(viewer, session), name="a try-out is cleared away")

    def _gone(self) -> None:
        if self._session:
            session, self._session = self._session, ""
            background_tasks.create(_clear_away(self._viewer, session), name="a try-out is cleared away")


async def _clear_away(viewer: Viewer, session: str) -> None:
    """Stops a try-out, and erases what it kept once it is at rest."""
    services = viewer.services
    try:
        await services.sessions.stop(SYSTEM, session)
        for _ in range(30):
            if (await services.sessions.get(SYSTEM, session)).state in _AT_REST:
                break
            await asyncio.sleep(0.5)
        await services.sessions.erase(SYSTEM, session)
    except JoyVLError:
        return  # it stays in the list, where a person can erase it
