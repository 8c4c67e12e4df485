"""What pages are made of: buttons, pills, lists, forms' pieces, questions. One look, one way to use each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from nicegui import ui

from web_dashboard.ui.viewer import Viewer, stamp

E = TypeVar("E", bound=ui.element)
Kind = Literal["plain", "primary", "danger", "quiet"]
Tone = Literal["good", "busy", "warn", "bad", "calm"]

STATES: dict[str, tuple[Tone, str]] = {
    "queued": ("calm", "hourglass_empty"),
    "starting": ("busy", "autorenew"),
    "running": ("good", "play_circle"),
    "lost": ("warn", "sync_problem"),
    "stopping": ("busy", "stop_circle"),
    "ended": ("calm", "check_circle"),
    "failed": ("bad", "error"),
    "muted": ("warn", "volume_off"),
    "paused": ("warn", "pause_circle"),
}
"""A session's states: tone and icon; the words are `state.<name>`."""


def button(
    text: str, on_click: Callable[..., Any] | None = None, *, icon: str | None = None, kind: Kind = "plain"
) -> ui.button:
    """A button; `primary` is the one thing to do here."""
    return ui.button(text, on_click=on_click, icon=icon, color=None).props("no-caps unelevated").classes(f"jv-{kind}")


def icon_button(icon: str, label: str, on_click: Callable[..., Any] | None = None) -> ui.button:
    """A button that is an icon; `label` is what it is called."""
    made = ui.button(on_click=on_click, icon=icon, color=None).props("no-caps flat round").classes("jv-icon")
    return attributes(made, {"aria-label": label, "title": label})


def attributes(element: E, values: dict[str, Any]) -> E:
    """Sets attributes whose values may hold anything, a quotation mark included."""
    for name, value in values.items():
        element.props[name] = value
    return element


def pill(text: str, tone: Tone = "calm", icon: str = "") -> ui.element:
    """A word with an icon and a tone, for a state."""
    with ui.element("span").classes(f"jv-pill jv-{tone}") as made:
        if icon:
            ui.icon(icon).props("aria-hidden=true")
        ui.label(text)
    return made


def state_pill(viewer: Viewer, state: str) -> ui.element:
    """A session's state."""
    tone, icon = STATES.get(state, ("calm", "help"))
    return pill(viewer.t(f"state.{state}"), tone, icon)


def card(*, classes: str = "") -> ui.element:
    """A surface that holds things which belong together."""
    return ui.element("section").classes(f"jv-card {classes}")


def section(text: str, hint: str = "") -> None:
    """The heading of a card or a part of a page."""
    with ui.element("h2").classes("jv-h2"):
        ui.label(text)
    if hint:
        ui.label(hint).classes("jv-soft jv-hint")


def empty(icon: str, text: str, hint: str = "") -> ui.element:
    """What stands where a list has nothing yet."""
    with ui.element("div").classes("jv-empty") as made:
        ui.icon(icon).props("aria-hidden=true")
        ui.label(text).classes("jv-strong")
        if hint:
            ui.label(hint).classes("jv-soft")
    return made


def rows() -> ui.element:
    """A list of things; each is a `row`."""
    return ui.element("ul").classes("jv-rows")


def row(title: str, *, sub: str = "", icon: str = "", link: str = "") -> tuple[ui.element, ui.element]:
    """One thing of a list, with room in the middle (pills, notes) and at its end (actions).

    Returns:
        Both rooms, to be entered by `with`.
    """
    with ui.element("li").classes("jv-row"):
        if icon:
            ui.icon(icon).classes("jv-row-icon").props("aria-hidden=true")
        with ui.element("div").classes("jv-row-text"):
            if link:
                ui.link(title, link).classes("jv-strong jv-link")
            else:
                ui.label(title).classes("jv-strong")
            if sub:
                ui.label(sub).classes("jv-soft")
            middle = ui.element("div").classes("jv-row-middle")
        return middle, ui.element("div").classes("jv-row-end")


def moment(viewer: Viewer, wall: float | None) -> ui.element:
    """When something was: how long ago, and the exact local time on hovering."""
    made = ui.element("time").classes("jv-soft jv-num")
    if wall is not None:
        attributes(made, {"datetime": stamp(wall), "data-moment": str(wall)})
    with made:
        ui.label(viewer.ago(wall))
    return made


def text_field(label: str, value: str = "", *, hint: str = "", password: bool = False, **props: Any) -> ui.input:
    """A field for a line of text."""
    made = ui.input(label, value=value, password=password, password_toggle_button=password)
    made.props("outlined stack-label hide-bottom-space").classes("jv-field")
    if hint:
        made.props["hint"] = hint
    return attributes(made, props)


def text_area(label: str, value: str = "", *, hint: str = "", **props: Any) -> ui.textarea:
    """A field for several lines."""
    made = ui.textarea(label, value=value).props("outlined stack-label autogrow hide-bottom-space").classes("jv-field")
    if hint:
        made.props["hint"] = hint
    return attributes(made, props)


def choice(label: str, options: dict[Any, str], value: Any = None, *, hint: str = "", **more: Any) -> ui.select:
    """A field with a choice; `options` are values with their words."""
    made = ui.select(options, label=label, value=value, **more)
    made.props("outlined stack-label options-dense hide-bottom-space behavior=menu").classes("jv-field")
    if hint:
        made.props["hint"] = hint
    return made


def number(label: str, value: float | None, *, hint: str = "", **more: Any) -> ui.number:
    """A field for a number."""
    made = ui.number(label, value=value, **more).props("outlined stack-label hide-bottom-space").classes("jv-field")
    if hint:
        made.props["hint"] = hint
    return made


def sheet(title: str, viewer: Viewer, *, wide: bool = False) -> tuple[ui.dialog, ui.element]:
    """A sheet over the page: its dialog (to be opened) and the place for what it holds."""
    # Not within the list that it was opened from: that may be built anew meanwhile.
    with viewer.client:
        dialog = ui.dialog().props("aria-labelledby=jv-sheet-title")
    dialog.on("hide", dialog.delete)
    with dialog, ui.element("div").classes("jv-sheet jv-sheet-wide" if wide else "jv-sheet"):
        with ui.element("div").classes("jv-sheet-head"):
            with ui.element("h2").props("id=jv-sheet-title"):
                ui.label(title)
            icon_button("close", viewer.t("shell.close"), dialog.close)
        body = ui.element("div").classes("jv-sheet-body")
    return dialog, body


async def confirm(viewer: Viewer, question: str, yes: str, *, detail: str = "", danger: bool = True) -> bool:
    """Asks before something that can't be taken back."""
    with viewer.client:
        dialog = ui.dialog().props("persistent")
    with dialog, ui.element("div").classes("jv-sheet jv-ask").props("role=alertdialog"):
        with ui.element("h2"):
            ui.label(question)
        if detail:
            ui.label(detail).classes("jv-soft")
        with ui.element("div").classes("jv-buttons"):
            button(viewer.t("common.cancel"), lambda: dialog.submit(False)).props("autofocus")
            button(yes, lambda: dialog.submit(True), kind="danger" if danger else "primary")
    try:
        return bool(await dialog)
    finally:
        dialog.delete()


def secret_once(viewer: Viewer, text: str) -> None:
    """Something that is shown once, with a button that copies it."""
    with ui.element("div").classes("jv-once"):
        ui.label(text).classes("jv-mono").props("data-secret=true")
        copy_button(viewer, text)
    ui.label(viewer.t("common.once")).classes("jv-soft")


def absolute(url: str) -> str:
    """A path of this server as the viewer's browser reaches it; a whole URL stays as it is."""
    request = ui.context.client.request
    return str(request.base_url).rstrip("/") + url if request and url.startswith("/") else url


def copy_button(viewer: Viewer, text: str) -> ui.button:
    """Copies a text to the clipboard."""

    def copy() -> None:
        ui.clipboard.write(text)
        viewer.say(viewer.t("common.copied"))

    return button(viewer.t("common.copy"), copy, icon="content_copy")
