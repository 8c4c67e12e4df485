"""One profile: edited, and tried out."""

from __future__ import annotations

from nicegui import ui

from web_dashboard.permissions import ConflictError, Permission
from web_dashboard.schemas.profiles import ProfileBody, ProfileChange, ProfileIn, ProfileView
from web_dashboard.ui import parts
from web_dashboard.ui.profile_form import ProfileForm
from web_dashboard.ui.shell import Viewer, heading, page
from web_dashboard.ui.try_it import TryIt


@page("/profiles/new", Permission.PROFILES_WRITE, title="profile.new.title", wide=True)
async def new_profile_page(viewer: Viewer) -> None:
    """A profile that is not there yet."""
    await ProfileEditor(viewer, None).build()


@page("/profiles/{profile}", Permission.PROFILES_READ, title="profile.title", wide=True)
async def profile_page(viewer: Viewer, profile: int) -> None:
    """A profile that is there."""
    await ProfileEditor(viewer, await viewer.services.profiles.get(viewer.actor, profile)).build()


class ProfileEditor:
    """The page's parts."""

    def __init__(self, viewer: Viewer, profile: ProfileView | None) -> None:
        self._viewer, self._profile = viewer, profile
        self._may = viewer.may(Permission.PROFILES_WRITE)
        self._dirty = False

    async def build(self) -> None:
        """Builds the page."""
        viewer, t = self._viewer, self._viewer.t
        services, actor = viewer.services, viewer.actor
        may_keys = viewer.may(Permission.CREDENTIALS_READ)
        credentials = await services.credentials.list(actor) if may_keys else []
        kinds = services.credentials.kinds(actor) if may_keys else ()
        with heading(self._profile.name if self._profile else t("profile.new.title")):
            self._state = parts.pill(t("profile.unsaved"), "warn", "edit")
            self._state.set_visibility(False)
            if self._may:
                self._save = parts.button(t("common.save"), self.save, icon="save", kind="primary")
        self._trouble = ui.element("div")
        with ui.element("div").classes("jv-split"):
            with ui.element("div").classes("jv-stack"):
                if not self._may:
                    ui.label(t("profile.nobody_may")).classes("jv-soft")
                with parts.card():
                    name = self._profile.name if self._profile else ""
                    self._name = parts.text_field(t("common.name"), name, maxlength=80)
                    self._name.on_value_change(self._changed)
                body = self._profile.body if self._profile else ProfileBody()
                fields = services.profiles.fields(actor)
                self._form = ProfileForm(viewer, body, fields, credentials, kinds, self._changed)
                if not self._may:
                    self._name.set_enabled(False)
                    self._form.lock()
            if viewer.may(Permission.SESSIONS_RUN):
                with ui.element("aside").classes("jv-aside"):
                    TryIt(viewer, self._edited)

    def _edited(self) -> ProfileIn:
        name = str(self._name.value or "").strip() or self._viewer.t("profile.new.title")
        return ProfileIn(name=name, body=self._form.body())

    def _changed(self) -> None:
        self._set_dirty(True)

    def _set_dirty(self, dirty: bool) -> None:
        if dirty == self._dirty:
            return
        self._dirty = dirty
        self._state.set_visibility(dirty)
        ui.run_javascript(f"joyvl.unsaved({'true' if dirty else 'false'})")

    async def save(self) -> None:
        """Saves what was edited; a change of somebody else's meanwhile is shown, never written over unasked."""
        viewer = self._viewer
        async with viewer.trying(busy=self._save):
            try:
                await self._store()
            except ConflictError as error:
                if error.kind != "version":
                    raise
                self._conflict()

    async def _store(self) -> None:
        viewer, profiles = self._viewer, self._viewer.services.profiles
        given = ProfileIn.model_validate({"name": self._name.value or "", "body": self._form.body()})
        if self._profile is None:
            made = await profiles.create(viewer.actor, given)
            self._set_dirty(False)
            ui.navigate.to(f"/profiles/{made.id}")
            return
        change = ProfileChange(name=given.name, body=given.body, version=self._profile.version)
        self._profile = await profiles.update(viewer.actor, self._profile.id, change)
        self._set_dirty(False)
        self._trouble.clear()
        viewer.say(viewer.t("profile.saved"))

    def _conflict(self) -> None:
        t = self._viewer.t
        self._trouble.clear()
        with self._trouble, ui.element("div").classes("jv-note jv-warn jv-conflict").props("role=alert"):
            ui.icon("warning").props("aria-hidden=true")
            ui.label(t("profile.conflict"))
            with ui.element("div").classes("jv-actions"):
                parts.button(t("profile.conflict.load"), self._load)
                parts.button(t("profile.conflict.over"), self._over)

    def _load(self) -> None:
        self._set_dirty(False)
        ui.navigate.reload()

    async def _over(self) -> None:
        viewer = self._viewer
        async with viewer.trying(busy=self._save):
            if self._profile is not None:
                self._profile = await viewer.services.profiles.get(viewer.actor, self._profile.id)
            await self._store()
