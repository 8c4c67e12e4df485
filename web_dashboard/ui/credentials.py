"""Keys of other services: added, replaced, tested, deleted; never shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from web_dashboard.permissions import Permission
from web_dashboard.schemas.credentials import CredentialChange, CredentialIn, CredentialView, KindView
from web_dashboard.ui import parts
from web_dashboard.ui.shell import Viewer, page


@page("/credentials", Permission.CREDENTIALS_READ, title="nav.credentials")
async def credentials_page(viewer: Viewer) -> None:
    """The page."""
    ui.label(viewer.t("credentials.lead")).classes("jv-soft jv-lead")
    await CredentialList(viewer).refresh()


class CredentialList:
    """The list, and the sheet that adds and changes one."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._kinds = {each.kind: each for each in viewer.services.credentials.kinds(viewer.actor)}
        self._may = viewer.may(Permission.CREDENTIALS_WRITE)
        if self._may:
            with ui.element("div").classes("jv-filters"):
                parts.button(viewer.t("credentials.add"), lambda: self._edit(None), icon="add", kind="primary")
        self._place = ui.element("div")

    async def refresh(self) -> None:
        """Shows what is there now."""
        viewer = self._viewer
        found = await viewer.services.credentials.list(viewer.actor)
        self._place.clear()
        with self._place:
            if not found:
                parts.empty("key", viewer.t("credentials.empty"), viewer.t("credentials.empty.hint"))
                return
            with parts.rows():
                for each in found:
                    self._row(each)

    def _row(self, each: CredentialView) -> None:
        viewer, t = self._viewer, self._viewer.t
        hints = " · ".join([*each.public.values(), *each.hints.values()])
        middle, end = parts.row(each.name, sub=t(f"credentials.kind.{each.kind}"), icon="key")
        with middle:
            if hints:
                ui.label(hints).classes("jv-mono jv-soft")
            if each.tested:
                good = each.tested.ok
                word = t("credentials.tested.good" if good else "credentials.tested.bad")
                parts.pill(word, "good" if good else "bad", "check_circle" if good else "error")
                detail = each.tested.detail if good else f"{each.tested.detail} {each.tested.hint}".strip()
                ui.label(detail).classes("jv-soft" if good else "jv-error")
                parts.moment(viewer, each.tested.wall)
            elif self._kinds[each.kind].testable:
                parts.pill(t("credentials.untested"), "calm", "help")
        if not self._may:
            return
        with end:
            if self._kinds[each.kind].testable:
                test = parts.button(t("common.test"), icon="bolt", kind="plain")
                test.on_click(lambda: self._test(each, test))
            parts.icon_button("edit", f"{t('common.edit')}: {each.name}", lambda: self._edit(each))
            parts.icon_button("delete", f"{t('common.delete')}: {each.name}", lambda: self._delete(each))

    async def _test(self, each: CredentialView, busy: ui.button) -> None:
        viewer = self._viewer
        async with viewer.trying(busy=busy):
            tested = await viewer.services.credentials.test(viewer.actor, each.id)
            if tested.ok:
                viewer.say(tested.detail)
            else:
                viewer.warn(f"{tested.detail} {tested.hint}".strip())
            await self.refresh()

    async def _delete(self, each: CredentialView) -> None:
        viewer, t = self._viewer, self._viewer.t
        question, detail = t("credentials.delete.ask", name=each.name), t("credentials.delete.detail")
        if await parts.confirm(viewer, question, t("common.delete"), detail=detail):
            async with viewer.trying(t("common.deleted")):
                await viewer.services.credentials.delete(viewer.actor, each.id)
                await self.refresh()

    def _edit(self, each: CredentialView | None) -> None:
        CredentialSheet(self._viewer, self._kinds, each, self.refresh).open()


class CredentialSheet:
    """The form for one credential; a secret that is left empty stays as it is."""

    def __init__(
        self,
        viewer: Viewer,
        kinds: dict[str, KindView],
        each: CredentialView | None,
        done: Callable[[], Awaitable[None]],
    ) -> None:
        self._viewer, self._kinds, self._each, self._done = viewer, kinds, each, done
        t = viewer.t
        title = t("credentials.edit", name=each.name) if each else t("credentials.add")
        self._dialog, body = parts.sheet(title, viewer)
        self._inputs: dict[tuple[str, bool], ui.input] = {}
        with body:
            options = {kind: t(f"credentials.kind.{kind}") for kind in kinds}
            self._kind = parts.choice(t("credentials.kind"), options, each.kind if each else "openai")
            self._kind.set_enabled(each is None)
            self._kind.on_value_change(self._fields)
            self._name = parts.text_field(t("common.name"), each.name if each else "", maxlength=80)
            self._place = ui.element("div").classes("jv-form")
            with ui.element("div").classes("jv-buttons"):
                parts.button(t("common.cancel"), self._dialog.close)
                self._save = parts.button(t("common.save"), self._store, kind="primary")
        self._fields()

    def open(self) -> None:
        """Shows the form."""
        self._dialog.open()

    def _fields(self) -> None:
        t, each = self._viewer.t, self._each
        self._inputs.clear()
        self._place.clear()
        with self._place:
            for field in self._kinds[self._kind.value].fields:
                kept = each.hints.get(field.name, "•••") if each and field.secret else ""
                hint = t("credentials.keep", hint=kept) if kept else field.description
                label = t(f"credentials.field.{field.name}")
                if not field.needed:
                    label += f" ({t('common.optional')})"
                value = each.public.get(field.name, "") if each and not field.secret else ""
                made = parts.text_field(label, value, hint=hint, password=field.secret)
                made.props("autocomplete=off spellcheck=false autocapitalize=none maxlength=8000")
                self._inputs[field.name, field.secret] = made

    async def _store(self) -> None:
        viewer = self._viewer
        async with viewer.trying(viewer.t("common.saved"), self._save):
            given = {
                secret: {
                    name: each.value for (name, kind), each in self._inputs.items() if kind is secret and each.value
                }
                for secret in (False, True)
            }
            name = self._name.value
            if self._each is None:
                made = CredentialIn.model_validate(
                    {"name": name, "kind": self._kind.value, "public": given[False], "secret": given[True]}
                )
                await viewer.services.credentials.create(viewer.actor, made)
            else:
                change = CredentialChange.model_validate({"name": name, "public": given[False], "secret": given[True]})
                await viewer.services.credentials.update(viewer.actor, self._each.id, change)
            self._dialog.close()
            await self._done()
