"""A second of the timeline, opened: why it was decided so, and what a person thinks of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from nicegui import ui
from pydantic import TypeAdapter, ValidationError

from web_dashboard.permissions import Permission
from web_dashboard.schemas.history import Cell
from web_dashboard.schemas.marks import MarkIn
from web_dashboard.ui import parts
from web_dashboard.ui.cards import duration
from web_dashboard.ui.viewer import Viewer
from web_dashboard.ui.words import words

if TYPE_CHECKING:
    from web_dashboard.schemas.marks import MarkView

_MOST = 12
_CELLS: TypeAdapter[list[Cell]] = TypeAdapter(list[Cell])
_VERDICTS = {"right": "thumb_up", "wrong": "thumb_down", "late": "schedule", "missing": "add_comment"}


class Judging:
    """Opens a sheet for a second, and keeps what a person thinks.

    Attributes:
        marks: What was judged so far.
    """

    def __init__(self, viewer: Viewer, session: str, changed: Callable[[], Awaitable[None]]) -> None:
        self._viewer = viewer
        self._id = session
        self._changed = changed
        self.marks: list[MarkView] = []

    async def opened(self, event: Any) -> None:
        """A person opened a second of the timeline. What the browser tells is only shown to that person again."""
        try:
            t = float(event.args["t"])
            cells = _CELLS.validate_python(event.args["cells"][:_MOST])
        except (KeyError, TypeError, ValueError, ValidationError):
            return
        viewer = self._viewer
        dialog, body = parts.sheet(viewer.t("judge.title", at=duration(t)), viewer)
        with body:
            for cell in cells:
                self._detail(cell)
            if not cells:
                ui.label(viewer.t("judge.no_tick")).classes("jv-soft")
            self._marked(t, dialog)
            if viewer.may(Permission.SESSIONS_RUN):
                self._form(t, cells, dialog)
        await dialog
        dialog.delete()

    def _detail(self, cell: Cell) -> None:
        t = self._viewer.t
        with ui.element("article").classes("js-cell"):
            with ui.element("div").classes("jv-row-middle"):
                ui.element("i").classes(f"js-k-{cell.kind} js-dot").props("aria-hidden=true")
                ui.label(t(f"timeline.kind.{cell.kind}") if cell.kind in _KINDS else cell.kind).classes("jv-strong")
                ui.label(f"#{cell.n} · {cell.t:.1f} s").classes("jv-soft jv-num jv-small")
            if cell.text:
                ui.label(cell.text).classes("js-said")
            with ui.element("dl").classes("js-numbers"):
                for name, value in self._facts(cell):
                    with ui.element("dt"):
                        ui.label(t(f"judge.{name}"))
                    with ui.element("dd"):
                        ui.label(value)

    def _facts(self, cell: Cell) -> list[tuple[str, str]]:
        t = self._viewer.t

        def named(prefix: str, name: str) -> str:
            return t(f"{prefix}{name}") if f"{prefix}{name}" in words() else name

        triggers = cell.why or ("interval",)
        facts = [("why", " + ".join(named("timeline.trigger.", each) for each in triggers))]
        facts.append(("latency", f"{cell.ms} ms"))
        if cell.p is not None:
            facts.append(("p", f"{cell.p:.3f}"))
        if cell.gate:
            facts.append(("gate", named("timeline.gate.", cell.gate)))
        told = ("instruction", "reply_to", "question", "ticket", "raw")
        facts += [(name, getattr(cell, name)) for name in told if getattr(cell, name)]
        if cell.frame != "none":
            facts.append(("frame", f"{named('timeline.frame.', cell.frame)} · {cell.tokens} {t('timeline.tokens')}"))
        return facts

    def _marked(self, t: float, dialog: ui.dialog) -> None:
        viewer = self._viewer
        for mark in (each for each in self.marks if int(each.t) == int(t)):
            with ui.element("div").classes("js-item js-item-head"):
                ui.icon(_VERDICTS[mark.verdict]).props("aria-hidden=true")
                with ui.element("div").classes("js-grow"):
                    ui.label(viewer.t("judge.was", who=mark.by, verdict=viewer.t(f"judge.{mark.verdict}")))
                    if mark.correction:
                        ui.label(f"“{mark.correction}”")
                    consent = viewer.t("judge.consented" if mark.consent else "judge.not_consented")
                    ui.label(consent).classes("jv-soft jv-small")
                if mark.mine and viewer.may(Permission.SESSIONS_RUN):
                    parts.icon_button("delete", viewer.t("judge.remove"), partial(self._remove, mark.id, dialog))

    def _form(self, t: float, cells: list[Cell], dialog: ui.dialog) -> None:
        viewer = self._viewer
        verdicts = {name: viewer.t(f"judge.{name}") for name in _VERDICTS if cells or name == "missing"}
        acts = [cell for cell in cells if cell.kind != "silence"] or cells
        with ui.element("div").classes("jv-form js-judge"):
            with ui.element("h3"):
                ui.label(viewer.t("judge.lead"))
            about = acts[-1].n if acts else None
            chosen = None
            if len(cells) > 1:
                names = {cell.n: f"#{cell.n} {(cell.text or viewer.t('timeline.kind.silence'))[:60]}" for cell in cells}
                chosen = parts.choice(viewer.t("judge.about"), names, about)
            verdict = ui.radio(verdicts, value=None if cells else "missing").props("inline").classes("js-verdict")
            parts.attributes(verdict, {"aria-label": viewer.t("judge.lead")})
            correction = parts.text_area(viewer.t("judge.correction"), maxlength=2_000)
            consent = ui.checkbox(viewer.t("judge.consent"))
            with ui.element("div").classes("jv-buttons"):
                save = parts.button(viewer.t("common.save"), kind="primary")

        async def keep() -> None:
            if verdict.value is None:
                viewer.warn(viewer.t("judge.choose"))
                return
            async with viewer.trying(viewer.t("judge.saved"), save):
                n = chosen.value if chosen is not None else about
                missing = verdict.value == "missing"
                cell = next((each for each in cells if each.n == n), None)
                given = MarkIn(
                    epoch=cell.epoch if cell else 1,
                    n=None if missing else n,
                    t=t if missing else None,
                    verdict=verdict.value,
                    correction=correction.value or "",
                    consent=bool(consent.value),
                )
                await viewer.services.marks.mark(viewer.actor, self._id, given)
                dialog.close()
                await self._changed()

        save.on_click(keep)

    async def _remove(self, mark: int, dialog: ui.dialog) -> None:
        async with self._viewer.trying(self._viewer.t("common.deleted")):
            await self._viewer.services.marks.remove(self._viewer.actor, self._id, mark)
            dialog.close()
            await self._changed()


_KINDS = ("silence", "speak", "delegate", "gated")
