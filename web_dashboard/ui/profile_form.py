"""The form of a profile, made from what its settings are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from web_dashboard.schemas.credentials import CredentialView, KindView
from web_dashboard.schemas.profiles import FieldView, ProfileBody
from web_dashboard.ui import parts
from web_dashboard.ui.viewer import Viewer
from web_dashboard.ui.words import NAMES

OPEN_GROUPS = ("identity", "behaviour")
"""Groups that are open at first; the others unfold."""
PARTS = ("model", "summary", "delegate", "livekit", "voice")


class InstructionEditor:
    """Instructions in their order: each can be moved, changed, taken away."""

    def __init__(self, viewer: Viewer, lines: tuple[str, ...], changed: Callable[[], None]) -> None:
        self._viewer, self._changed = viewer, changed
        self._lines = list(lines)
        self._place = ui.element("div").classes("jv-stack")
        parts.button(viewer.t("profile.instruction.add"), self._add, icon="add")
        self._show()

    def lines(self) -> tuple[str, ...]:
        """What is in the editor; empty ones are left out."""
        return tuple(line.strip() for line in self._lines if line.strip())

    def _show(self) -> None:
        t, last = self._viewer.t, len(self._lines) - 1
        self._place.clear()
        with self._place:
            for at, line in enumerate(self._lines):
                with ui.element("div").classes("jv-line"):
                    field = parts.text_area(t("profile.instruction", n=at + 1), line, maxlength=1000)
                    field.on_value_change(lambda event, at=at: self._set(at, event.value))
                    with ui.element("div").classes("jv-line-tools"):
                        up = parts.icon_button(
                            "arrow_upward", t("profile.instruction.up", n=at + 1), lambda at=at: self._move(at, -1)
                        )
                        up.set_enabled(at > 0)
                        down = parts.icon_button(
                            "arrow_downward", t("profile.instruction.down", n=at + 1), lambda at=at: self._move(at, 1)
                        )
                        down.set_enabled(at < last)
                        remove = t("profile.instruction.remove", n=at + 1)
                        parts.icon_button("close", remove, lambda at=at: self._remove(at))

    def _set(self, at: int, text: str | None) -> None:
        self._lines[at] = text or ""
        self._changed()

    def _add(self) -> None:
        self._lines.append("")
        self._again()

    def _move(self, at: int, by: int) -> None:
        self._lines[at], self._lines[at + by] = self._lines[at + by], self._lines[at]
        self._again()

    def _remove(self, at: int) -> None:
        del self._lines[at]
        self._again()

    def _again(self) -> None:
        self._show()
        self._changed()


class ProfileForm:
    """Everything that a profile holds. `changed` is called whenever a person changed something."""

    def __init__(
        self,
        viewer: Viewer,
        body: ProfileBody,
        fields: tuple[FieldView, ...],
        credentials: list[CredentialView],
        kinds: tuple[KindView, ...],
        changed: Callable[[], None],
    ) -> None:
        self._viewer, self._before, self._changed = viewer, body, changed
        self._inputs: dict[str, tuple[FieldView, Any]] = {}
        self._keys: dict[str, ui.select] = {}
        t = viewer.t
        with parts.card():
            parts.section(t("profile.instructions"), t("profile.instructions.hint"))
            self.instructions = InstructionEditor(viewer, body.instructions, changed)
        groups = list(dict.fromkeys(each.group for each in fields))
        for group in groups:
            self._group(group, [each for each in fields if each.group == group], body)
        with parts.card():
            parts.section(t("profile.credentials"), t("profile.credentials.hint"))
            with ui.element("div").classes("jv-two"):
                for part in PARTS:
                    self._key(part, body, credentials, kinds)
        with parts.card(), ui.element("div").classes("jv-two"):
            self._alerts = ui.switch(t("profile.alerts"), value=body.alerts, on_change=changed)
            self._seconds = parts.number(t("profile.seconds"), body.seconds, hint=t("profile.seconds.hint"), min=1)
            self._seconds.on_value_change(changed)

    def _group(self, group: str, fields: list[FieldView], body: ProfileBody) -> None:
        details = ui.element("details").classes("jv-card jv-fold")
        if group in OPEN_GROUPS or any(each.name in body.settings for each in fields):
            details.props("open")
        with details:
            with ui.element("summary"), ui.element("h2").classes("jv-h2"):
                ui.label(self._viewer.t(f"group.{group}"))
            with ui.element("div").classes("jv-two"):
                for each in fields:
                    value = body.settings.get(each.name, each.default)
                    self._inputs[each.name] = (each, self._field(each, value))

    def _field(self, field: FieldView, value: Any) -> Any:
        t = self._viewer.t
        label = t(f"field.{field.name}")
        # Descriptions are written for a terminal, where a name of a setting stands between backticks.
        hint = (t(f"field.{field.name}.what") or field.description).replace("`", "")
        default = field.default
        if isinstance(default, bool):  # 1 is no "on"
            default = t("common.on" if default else "common.off")
        if field.default not in ("", None):
            hint = f"{hint} {t('profile.default', value=default)}"
        match field.type:
            case "bool":
                with ui.element("div"):
                    made: Any = ui.switch(label, value=bool(value))
                    ui.label(hint).classes("jv-soft jv-small")
            case "choice":
                options = {each: NAMES.get(each, each) if field.name == "language" else each for each in field.choices}
                made = parts.choice(label, options, value if value in options else None, hint=hint)
            case "number" | "whole":
                made = parts.number(
                    label, value, hint=hint, min=field.least, max=field.most,
                    precision=0 if field.type == "whole" else None,
                )  # fmt: skip
                if field.optional:
                    made.props("clearable")
            case "long_text":
                made = parts.text_area(label, value or "", hint=hint, maxlength=field.longest)
                made.classes("jv-span")
            case _:
                made = parts.text_field(label, str(value or ""), hint=hint, maxlength=field.longest)
        made.on_value_change(self._changed)
        return made

    def _key(
        self, part: str, body: ProfileBody, credentials: list[CredentialView], kinds: tuple[KindView, ...]
    ) -> None:
        fitting = {each.kind for each in kinds if part in each.parts}
        options: dict[Any, str] = {0: self._viewer.t("common.none")}
        options |= {each.id: each.name for each in credentials if each.kind in fitting}
        chosen = body.credentials.get(part, 0)  # type: ignore[call-overload]  # PARTS are those of the schema
        if chosen not in options:
            options[chosen] = f"#{chosen}"
        self._keys[part] = parts.choice(self._viewer.t(f"profile.part.{part}"), options, chosen)
        self._keys[part].on_value_change(self._changed)

    def body(self) -> ProfileBody:
        """What is in the form. A setting that is the installation's default is left to it.

        Raises:
            pydantic.ValidationError: It is no profile.
        """
        settings: dict[str, Any] = {}
        for name, (field, made) in self._inputs.items():
            value = made.value
            if field.type == "whole" and isinstance(value, float):
                value = int(value)
            if value is None and not field.optional:
                continue
            if value != field.default or name in self._before.settings:
                settings[name] = value
        return ProfileBody.model_validate(
            {
                "instructions": self.instructions.lines(),
                "settings": settings,
                "credentials": {part: each.value for part, each in self._keys.items() if each.value},
                "alerts": self._alerts.value,
                "seconds": self._seconds.value or None,
            }
        )

    def lock(self) -> None:
        """Makes everything read-only, for who may not change it."""
        for _, made in self._inputs.values():
            made.set_enabled(False)
        for each in self._keys.values():
            each.set_enabled(False)
        self._alerts.set_enabled(False)
        self._seconds.set_enabled(False)
