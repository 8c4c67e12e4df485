"""What a session is to do, what came of it, and what it is to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from web_dashboard.permissions import Permission
from web_dashboard.ui import parts
from web_dashboard.ui.cards import duration
from web_dashboard.ui.session.following import Following
from web_dashboard.ui.viewer import Viewer

if TYPE_CHECKING:
    from web_dashboard.schemas.history import InstructionView

_MOST = 200
"""Cancelled ones that are shown."""


class InstructionsPanel:
    """Standing instructions: added, changed, cancelled; with their counters and timers."""

    beats = 10.0
    """Session seconds after which counters are looked at again."""

    def __init__(self, viewer: Viewer, session: str, following: Following, *, live: bool) -> None:
        self._viewer = viewer
        self._id = session
        self._sessions: Any = viewer.services.sessions
        self._following = following
        self._can = live and viewer.may(Permission.SESSIONS_RUN)
        self._before: Any = None
        self._editing = ""
        t = viewer.t
        if self._can:
            with ui.element("form").classes("js-ask js-ask-top").on("submit.prevent", self._add):
                self._field = ui.input(placeholder=t("session.instruct")).props("outlined dense maxlength=1000")
                parts.attributes(self._field.classes("jv-field"), {"aria-label": t("session.instruct")})
                self._button = parts.button(t("common.add"), kind="primary").props("type=submit")
        self._place = ui.element("div").classes("js-stack")
        if self._can:
            self._voice()

    def _voice(self) -> None:
        t = self._viewer.t
        beat = self._following.live.heartbeat if self._following.live else None
        with ui.element("div").classes("js-voice"):
            with ui.element("h3"):
                ui.label(t("session.voice"))
            with ui.element("form").classes("js-ask").on("submit.prevent", self._say):
                self._words = ui.input(placeholder=t("session.say")).props("outlined dense maxlength=1000")
                parts.attributes(self._words.classes("jv-field"), {"aria-label": t("session.say")})
                self._speak = parts.button(t("session.say.now"), icon="campaign").props("type=submit")
            ui.label(t("session.talkativeness")).classes("jv-strong jv-small")
            dial = ui.slider(min=0, max=1, step=0.05, value=beat.talkativeness if beat else 0.5)
            parts.attributes(dial, {"aria-label": t("session.talkativeness")})
            dial.on("change", lambda event: self._dial(event.args))
            with ui.element("div").classes("js-ends jv-soft jv-small"):
                ui.label(t("session.talkativeness.less"))
                ui.label(t("session.talkativeness.more"))

    async def refresh(self) -> None:
        """Shows them as they are, where that changed."""
        if self._editing:
            return
        found = await self._viewer.services.history.instructions(self._viewer.actor, self._id)
        if found == self._before:
            return
        self._before = found
        self._show(found)

    def _show(self, found: list[InstructionView]) -> None:
        self._place.clear()
        with self._place:
            standing = [each for each in found if each.state != "cancelled"]
            over = [each for each in found if each.state == "cancelled"][-_MOST:]
            if not standing:
                parts.empty("checklist", self._viewer.t("session.no_instructions"))
            for each in standing:
                self._row(each)
            if over:
                with ui.element("details").classes("js-over"):
                    with ui.element("summary"):
                        ui.label(self._viewer.t("session.cancelled", n=len(over)))
                    for each in over:
                        self._row(each)

    def _row(self, each: InstructionView) -> None:
        t = self._viewer.t
        with ui.element("article").classes("js-item"):
            with ui.element("div").classes("js-item-head"):
                ui.label(each.text or t("session.erased")).classes("jv-strong js-grow")
                if self._can and each.state != "cancelled":
                    parts.icon_button("edit", t("session.change", id=each.id), lambda: self._edit(each))
                    parts.icon_button("close", t("session.cancel", id=each.id), lambda: self._cancel(each))
            who = t("session.by", who=each.author or "–", at=duration(each.since))
            ui.label(f"{each.id} · {who}").classes("jv-soft jv-small")
            if each.understood:
                with ui.element("div").classes("js-understood"):
                    ui.icon("warning" if each.remedy else "done_all").props("aria-hidden=true")
                    ui.label(f"{each.understood} {each.remedy}".strip())
            with ui.element("div").classes("jv-row-middle"):
                if each.counted is not None:
                    parts.pill(t("session.counted", n=each.counted), "good", "tag")
                if each.timed:
                    parts.pill(t("session.timed"), "calm", "timer")
                if each.acts:
                    parts.pill(t("session.acts", n=each.acts, at=duration(each.last_act or 0)), "calm", "campaign")
            self._changes(each)

    def _changes(self, each: InstructionView) -> None:
        if len(each.changes) < 2:
            return
        with ui.element("details").classes("jv-small"):
            with ui.element("summary"):
                ui.label(self._viewer.t("session.changes", n=len(each.changes)))
            for change in each.changes:
                word = self._viewer.t(f"session.change.{change.state}")
                ui.label(f"{duration(change.t)} {word}: {change.text} ({change.author})").classes("jv-soft")

    def _edit(self, each: InstructionView) -> None:
        t = self._viewer.t
        self._editing = each.id
        self._place.clear()
        with self._place, ui.element("article").classes("js-item"):
            field = parts.text_area(t("session.change", id=each.id), each.text, maxlength=1_000).props("autofocus")
            with ui.element("div").classes("jv-buttons"):
                parts.button(t("common.cancel"), self._leave)
                parts.button(t("common.save"), lambda: self._change(each.id, field.value or ""), kind="primary")

    async def _leave(self) -> None:
        self._editing, self._before = "", None
        await self.refresh()

    async def _change(self, instruction: str, text: str) -> None:
        if not text.strip():
            return
        async with self._viewer.trying():
            await self._sessions.change(self._viewer.actor, self._id, instruction, text.strip())
            await self._leave()

    async def _add(self) -> None:
        text = (self._field.value or "").strip()
        if not text:
            return
        async with self._viewer.trying(busy=self._button):
            await self._sessions.instruct(self._viewer.actor, self._id, text[:1_000])
            self._field.value = ""
            await self.refresh()

    async def _cancel(self, each: InstructionView) -> None:
        async with self._viewer.trying():
            await self._sessions.cancel(self._viewer.actor, self._id, each.id)
            await self.refresh()

    async def _say(self) -> None:
        text = (self._words.value or "").strip()
        if not text:
            return
        async with self._viewer.trying(busy=self._speak):
            await self._sessions.say(self._viewer.actor, self._id, text[:1_000])
            self._words.value = ""

    async def _dial(self, value: Any) -> None:
        async with self._viewer.trying(self._viewer.t("common.saved")):
            await self._sessions.talkativeness(self._viewer.actor, self._id, float(value))
