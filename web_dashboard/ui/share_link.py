"""A link by which people call the bot: made, shown once, copied."""

from __future__ import annotations

from nicegui import ui

from web_dashboard.ui import parts
from web_dashboard.ui.viewer import Viewer

_HOUR = 3_600.0
_TIMES = {"hour": _HOUR, "day": 24 * _HOUR, "week": 7 * 24 * _HOUR}


class CallLink:
    """The fields for a link, and the link once it is made."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        t = viewer.t
        with ui.element("div").classes("jv-form"):
            ui.label(t("send.call.lead")).classes("jv-soft")
            self._name = parts.text_field(t("send.call.name"), t("send.call"), maxlength=80)
            with ui.element("div").classes("jv-two"):
                times = {each: t(f"send.call.{each}") for each in _TIMES}
                self._expires = parts.choice(t("send.call.expires"), times, "day")
                self._password = parts.text_field(
                    f"{t('send.call.password')} ({t('common.optional')})", password=True, autocomplete="new-password"
                )
            self._made = ui.element("div").classes("jv-stack").props("aria-live=polite")

    async def make(self, profile: int | None) -> None:
        """Makes the link and shows it.

        Raises:
            JoyVLError: It can't be made.
        """
        from web_dashboard.schemas.shares import ShareIn

        viewer = self._viewer
        given = ShareIn(
            kind="call",
            name=self._name.value.strip() or viewer.t("send.call"),
            profile=profile,
            expires=viewer.services.context.wall() + _TIMES[self._expires.value],
            max_uses=None,
            password=self._password.value or None,
        )
        made = await viewer.services.shares.create(viewer.actor, given)
        self._made.clear()
        with self._made:
            ui.label(viewer.t("send.call.made")).classes("jv-strong")
            parts.secret_once(viewer, parts.absolute(made.url))
