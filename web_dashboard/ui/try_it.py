"""The pane in which a profile is tried out as it is edited: on a clip, or by a call from one's own camera."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nicegui import Client, background_tasks, ui

from joyvl_core.errors import JoyVLError
from web_dashboard.permissions import SYSTEM, Permission
from web_dashboard.schemas.places import CallPlace, UploadPlace
from web_dashboard.schemas.profiles import ProfileIn
from web_dashboard.ui import parts
from web_dashboard.ui.cards import duration
from web_dashboard.ui.choosing_file import FileChoice
from web_dashboard.ui.sample import sample_clip
from web_dashboard.ui.viewer import Viewer

if TYPE_CHECKING:
    from web_dashboard.schemas.sessions import SessionView

_LOG = logging.getLogger(__name__)
SECONDS = 120.0
CALLED_WITHIN = 600.0
_NEWEST = 20
_LOOKS = 60
_AT_REST = ("ended", "failed")
_SHOWN = 60
_CELLS = 240


class TryIt:
    """The pane. When a try-out ends, it is removed with all that was seen and said in it."""

    def __init__(self, viewer: Viewer, edited: Callable[[], ProfileIn]) -> None:
        self._viewer, self._edited = viewer, edited
        self._session = ""
        self._share: int | None = None
        self._since = 0.0
        self._read = -1.0
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
            self._watch((await self._send(upload)).id)

    def _watch(self, session: str) -> None:
        self._session, self._read, self._cells = session, -1.0, 0
        self._since = self._viewer.services.context.wall()
        self._show(session)
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

        viewer, edited = self._viewer, self._edited()
        body = edited.body.model_copy(update={"seconds": SECONDS})
        self._since = viewer.services.context.wall()
        given = ShareIn(
            kind="call",
            name=viewer.t("try.title.session", name=edited.name)[:80],
            expires=self._since + CALLED_WITHIN,
            max_uses=1,
            password=None,
        )
        made = await viewer.services.shares.create(viewer.actor, given, body)
        self._share = made.id
        self._busy(True)
        self._place.clear()
        with self._place:
            ui.link(viewer.t("try.camera.open"), made.url, new_tab=True).classes("jv-link jv-strong")
            self._state = ui.label(viewer.t("try.camera.waiting")).classes("jv-soft")
        self._timer.activate()

    async def _look_for_call(self, share: int) -> None:
        """Shows the session that the link's call has become."""
        viewer = self._viewer
        for view in await viewer.services.sessions.list(viewer.actor, limit=_NEWEST):
            if isinstance(view.place, CallPlace) and view.place.share == share:
                self._share = None
                self._watch(view.id)
                return
        if viewer.services.context.wall() - self._since > CALLED_WITHIN:
            self._rest(viewer.t("try.ended"))

    def _busy(self, busy: bool) -> None:
        self._start.set_visibility(not busy)
        self._stop.set_visibility(busy)

    def _show(self, session: str) -> None:
        t = self._viewer.t
        self._busy(True)
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
        try:
            if self._share is not None:
                await self._look_for_call(self._share)
            if not session:
                return
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
            if line.get("kind") != "tick" or float(line["t"]) <= self._read:
                continue
            self._read = float(line["t"])
            action = str(line.get("action", "silence"))
            if self._cells < _CELLS:
                self._cells += 1
                with self._row:
                    parts.attributes(ui.element("i"), {"data-action": action})
            if text := str(line.get("text") or ""):
                self._words(self._read, text)

    def _words(self, second: float, text: str) -> None:
        self._nothing.set_visibility(False)
        with self._log:
            with ui.element("li"):
                ui.label(duration(second)).classes("jv-at")
                ui.label(text)
            while len(self._log.default_slot.children) > _SHOWN:
                self._log.default_slot.children[1].delete()

    async def _end(self) -> None:
        viewer = self._viewer
        async with viewer.trying(busy=self._stop):
            if self._share is not None:
                share, self._share = self._share, None
                self._rest(viewer.t("try.ended"))
                await viewer.services.shares.revoke(viewer.actor, share)
            elif self._session:
                await self._over(await viewer.services.sessions.get(viewer.actor, self._session))

    async def _over(self, view: SessionView) -> None:
        viewer = self._viewer
        session, self._session = self._session, ""
        failed = view.state == "failed"
        self._rest(f"{viewer.t('try.failed')}: {view.reason} {view.remedy}" if failed else viewer.t("try.ended"))
        background_tasks.create(_clear_away(viewer, session), name="a try-out is cleared away")

    def _rest(self, said: str) -> None:
        self._share = None
        self._timer.deactivate()
        self._busy(False)
        self._state.set_text(said)

    def _gone(self) -> None:
        if self._share is not None:
            share, self._share = self._share, None
            background_tasks.create(_take_back(self._viewer, share), name="a try-out's link is taken back")
        if self._session:
            session, self._session = self._session, ""
            background_tasks.create(_clear_away(self._viewer, session), name="a try-out is cleared away")


async def _clear_away(viewer: Viewer, session: str) -> None:
    """Stops a try-out, and removes it once it is at rest. Where that fails it is told: the try-out is still there."""
    services = viewer.services
    try:
        await services.sessions.stop(SYSTEM, session)
        for _ in range(_LOOKS):
            if (await services.sessions.get(SYSTEM, session)).state in _AT_REST:
                break
            await asyncio.sleep(0.5)
        await services.sessions.forget(SYSTEM, session)
    except JoyVLError as error:
        _LOG.error("The try-out %s could not be removed: %s", session, error)
        if viewer.client.id in Client.instances:
            viewer.warn(viewer.t("try.not_cleared"))


async def _take_back(viewer: Viewer, share: int) -> None:
    """Revokes the link of a try-out that nobody waits for any more; it would expire by itself a little later."""
    try:
        await viewer.services.shares.revoke(SYSTEM, share)
    except JoyVLError as error:
        _LOG.warning("The link of a try-out could not be taken back: %s", error)
