"""Who looks at a page: the person, their language, and how what they do is answered."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nicegui import Client, ui
from pydantic import ValidationError

from joyvl_core.errors import JoyVLError
from web_dashboard.permissions import Actor, Permission
from web_dashboard.ui.words import say

if TYPE_CHECKING:
    from web_dashboard.services.context import Services

_LOG = logging.getLogger(__name__)
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


@dataclass(slots=True)
class Viewer:
    """The person in front of one page.

    Attributes:
        actor: Who they are.
        services: What they can do.
        language: en or zh.
        dark: Whether the page is dark; None follows the system.
        token: The token of their sign-in; "" for who came with a key.
        client: Their page. What is told goes there: the button that was pressed may be gone by then.
    """

    actor: Actor
    services: Services
    language: str = "en"
    dark: bool | None = None
    token: str = ""
    client: Client = field(default_factory=lambda: ui.context.client, repr=False)

    def t(self, key: str, /, **values: object) -> str:
        """The words of a key, in the viewer's language.

        Raises:
            KeyError: There is no such key.
        """
        return say(self.language, key, **values)

    def may(self, permission: Permission) -> bool:
        """Whether the viewer is permitted."""
        return self.actor.may(permission)

    def ago(self, wall: float | None) -> str:
        """How long ago a moment (unix seconds) was, in words."""
        if wall is None:
            return self.t("common.never")
        past = max(0.0, self.services.context.wall() - wall)
        if past < _MINUTE:
            return self.t("ago.now")
        if past < _HOUR:
            return self.t("ago.minutes", n=int(past // _MINUTE))
        if past < _DAY:
            return self.t("ago.hours", n=int(past // _HOUR))
        return self.t("ago.days", n=int(past // _DAY))

    def say(self, text: str) -> None:
        """Tells the viewer of something that went well."""
        with self.client:
            ui.notify(text, type="positive", icon="check_circle", position="bottom", classes="jv-toast")

    def warn(self, error: JoyVLError | str) -> None:
        """Tells the viewer of something that failed, with what helps."""
        text, hint = (error, "") if isinstance(error, str) else (str(error), error.hint or "")
        with self.client:
            ui.notify(
                text,
                caption=hint,
                type="negative",
                icon="error",
                position="bottom",
                timeout=9_000,
                close_button=self.t("shell.close"),
                classes="jv-toast",
            )

    @asynccontextmanager
    async def trying(self, done: str = "", busy: ui.button | None = None) -> AsyncIterator[None]:
        """Does what a viewer asked for: the button is busy meanwhile, and the end is told, good or bad.

        Args:
            done: What is said when it went well; nothing if "".
            busy: The button that was pressed.
        """
        if busy is not None:
            busy.props(add="loading")
        try:
            yield
        except JoyVLError as error:
            self.warn(error)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "–"
            self.warn(self.t("common.invalid", field=field, problem=first["msg"]))
        except Exception:
            _LOG.exception("A page's action failed")
            self.warn(self.t("common.unexpected"))
        else:
            if done:
                self.say(done)
        finally:
            if busy is not None and not busy.is_deleted:
                busy.props(remove="loading")


def stamp(wall: float) -> str:
    """A moment (unix seconds) as ISO 8601, for `<time datetime>`; the browser makes local time of it."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds")
