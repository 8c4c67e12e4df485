"""One's own: language, password, and where one is signed in."""

from __future__ import annotations

from nicegui import ui

from web_dashboard.schemas.people import MeChange, SignInView
from web_dashboard.ui import parts
from web_dashboard.ui.shell import Viewer, page
from web_dashboard.ui.words import NAMES

_AGENTS = ("Firefox", "Edg", "OPR", "Chrome", "Safari", "curl", "python")
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")


@page("/account", None, title="account.title")
async def account_page(viewer: Viewer) -> None:
    """The page."""
    with ui.element("div").classes("jv-stack jv-narrow"):
        with parts.card():
            parts.section(viewer.t("account.language"))
            parts.choice(viewer.t("account.language"), dict(NAMES), viewer.language, on_change=_language(viewer))
        if viewer.token:
            with parts.card():
                parts.section(viewer.t("account.password"))
                _password(viewer)
            with parts.card():
                parts.section(viewer.t("account.sign_ins"))
                await SignInList(viewer).refresh()


def _language(viewer: Viewer) -> object:
    async def change(event: object) -> None:
        language = event.value  # type: ignore[attr-defined]  # of a select
        async with viewer.trying():
            if viewer.token:
                await viewer.services.sign_in.change_me(viewer.actor, MeChange(language=language))
            ui.run_javascript(f"joyvl.language({language!r})")

    return change


def _password(viewer: Viewer) -> None:
    t = viewer.t
    with ui.element("div").classes("jv-form"):
        old = parts.text_field(t("account.old"), password=True, autocomplete="current-password")
        new = parts.text_field(t("account.new"), hint=t("entry.rule"), password=True, autocomplete="new-password")
        again = parts.text_field(t("account.again"), password=True, autocomplete="new-password")
        with ui.element("div").classes("jv-buttons"):
            save = parts.button(t("account.change"), kind="primary")

    async def store() -> None:
        if new.value != again.value:
            viewer.warn(t("account.differ"))
            return
        async with viewer.trying(t("account.changed"), save):
            await viewer.services.sign_in.change_password(
                viewer.actor, old.value or "", new.value or "", keep=viewer.token
            )
            for each in (old, new, again):
                each.set_value("")

    save.on_click(store)


class SignInList:
    """The browsers in which one is signed in."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._place = ui.element("div")

    async def refresh(self) -> None:
        """Shows them."""
        found = await self._viewer.services.sign_in.list(self._viewer.actor, self._viewer.token)
        self._place.clear()
        with self._place, ui.element("ul").classes("jv-rows jv-flat"):
            for each in found:
                self._row(each)

    def _row(self, each: SignInView) -> None:
        t = self._viewer.t
        middle, end = parts.row(_browser(each.agent) or t("account.unknown_agent"), icon="devices")
        with middle:
            ui.label(each.address).classes("jv-soft jv-num")
            parts.moment(self._viewer, each.seen)
        with end:
            if each.current:
                parts.pill(t("account.this"), "good", "check_circle")
                return
            end_it = parts.button(t("account.end"))
            end_it.on_click(lambda: self._end(each, end_it))

    async def _end(self, each: SignInView, busy: ui.button) -> None:
        async with self._viewer.trying(self._viewer.t("account.ended"), busy):
            await self._viewer.services.sign_in.end(self._viewer.actor, each.id)
            await self.refresh()


def _browser(agent: str) -> str:
    """A browser's own long name as people know it: Firefox, Linux."""
    names = [next((each for each in group if each in agent), "") for group in (_AGENTS, _SYSTEMS)]
    known = {"Edg": "Edge", "OPR": "Opera", "Mac OS": "macOS"}
    return ", ".join(known.get(name, name) for name in names if name)
