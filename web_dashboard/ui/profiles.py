"""All profiles: made, duplicated, exported, imported, deleted."""

from __future__ import annotations

from nicegui import ui
from pydantic import ValidationError

from web_dashboard.permissions import Permission
from web_dashboard.schemas.profiles import ProfileFile, ProfileView
from web_dashboard.ui import parts
from web_dashboard.ui.shell import Viewer, page


@page("/profiles", Permission.PROFILES_READ, title="nav.profiles")
async def profiles_page(viewer: Viewer) -> None:
    """The page."""
    ui.label(viewer.t("profiles.lead")).classes("jv-soft jv-lead")
    await ProfileList(viewer).refresh()


class ProfileList:
    """The list."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        t = viewer.t
        self._may = viewer.may(Permission.PROFILES_WRITE)
        if self._may:
            with ui.element("div").classes("jv-filters"):
                parts.button(t("profiles.new"), lambda: ui.navigate.to("/profiles/new"), icon="add", kind="primary")
                parts.button(t("profiles.import"), self._import, icon="file_open")
        self._place = ui.element("div")

    async def refresh(self) -> None:
        """Shows what is there now."""
        viewer = self._viewer
        found = await viewer.services.profiles.list(viewer.actor)
        self._place.clear()
        with self._place:
            if not found:
                parts.empty("smart_toy", viewer.t("profiles.empty"))
                return
            with parts.rows():
                for each in found:
                    self._row(each)

    def _row(self, each: ProfileView) -> None:
        t, name = self._viewer.t, each.name
        sub = " · ".join(each.body.instructions)
        sub = sub if len(sub) <= 160 else sub[:157] + "…"
        middle, end = parts.row(name, sub=sub, icon="smart_toy", link=f"/profiles/{each.id}")
        with middle:
            many = len(each.body.instructions)
            counted = t("profiles.instructions.one") if many == 1 else t("profiles.instructions.count", n=many)
            ui.label(counted).classes("jv-soft jv-num")
            if model := each.body.settings.get("model"):
                ui.label(t("profiles.model", name=model)).classes("jv-soft")
            parts.moment(self._viewer, each.updated)
        with end:
            label = t("profiles.export")
            parts.icon_button("download", f"{label}: {name}", lambda: self._export(each))
            if self._may:
                parts.icon_button("content_copy", f"{t('profiles.duplicate')}: {name}", lambda: self._duplicate(each))
                parts.icon_button("delete", f"{t('common.delete')}: {name}", lambda: self._delete(each))

    async def _export(self, each: ProfileView) -> None:
        async with self._viewer.trying():
            file = await self._viewer.services.profiles.export(self._viewer.actor, each.id)
            safe = "".join(sign if sign.isalnum() else "-" for sign in each.name).strip("-") or "profile"
            ui.download.content(file.model_dump_json(indent=2), f"{safe}.joyvl.json", "application/json")

    async def _duplicate(self, each: ProfileView) -> None:
        async with self._viewer.trying(self._viewer.t("profiles.duplicated")):
            await self._viewer.services.profiles.duplicate(self._viewer.actor, each.id)
            await self.refresh()

    async def _delete(self, each: ProfileView) -> None:
        viewer, t = self._viewer, self._viewer.t
        question, detail = t("profiles.delete.ask", name=each.name), t("profiles.delete.detail")
        if await parts.confirm(viewer, question, t("common.delete"), detail=detail):
            async with viewer.trying(t("common.deleted")):
                await viewer.services.profiles.delete(viewer.actor, each.id)
                await self.refresh()

    def _import(self) -> None:
        viewer, t = self._viewer, self._viewer.t
        dialog, body = parts.sheet(t("profiles.import"), viewer)
        with body:
            ui.label(t("profiles.import.lead")).classes("jv-soft")
            text = parts.text_area(t("profiles.import.field"), maxlength=200_000, spellcheck="false")
            text.props("rows=10").classes("jv-mono")
            with ui.element("div").classes("jv-buttons"):
                parts.button(t("common.cancel"), dialog.close)
                save = parts.button(t("profiles.import"), kind="primary")

        async def take() -> None:
            async with viewer.trying(busy=save):
                try:
                    file = ProfileFile.model_validate_json(text.value or "")
                except ValidationError:
                    viewer.warn(t("profiles.import.bad"))
                    return
                await viewer.services.profiles.bring_in(viewer.actor, file)
                viewer.say(t("profiles.imported"))
                dialog.close()
                await self.refresh()

        save.on_click(take)
        dialog.open()
