"""The way around: a column at the left, on a phone a bar at the bottom."""

from __future__ import annotations

from dataclasses import dataclass

from nicegui import ui

from web_dashboard.permissions import Permission
from web_dashboard.ui.viewer import Viewer


@dataclass(frozen=True, slots=True)
class _Place:
    path: str
    word: str
    icon: str
    permission: Permission
    bar: bool = False


_PLACES = (
    _Place("/", "nav.overview", "space_dashboard", Permission.SESSIONS_READ, bar=True),
    _Place("/alerts", "nav.alerts", "notifications", Permission.ALERTS_READ, bar=True),
    _Place("/profiles", "nav.profiles", "smart_toy", Permission.PROFILES_READ, bar=True),
    _Place("/destinations", "nav.destinations", "place", Permission.DESTINATIONS_READ),
    _Place("/credentials", "nav.credentials", "key", Permission.CREDENTIALS_READ),
    _Place("/webhooks", "nav.webhooks", "webhook", Permission.WEBHOOKS_READ),
    _Place("/keys", "nav.keys", "vpn_key", Permission.KEYS_WRITE),
    _Place("/users", "nav.users", "group", Permission.USERS_READ),
    _Place("/audit", "nav.audit", "history", Permission.AUDIT_READ),
    _Place("/system", "nav.system", "monitor_heart", Permission.SYSTEM_READ),
)


def navigation(viewer: Viewer, path: str) -> None:
    """Builds it; `path` is where the viewer is."""
    places = [place for place in _PLACES if viewer.may(place.permission)]
    with ui.element("nav").classes("jv-nav").props(f'id=jv-nav aria-label="{viewer.t("shell.navigation")}"'):
        with ui.link(target="/").classes("jv-brand").props('aria-label="JoyVL"'):
            ui.element("span").classes("jv-mark").props("aria-hidden=true")
            ui.label("JoyVL")
        with ui.element("ul").classes("jv-places"):
            for place in places:
                _place(viewer, place, path)
        _foot(viewer)
    ui.element("div").classes("jv-veil").props("aria-hidden=true").on("click", js_handler=_CLOSE)
    with ui.element("nav").classes("jv-bar").props(f'aria-label="{viewer.t("shell.menu")}"'):
        for place in places:
            if place.bar:
                _link(viewer, place, path)
        with ui.element("button").props("type=button aria-controls=jv-nav").on("click", js_handler=_OPEN):
            ui.icon("menu").props("aria-hidden=true")
            ui.label(viewer.t("shell.more"))


_OPEN = """() => {
  document.body.classList.add('jv-open');
  document.querySelector('#jv-nav a')?.focus();
}"""
_CLOSE = "() => document.body.classList.remove('jv-open')"


def _place(viewer: Viewer, place: _Place, path: str) -> None:
    with ui.element("li"):
        _link(viewer, place, path)


def _link(viewer: Viewer, place: _Place, path: str) -> None:
    here = path == place.path or (place.path != "/" and path.startswith(place.path + "/"))
    here = here or (place.path == "/" and path.startswith("/sessions/"))
    with ui.link(target=place.path) as link:
        ui.icon(place.icon).props("aria-hidden=true")
        ui.label(viewer.t(place.word))
    if here:
        link.props("aria-current=page")


def _foot(viewer: Viewer) -> None:
    look = {None: "auto", False: "light", True: "dark"}[viewer.dark]
    icon = {"auto": "brightness_auto", "light": "light_mode", "dark": "dark_mode"}[look]
    with ui.element("div").classes("jv-foot"):
        with ui.link(target="/account").classes("jv-me").props(f'aria-label="{viewer.t("shell.account")}"'):
            ui.label(viewer.actor.name[:1].upper()).classes("jv-face").props("aria-hidden=true")
            with ui.element("span"):
                ui.label(viewer.actor.name)
                ui.label(viewer.t(f"role.{viewer.actor.role.value}")).classes("jv-soft")
        with ui.element("div").classes("jv-tools"):
            now = viewer.t(f"shell.theme.{look}")
            _tool(icon, viewer.t("shell.theme", now=now), f"() => joyvl.look({look!r})")
            _tool("translate", viewer.t("shell.language"), f"() => joyvl.language({_other(viewer)!r})")
            _tool("logout", viewer.t("shell.sign_out"), "() => joyvl.signOut()")


def _other(viewer: Viewer) -> str:
    return "en" if viewer.language == "zh" else "zh"


def _tool(icon: str, label: str, handler: str) -> None:
    with ui.element("button").classes("jv-tool").props("type=button").on("click", js_handler=handler) as button:
        ui.icon(icon).props("aria-hidden=true")
    button.props["aria-label"] = label
    button.props["title"] = label
