"""Saved places, and which rooms invite the bot by themselves."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from web_dashboard.permissions import Permission
from web_dashboard.schemas.destinations import DestinationIn, DestinationView
from web_dashboard.schemas.sessions import StartSession
from web_dashboard.ui import parts
from web_dashboard.ui.cards import place_name
from web_dashboard.ui.shell import Viewer, page

_KINDS = ("livekit", "stream")


@page("/destinations", Permission.DESTINATIONS_READ, title="nav.destinations")
async def destinations_page(viewer: Viewer) -> None:
    """The page."""
    ui.label(viewer.t("destinations.lead")).classes("jv-soft jv-lead")
    await DestinationList(viewer).refresh()


class DestinationList:
    """The list and the form."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._may = viewer.may(Permission.DESTINATIONS_WRITE)
        if self._may:
            with ui.element("div").classes("jv-filters"):
                parts.button(viewer.t("destinations.add"), lambda: self._edit(None), icon="add", kind="primary")
        self._place = ui.element("div")

    async def refresh(self) -> None:
        """Shows what is there now."""
        viewer, t = self._viewer, self._viewer.t
        found = await viewer.services.destinations.list(viewer.actor)
        self._profiles = {each.id: each.name for each in await viewer.services.profiles.list(viewer.actor)}
        self._place.clear()
        with self._place:
            if not found:
                parts.empty("place", t("destinations.empty"), t("destinations.empty.hint"))
                return
            with parts.rows():
                for each in found:
                    self._row(each)

    def _row(self, each: DestinationView) -> None:
        t = self._viewer.t
        middle, end = parts.row(each.name, sub=place_name(self._viewer, each.place), icon="place")
        with middle:
            if each.pattern:
                parts.pill(t("destinations.invited_by", pattern=each.pattern), "busy", "bolt")
            if each.profile in self._profiles:
                ui.label(self._profiles[each.profile]).classes("jv-soft")
        with end:
            if self._viewer.may(Permission.SESSIONS_RUN):
                start = parts.button(t("send.start"), icon="play_arrow")
                start.props["aria-label"] = f"{t('destinations.start')}: {each.name}"
                start.on_click(lambda: self._start(each, start))
            if self._may:
                parts.icon_button("edit", f"{t('common.edit')}: {each.name}", lambda: self._edit(each))
                parts.icon_button("delete", f"{t('common.delete')}: {each.name}", lambda: self._delete(each))

    async def _start(self, each: DestinationView, busy: ui.button) -> None:
        viewer = self._viewer
        async with viewer.trying(viewer.t("send.started"), busy):
            given = StartSession(place=each.place, profile=each.profile, credential=each.credential, title=each.name)
            await viewer.services.sessions.start(viewer.actor, given)
            ui.navigate.to("/")

    async def _delete(self, each: DestinationView) -> None:
        viewer, t = self._viewer, self._viewer.t
        question, detail = t("destinations.delete.ask", name=each.name), t("destinations.delete.detail")
        if await parts.confirm(viewer, question, t("common.delete"), detail=detail):
            async with viewer.trying(t("common.deleted")):
                await viewer.services.destinations.delete(viewer.actor, each.id)
                await self.refresh()

    async def _edit(self, each: DestinationView | None) -> None:
        viewer = self._viewer
        servers: dict[Any, str] = {0: viewer.t("destinations.own_server")}
        async with viewer.trying():
            if viewer.may(Permission.CREDENTIALS_READ):
                found = await viewer.services.credentials.list(viewer.actor)
                servers |= {one.id: one.name for one in found if one.kind == "livekit"}
            self._form(each, servers)

    def _form(self, each: DestinationView | None, servers: dict[Any, str]) -> None:
        viewer, t = self._viewer, self._viewer.t
        place: Any = each.place if each else None
        dialog, body = parts.sheet(t("destinations.edit", name=each.name) if each else t("destinations.add"), viewer)
        with body:
            name = parts.text_field(t("common.name"), each.name if each else "", maxlength=80)
            kinds: dict[Any, str] = {kind: t(f"destinations.kind.{kind}") for kind in _KINDS}
            kind = parts.choice(t("destinations.kind"), kinds, place.kind if place else "livekit")
            room = parts.text_field(t("destinations.room"), getattr(place, "room", ""), maxlength=128)
            url = parts.text_field(t("send.stream.field"), getattr(place, "url", ""), hint=t("send.stream.hint"))
            pattern = parts.text_field(
                f"{t('destinations.pattern')} ({t('common.optional')})", (each.pattern if each else "") or "",
                hint=t("destinations.pattern.hint"), maxlength=200,
            )  # fmt: skip
            server = parts.choice(t("destinations.credential"), servers, (each.credential if each else 0) or 0)
            profiles: dict[Any, str] = {0: t("send.profile.none"), **self._profiles}
            profile = parts.choice(t("send.profile"), profiles, (each.profile if each else 0) or 0)
            for field in (room, pattern, server):
                field.bind_visibility_from(kind, "value", lambda value: value == "livekit")
            url.bind_visibility_from(kind, "value", lambda value: value == "stream")
            with ui.element("div").classes("jv-buttons"):
                parts.button(t("common.cancel"), dialog.close)
                save = parts.button(t("common.save"), kind="primary")

        async def store() -> None:
            async with viewer.trying(t("common.saved"), save):
                livekit = kind.value == "livekit"
                where = {"kind": "livekit", "room": room.value} if livekit else {"kind": "stream", "url": url.value}
                given = DestinationIn.model_validate(
                    {
                        "name": name.value or "",
                        "place": where,
                        "profile": profile.value or None,
                        "credential": (server.value or None) if livekit else None,
                        "pattern": (pattern.value or "").strip() or None if livekit else None,
                    }
                )
                if each is None:
                    await viewer.services.destinations.create(viewer.actor, given)
                else:
                    await viewer.services.destinations.update(viewer.actor, each.id, given)
                dialog.close()
                await self.refresh()

        save.on_click(store)
        dialog.open()
