"""People and their roles."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from web_dashboard.permissions import Permission, Role
from web_dashboard.schemas.people import UserChange, UserIn, UserView
from web_dashboard.ui import parts
from web_dashboard.ui.shell import Viewer, page


@page("/users", Permission.USERS_READ, title="nav.users")
async def users_page(viewer: Viewer) -> None:
    """The page."""
    await UserList(viewer).refresh()


class UserList:
    """The list and its forms."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._may = viewer.may(Permission.USERS_WRITE)
        self._roles: dict[Any, str] = {role.value: viewer.t(f"role.{role.value}") for role in Role}
        if self._may:
            with ui.element("div").classes("jv-filters"):
                parts.button(viewer.t("users.add"), self._add, icon="person_add", kind="primary")
        self._place = ui.element("div")

    async def refresh(self) -> None:
        """Shows who is there now."""
        found = await self._viewer.services.users.list(self._viewer.actor)
        self._place.clear()
        with self._place, parts.rows():
            for each in found:
                self._row(each)

    def _row(self, each: UserView) -> None:
        viewer, t = self._viewer, self._viewer.t
        middle, end = parts.row(each.name, icon="person")
        with middle:
            parts.pill(t(f"role.{each.role.value}"), "busy" if each.role is Role.ADMIN else "calm", "badge")
            if each.disabled:
                parts.pill(t("users.disabled"), "warn", "block")
            if each.elsewhere:
                ui.label(t("users.elsewhere")).classes("jv-soft")
            ui.label(f"{t('users.seen')}:").classes("jv-soft")
            parts.moment(viewer, each.seen)
        with end:
            if each.id == viewer.actor.user:
                ui.label(t("users.you")).classes("jv-soft")
            elif self._may:
                self._actions(each)

    def _actions(self, each: UserView) -> None:
        t = self._viewer.t
        role = ui.select(self._roles, value=each.role.value, on_change=lambda event: self._role(each, event.value))
        role.props("dense outlined options-dense behavior=menu").classes("jv-role")
        role.props["aria-label"] = f"{t('users.role')}: {each.name}"
        parts.icon_button("lock_reset", f"{t('users.reset')}: {each.name}", lambda: self._reset(each))
        word, icon = ("users.enable", "check_circle") if each.disabled else ("users.disable", "block")
        parts.icon_button(icon, f"{t(word)}: {each.name}", lambda: self._disable(each))
        parts.icon_button("delete", f"{t('common.delete')}: {each.name}", lambda: self._delete(each))

    async def _change(self, each: UserView, change: UserChange) -> None:
        async with self._viewer.trying(self._viewer.t("common.saved")):
            await self._viewer.services.users.change(self._viewer.actor, each.id, change)
        # After a refusal too: what is shown is what is so.
        await self.refresh()

    async def _role(self, each: UserView, role: str) -> None:
        if role != each.role.value:
            await self._change(each, UserChange.model_validate({"role": role}))

    async def _disable(self, each: UserView) -> None:
        t = self._viewer.t
        if not each.disabled:
            question, detail = t("users.disable.ask", name=each.name), t("users.disable.detail")
            if not await parts.confirm(self._viewer, question, t("users.disable"), detail=detail):
                return
        await self._change(each, UserChange.model_validate({"disabled": not each.disabled}))

    async def _delete(self, each: UserView) -> None:
        viewer, t = self._viewer, self._viewer.t
        question, detail = t("users.delete.ask", name=each.name), t("users.delete.detail")
        if await parts.confirm(viewer, question, t("common.delete"), detail=detail):
            async with viewer.trying(t("common.deleted")):
                await viewer.services.users.delete(viewer.actor, each.id)
                await self.refresh()

    def _reset(self, each: UserView) -> None:
        viewer, t = self._viewer, self._viewer.t
        dialog, body = parts.sheet(t("users.reset.of", name=each.name), viewer)
        with body:
            ui.label(t("users.reset.detail")).classes("jv-soft")
            field = parts.text_field(t("account.new"), hint=t("entry.rule"), password=True, autocomplete="new-password")
            with ui.element("div").classes("jv-buttons"):
                parts.button(t("common.cancel"), dialog.close)
                save = parts.button(t("common.save"), kind="primary")

        async def store() -> None:
            async with viewer.trying(t("common.saved"), save):
                change = UserChange.model_validate({"password": field.value or ""})
                await viewer.services.users.change(viewer.actor, each.id, change)
                dialog.close()

        save.on_click(store)
        dialog.open()

    def _add(self) -> None:
        viewer, t = self._viewer, self._viewer.t
        dialog, body = parts.sheet(t("users.add"), viewer)
        with body:
            name = parts.text_field(t("common.name"), maxlength=80, autocomplete="off")
            role = parts.choice(t("users.role"), self._roles, Role.OPERATOR.value, hint=t("users.role.hint"))
            password = parts.text_field(
                t("users.password"), hint=f"{t('entry.rule')} {t('users.password.hint')}", password=True,
                autocomplete="new-password",
            )  # fmt: skip
            with ui.element("div").classes("jv-buttons"):
                parts.button(t("common.cancel"), dialog.close)
                save = parts.button(t("common.add"), kind="primary")

        async def store() -> None:
            async with viewer.trying(t("common.saved"), save):
                given = {"name": name.value or "", "role": role.value, "password": password.value or None}
                await viewer.services.users.create(viewer.actor, UserIn.model_validate(given))
                dialog.close()
                await self.refresh()

        save.on_click(store)
        dialog.open()
