"""The sheet that sends the bot somewhere: a room, a browser call, a stream, a file. One button, one sheet, Start."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nicegui import ui

from joyvl_core.errors import UnavailableError
from web_dashboard.permissions import Permission
from web_dashboard.schemas.places import LiveKitPlace, StreamPlace, UploadPlace
from web_dashboard.ui import parts
from web_dashboard.ui.cards import place_name
from web_dashboard.ui.choosing_file import FileChoice
from web_dashboard.ui.share_link import CallLink
from web_dashboard.ui.viewer import Viewer

if TYPE_CHECKING:
    from web_dashboard.schemas.sessions import SessionView

_ICONS = {"room": "meeting_room", "call": "videocam", "stream": "live_tv", "file": "movie", "saved": "bookmark"}


class SendSheet:
    """The sheet. It is built when it is first opened."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._last_profile: int | None = None
        self._dialog: ui.dialog | None = None
        self._filled = asyncio.Event()

    def remember(self, views: Sequence[SessionView]) -> None:
        """Takes the newest session's profile for the next one."""
        newest = max(views, key=lambda view: view.created, default=None)
        self._last_profile = newest.profile if newest else None

    async def open(self) -> None:
        """Shows the sheet."""
        viewer = self._viewer
        if self._dialog is not None and not self._dialog.is_deleted:
            self._dialog.delete()
        async with viewer.trying():
            dialog, body = parts.sheet(viewer.t("send.title"), viewer)
            self._dialog, self._filled = dialog, asyncio.Event()
            with body:
                self._build()
            dialog.open()
            # What it shows at first needs no database: that is on its way to the browser while the rest is asked for.
            profiles, saved = await asyncio.gather(
                viewer.services.profiles.list(viewer.actor), viewer.services.destinations.list(viewer.actor)
            )
            if not dialog.is_deleted:
                self._fill({each.id: each.name for each in profiles}, saved)

    def _build(self) -> None:
        t = self._viewer.t
        names = ["room", "stream", "file"]
        if self._viewer.may(Permission.SHARES_WRITE):
            names.insert(1, "call")
        with ui.tabs().props("dense align=left inline-label mobile-arrows no-caps") as self._tabs:
            for name in names:
                self._tab(name)
        with ui.tab_panels(self._tabs, value="room", animated=False) as self._panels:
            self._places = {name: ui.tab_panel(name) for name in names}
            with self._places["room"]:
                self._room = parts.text_field(t("send.room.field"), hint=t("send.room.hint"), autofocus=True)
                self._room.props("maxlength=2000 autocapitalize=none spellcheck=false").on("keydown.enter", self._start)
        self._foot()

    def _tab(self, name: str) -> None:
        ui.tab(name, label=self._viewer.t(f"send.{name}"), icon=_ICONS[name])

    def _fill(self, profiles: dict[int, str], saved: Sequence[Any]) -> None:
        """Adds what is not seen at first, and what had to be asked for."""
        t = self._viewer.t
        first = self._last_profile if self._last_profile in profiles else next(iter(profiles), 0)
        self._profile.set_options({**profiles, 0: t("send.profile.none")}, value=first)
        if "call" in self._places:
            with self._places["call"]:
                self._call = CallLink(self._viewer)
        with self._places["stream"]:
            self._stream = parts.text_field(t("send.stream.field"), hint=t("send.stream.hint"), inputmode="url")
            self._stream.props("maxlength=2000 autocapitalize=none spellcheck=false")
            self._stream.on("keydown.enter", self._start)
        with self._places["file"]:
            self._file = FileChoice(self._viewer)
        if saved:
            with self._tabs:
                self._tab("saved")
            with self._panels, ui.tab_panel("saved"):
                self._saved_list(saved)
        self._filled.set()

    def _foot(self) -> None:
        t = self._viewer.t
        self._profile = parts.choice(t("send.profile"), {0: t("send.profile.none")}, 0)
        self._text = parts.text_area(f"{t('send.instruction')} ({t('common.optional')})", maxlength=1000)
        self._text.props["placeholder"] = t("send.instruction.example")
        self._text.bind_visibility_from(self._tabs, "value", lambda tab: tab in ("room", "stream", "file"))
        with ui.element("div").classes("jv-buttons"):
            self._button = parts.button(t("send.start"), self._start, icon="play_arrow", kind="primary")
            self._button.bind_visibility_from(self._tabs, "value", lambda tab: tab in ("room", "stream", "file"))
            make = parts.button(t("send.call.make"), self._make_link, icon="link", kind="primary")
            make.bind_visibility_from(self._tabs, "value", lambda tab: tab == "call")
            self._make = make

    def _saved_list(self, saved: Sequence[Any]) -> None:
        with parts.rows():
            for each in saved:
                _, end = parts.row(each.name, sub=place_name(self._viewer, each.place), icon="place")
                with end:
                    start = parts.button(self._viewer.t("send.start"), icon="play_arrow", kind="primary")
                    start.on_click(lambda each=each, start=start: self._start_saved(each, start))

    def _require_filled(self) -> None:
        """Raises UnavailableError before the profiles are there: nobody is to be sent as another than they chose."""
        if not self._filled.is_set():
            raise UnavailableError(self._viewer.t("send.not_yet"), source="pages", kind="not_yet", retryable=True)

    async def _place(self) -> Any:
        match self._tabs.value:
            case "room":
                return LiveKitPlace(room=_needed(self._viewer, self._room))
            case "stream":
                return StreamPlace(url=_needed(self._viewer, self._stream))
            case _:
                upload = self._file.chosen()
                return UploadPlace(upload=upload, repeat=self._file.repeat)

    async def _start(self) -> None:
        viewer = self._viewer
        from web_dashboard.schemas.sessions import StartSession

        async with viewer.trying(viewer.t("send.started"), self._button):
            self._require_filled()
            text = self._text.value.strip()
            given = StartSession(
                place=await self._place(),
                profile=self._profile.value or None,
                instructions=(text,) if text else (),
            )
            await viewer.services.sessions.start(viewer.actor, given)
            if self._dialog:
                self._dialog.close()

    async def _start_saved(self, saved: Any, busy: ui.button) -> None:
        viewer = self._viewer
        from web_dashboard.schemas.sessions import StartSession

        async with viewer.trying(viewer.t("send.started"), busy):
            given = StartSession(
                place=saved.place,
                profile=saved.profile or self._profile.value or None,
                credential=saved.credential,
                title=saved.name,
            )
            await viewer.services.sessions.start(viewer.actor, given)
            if self._dialog:
                self._dialog.close()

    async def _make_link(self) -> None:
        async with self._viewer.trying(busy=self._make):
            self._require_filled()
            await self._call.make(self._profile.value or None)


def _needed(viewer: Viewer, field: ui.input) -> str:
    """What was typed; a field that is empty says so.

    Raises:
        BadInputError: It is empty.
    """
    from joyvl_core.errors import BadInputError

    value = str(field.value or "").strip()
    if not value:
        field.props["error"] = True
        raise BadInputError(viewer.t("common.required"), source="pages", kind="missing", hint=field.label or "")
    field.props["error"] = False
    return value
