"""What a session remembers: its tiers, and a search with pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from web_dashboard.ui import parts
from web_dashboard.ui.cards import duration
from web_dashboard.ui.session.following import Following
from web_dashboard.ui.viewer import Viewer

if TYPE_CHECKING:
    from web_dashboard.schemas.history import FoundView, MemoryPage

_ORDER = ("turn", "summary", "block", "exchange", "seen")
_KINDS = ("turn", "summary", "block", "exchange", "seen", "said", "heard", "chat", "answer", "instruction")
_PAGE = 30
_MOST = 300
_SEEK = "(t) => document.dispatchEvent(new CustomEvent('js-seek', {detail: {t}}))"


class MemoryPanel:
    """Memory by tier, the newest first."""

    beats = 15.0

    def __init__(self, viewer: Viewer, session: str, following: Following, *, live: bool) -> None:
        self._viewer = viewer
        self._id = session
        self._following = following
        self._kind = ""
        self._before: Any = None
        self._many = _PAGE
        t = viewer.t
        with ui.element("form").classes("js-ask js-ask-top").on("submit.prevent", self._search):
            self._field = ui.input(placeholder=t("session.search")).props("outlined dense clearable maxlength=500")
            parts.attributes(self._field.classes("jv-field"), {"aria-label": t("session.search")})
            self._field.on("clear", self._leave)
            self._button = parts.button(t("session.search.go"), icon="search").props("type=submit")
        self._found = ui.element("div").classes("js-stack").props("aria-live=polite")
        self._tiers = ui.element("div").classes("js-tiers").props("role=group")
        parts.attributes(self._tiers, {"aria-label": t("session.tiers")})
        self._place = ui.element("div").classes("js-stack")

    async def refresh(self) -> None:
        """Shows it as it is, where that changed."""
        page = await self._viewer.services.history.memory(self._viewer.actor, self._id, self._kind or None, self._many)
        live = self._following.live
        working = live.heartbeat.memory if live and live.heartbeat else {}
        state = (page, self._kind, tuple(working.items()))
        if state == self._before:
            return
        self._before = state
        self._show(page, working)

    def _show(self, page: MemoryPage, tiers: dict[str, int]) -> None:
        t = self._viewer.t
        self._tiers.clear()
        with self._tiers:
            for tier, count in tiers.items():
                word = t(f"tier.{tier}") if tier in ("working", "mid_term", "long_term", "archive") else tier
                parts.pill(f"{word} {count}", "calm", "layers")
            kinds = sorted(page.kinds, key=lambda kind: _ORDER.index(kind) if kind in _ORDER else len(_ORDER))
            for kind in ("", *kinds):
                words = t("session.all") if not kind else f"{self._word(kind)} {page.kinds[kind]}"
                chip = ui.element("button").classes("js-chip").props("type=button")
                parts.attributes(chip, {"aria-pressed": str(kind == self._kind).lower()})
                chip.on("click", lambda kind=kind: self._choose(kind))
                with chip:
                    ui.label(words)
        self._place.clear()
        with self._place:
            if not page.items:
                parts.empty("psychology", t("session.no_memory"))
            for item in page.items:
                span = duration(item.t) if item.until <= item.t + 1 else f"{duration(item.t)}–{duration(item.until)}"
                tokens = t("session.tokens", n=item.tokens) if item.tokens else ""
                _remembered(span, item.t, self._word(item.kind), item.text, tokens)
            if page.before is not None and self._many < _MOST:
                parts.button(t("common.more"), self._further)

    def _word(self, kind: str) -> str:
        return self._viewer.t(f"memory.{kind}") if kind in _KINDS else kind

    async def _choose(self, kind: str) -> None:
        self._kind, self._many = kind, _PAGE
        async with self._viewer.trying():
            await self.refresh()

    async def _further(self) -> None:
        self._many = min(_MOST, self._many + 90)
        async with self._viewer.trying():
            await self.refresh()

    def _leave(self) -> None:
        self._found.clear()
        self._tiers.set_visibility(True)
        self._place.set_visibility(True)

    async def _search(self) -> None:
        question = (self._field.value or "").strip()[:500]
        if not question:
            self._leave()
            return
        async with self._viewer.trying(busy=self._button):
            found = await self._viewer.services.history.search(self._viewer.actor, self._id, question)
            self._tiers.set_visibility(False)
            self._place.set_visibility(False)
            self._found.clear()
            with self._found:
                if not found:
                    parts.empty("search_off", self._viewer.t("common.no_match"))
                for each in found:
                    self._hit(each)

    def _hit(self, each: FoundView) -> None:
        span = duration(each.t) if each.until is None else f"{duration(each.t)}–{duration(each.until)}"
        _remembered(span, each.t, self._word(each.kind), each.text, "", each.picture)


def _remembered(span: str, t: float, kind: str, text: str, more: str, picture: str = "") -> None:
    with ui.element("article").classes("js-item js-remembered"):
        if picture:
            parts.attributes(ui.element("img").classes("js-thumb"), {"src": picture, "alt": ""})
        with ui.element("div").classes("js-grow"):
            with ui.element("div").classes("jv-small jv-soft"):
                go = ui.element("button").classes("js-when jv-num").props("type=button")
                go.on("click", js_handler=f"() => ({_SEEK})({float(t)})")
                with go:
                    ui.label(span)
                ui.label(f" · {kind}" + (f" · {more}" if more else "")).classes("js-inline")
            ui.label(text).classes("js-text")
