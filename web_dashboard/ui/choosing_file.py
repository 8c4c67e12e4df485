"""Choosing a video: an upload with its progress, an earlier one, or a sample clip."""

from __future__ import annotations

from typing import Any

from nicegui import events, ui

from joyvl_core.errors import BadInputError
from web_dashboard.ui import parts
from web_dashboard.ui.sample import NAME as SAMPLE
from web_dashboard.ui.sample import sample_clip
from web_dashboard.ui.viewer import Viewer


class FileChoice:
    """The part of a sheet that chooses a video. `repeat`: it begins again at its end."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._upload: int | None = None
        t = viewer.t
        with ui.element("div").classes("jv-form"):
            with ui.element("label").classes("jv-drop") as self._drop:
                ui.icon("upload_file").props("aria-hidden=true")
                ui.label(t("send.file.choose")).classes("jv-strong")
                ui.label(t("send.file.drop")).classes("jv-soft jv-small")
                picked = ui.element("input").props('type=file accept="video/*,.mkv,.ts"')
                parts.attributes(picked, {"data-upload": "/api/v1/uploads"})
            self._now = ui.label().classes("jv-strong").props("aria-live=polite")
            with ui.element("div").classes("jv-progress").props("hidden role=progressbar") as bar:
                ui.element("i")
            parts.attributes(bar, {"aria-label": t("send.file.progress"), "data-offline": t("entry.offline")})
            with ui.element("div").classes("jv-actions"):
                self._sample = parts.button(t("send.file.sample"), self._use_sample, icon="auto_awesome")
            self._earlier = parts.choice(t("send.file.earlier"), {}, on_change=self._pick)
            self._earlier.set_visibility(False)
            self._repeat = ui.checkbox(t("send.file.repeat"))
        picked.on("uploaded", self._uploaded, js_handler="(event) => emit(event.detail)")
        picked.on("upload_failed", self._failed, js_handler="(event) => emit(event.detail)")
        ui.timer(0.0, self._list, once=True)

    @property
    def repeat(self) -> bool:
        """Whether the file begins again at its end."""
        return bool(self._repeat.value)

    def chosen(self) -> int:
        """Id of the chosen upload.

        Raises:
            BadInputError: Nothing is chosen.
        """
        if self._upload is None:
            raise BadInputError(self._viewer.t("send.file.missing"), source="pages", kind="missing")
        return self._upload

    async def _list(self) -> None:
        async with self._viewer.trying():
            uploads = await self._viewer.services.uploads.list(self._viewer.actor)
            self._earlier.set_options({each.id: each.name for each in uploads})
            self._earlier.set_visibility(bool(uploads))

    def _pick(self, event: events.ValueChangeEventArguments[Any]) -> None:
        if event.value is not None:
            self._take(int(event.value), self._earlier.options[event.value])

    def _take(self, upload: int, name: str) -> None:
        self._upload = upload
        self._now.set_text(self._viewer.t("send.file.ready", name=name))

    def _uploaded(self, event: events.GenericEventArguments) -> None:
        answer: dict[str, Any] = event.args
        self._take(int(answer["id"]), str(answer["name"]))

    def _failed(self, event: events.GenericEventArguments) -> None:
        answer: dict[str, Any] = event.args
        self._viewer.warn(" ".join(str(answer.get(each, "")) for each in ("message", "hint")).strip() or "–")

    async def _use_sample(self) -> None:
        async with self._viewer.trying(busy=self._sample):
            self._take(await sample_clip(self._viewer), SAMPLE)
            self._repeat.set_value(True)
