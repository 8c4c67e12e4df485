"""The past of sessions, as the store keeps it: read, searched, exported."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.store.tables import erasures, events, memory_items, pictures
from web_dashboard import exporting
from web_dashboard.permissions import Actor, Permission, UnknownError
from web_dashboard.schemas.history import (
    CellPage,
    Delivered,
    ErasureView,
    ExportForm,
    FoundView,
    HistoryView,
    InstructionView,
    Line,
    LinePage,
    MemoryPage,
    MemoryView,
    PicturePage,
    PictureView,
    StatusView,
    TicketView,
    TickPage,
    TokenMinute,
)
from web_dashboard.services import history_views as views
from web_dashboard.services.history_rows import Row, between, known_session, page, read_json

if TYPE_CHECKING:
    from web_dashboard.services.audit import Audit
    from web_dashboard.services.context import Context

MAX_PAGE = 500
MAX_CELLS = 2_000
MAX_ACTS = 5_000
"""Acts that are looked through for what came of instructions: the newest."""
MAX_KEPT = 1_000
"""Instructions' and tickets' lines that are told: the newest."""
MAX_TICKS = 21_600
"""Ticks that tokens are summed over: six hours of seconds."""
DELIVERED_WITHIN = 120.0
"""Session seconds after a line in which its deliveries are looked for."""
_SPOKEN = events.c.action.is_not(None)
_GATED = (events.c.kind == "tick") & events.c.body.like('%"gate":"%')
_LINES = _SPOKEN | events.c.kind.in_(("speech", "chat")) | _GATED


class History:
    """What happened in sessions. Everything asks for a session that the store knows."""

    def __init__(self, context: Context, audit: Audit) -> None:
        self._context = context
        self._audit = audit

    async def overview(self, actor: Actor, session: str) -> HistoryView:
        """What there is of a session.

        Raises:
            UnknownError: Nothing is kept of it.
        """
        actor.require(Permission.SESSIONS_READ)
        async with self._context.database.reading() as connection:
            known = await known_session(connection, session)
            count = select(func.count()).select_from(events).where(events.c.session == session)
            logged = await connection.scalar(count)
            shown = select(pictures.c.kind, func.count()).where(pictures.c.session == session)
            kinds: dict[str, int] = await _counts(connection, shown.group_by(pictures.c.kind))
            erased = select(erasures).where(erasures.c.session == session).order_by(erasures.c.id.desc()).limit(50)
            gone = (await connection.execute(erased)).mappings().all()
        return HistoryView(
            id=session,
            room=known["room"],
            began=known["began"],
            t=known["t"],
            ended=known["ended"],
            epochs=known["epoch"],
            events=logged or 0,
            pictures=kinds.get("thumbnail", 0),
            frames=kinds.get("frame", 0),
            erased=tuple(ErasureView(since=row["since"], until=row["until"], wall=row["wall"]) for row in gone),
        )

    # --- the log --------------------------------------------------------------------------------

    async def ticks(
        self,
        actor: Actor,
        session: str,
        since: float | None = None,
        until: float | None = None,
        limit: int = 200,
        *,
        before: str | None = None,
        after: str | None = None,
    ) -> TickPage:
        """Ticks as they are in the log; without `after`, the newest."""
        rows, earlier, later = await self._page(
            actor, session, between(events.c.kind == "tick", since, until), before, after, min(limit, MAX_PAGE)
        )
        return TickPage(ticks=tuple({"epoch": row.epoch} | row.event for row in rows), before=earlier, after=later)

    async def cells(
        self,
        actor: Actor,
        session: str,
        since: float | None = None,
        limit: int = MAX_CELLS,
        *,
        before: str | None = None,
        after: str | None = None,
    ) -> CellPage:
        """Ticks, short; without `after`, the newest."""
        wanted = between(events.c.kind == "tick", since, None)
        rows, earlier, later = await self._page(actor, session, wanted, before, after, min(limit, MAX_CELLS))
        cells = tuple(views.cell_of(row.event, row.epoch) for row in rows)
        return CellPage.model_construct(cells=cells, before=earlier, after=later)

    async def transcript(
        self,
        actor: Actor,
        session: str,
        since: float | None = None,
        until: float | None = None,
        limit: int = 200,
        *,
        before: str | None = None,
        after: str | None = None,
    ) -> LinePage:
        """What was said, heard and written, with how it was delivered; without `after`, the newest."""
        return await self._lines(actor, session, between(_LINES, since, until), limit, before, after)

    async def chat(
        self, actor: Actor, session: str, limit: int = 200, *, before: str | None = None, after: str | None = None
    ) -> LinePage:
        """What was written in the chat; without `after`, the newest."""
        return await self._lines(actor, session, events.c.kind == "chat", limit, before, after)

    async def instructions(self, actor: Actor, session: str) -> list[InstructionView]:
        """Instructions with their changes and what came of them, the standing ones first."""
        about = (events.c.kind == "status") & events.c.body.not_like('%"instruction":null%')
        log, *_ = await self._page(actor, session, (events.c.kind == "instruction") | about, None, None, MAX_KEPT)
        acts, *_ = await self._page(actor, session, _SPOKEN, None, None, MAX_ACTS)
        totals = await self._totals(session)
        return views.instructions_of((row.event for row in log), (row.event for row in acts), totals)

    async def tickets(self, actor: Actor, session: str) -> list[TicketView]:
        """Delegations, the newest first."""
        wanted = (events.c.kind == "ticket") | (events.c.action == "delegate")
        rows, *_ = await self._page(actor, session, wanted, None, None, MAX_KEPT)
        return views.tickets_of(row.event for row in rows)

    async def statuses(self, actor: Actor, session: str, limit: int = 200) -> list[StatusView]:
        """Statuses in their order, the newest of them."""
        rows, *_ = await self._page(actor, session, events.c.kind == "status", None, None, min(limit, MAX_PAGE))
        return [views.status_of(row.event) for row in rows]

    async def tokens(self, actor: Actor, session: str, minutes: int = 60) -> tuple[TokenMinute, ...]:
        """Tokens by minute, dense against codec: the newest minutes, at most six hours."""
        minutes = max(1, min(minutes, MAX_TICKS // 60))
        meter = await self.meter(actor, session, minutes)
        return meter.minutes(minutes)

    async def meter(self, actor: Actor, session: str, minutes: int = 60) -> views.TokenMeter:
        """The same, to be gone on with."""
        known = await self.overview(actor, session)
        wanted = between(events.c.kind == "tick", known.t - minutes * 60, None)
        meter, before, pages = views.TokenMeter(), None, []
        for _ in range(MAX_TICKS // MAX_CELLS + 1):
            rows, before, _ = await self._page(actor, session, wanted, before, None, MAX_CELLS)
            pages.append(rows)
            if before is None:
                break
        for row in (row for rows in reversed(pages) for row in rows):
            meter.add(row.event)
        return meter

    # --- memory and pictures --------------------------------------------------------------------

    async def memory(
        self, actor: Actor, session: str, kind: str | None = None, limit: int = 100, *, before: int | None = None
    ) -> MemoryPage:
        """What it remembers, newest first, of one kind or of all."""
        actor.require(Permission.SESSIONS_READ)
        mine = memory_items.c.session == session
        chosen = select(memory_items).where(mine, memory_items.c.text != "")
        if kind:
            chosen = chosen.where(memory_items.c.kind == kind)
        if before is not None:
            chosen = chosen.where(memory_items.c.id < before)
        limit = max(1, min(limit, MAX_PAGE))
        counted = select(memory_items.c.kind, func.count()).where(mine, memory_items.c.text != "")
        async with self._context.database.reading() as connection:
            await known_session(connection, session)
            kinds: dict[str, int] = await _counts(connection, counted.group_by(memory_items.c.kind))
            rows = (
                (await connection.execute(chosen.order_by(memory_items.c.id.desc()).limit(limit + 1))).mappings().all()
            )
        fields = ("id", "kind", "t", "until", "text", "tokens")
        items = tuple(MemoryView(**{name: row[name] for name in fields}) for row in rows[:limit])
        return MemoryPage(kinds=kinds, items=items, before=items[-1].id if len(rows) > limit else None)

    async def search(self, actor: Actor, session: str, question: str, limit: int = 20) -> list[FoundView]:
        """What of it fits a question best, with pictures."""
        known = await self.overview(actor, session)
        now = known.t if known.ended is not None else max(known.t, self._context.wall() - known.began)
        found = await self._context.store.search(session, question, now=now, limit=max(1, min(limit, 50)))
        return [
            FoundView(
                t=each.t,
                until=each.until,
                kind=each.kind,
                text=each.text,
                score=each.score,
                picture=_data_url(each.thumbnail) if each.thumbnail else "",
            )
            for each in found
        ]

    async def thumbnails(
        self, actor: Actor, session: str, since: float = 0.0, limit: int = MAX_PAGE, kind: str | None = None
    ) -> PicturePage:
        """Which pictures were kept from a session second on, in their order."""
        actor.require(Permission.SESSIONS_READ)
        limit = max(1, min(limit, MAX_PAGE))
        chosen = select(pictures.c.id, pictures.c.t, pictures.c.kind, pictures.c.track)
        chosen = chosen.where(pictures.c.session == session, pictures.c.t >= since)
        if kind:
            chosen = chosen.where(pictures.c.kind == kind)
        async with self._context.database.reading() as connection:
            await known_session(connection, session)
            ordered = chosen.order_by(pictures.c.t, pictures.c.id).limit(limit + 1)
            rows = (await connection.execute(ordered)).mappings().all()
        further = rows[limit]["t"] if len(rows) > limit and rows[limit]["t"] > since else None
        return PicturePage(pictures=tuple(PictureView(**row) for row in rows[:limit]), next=further)

    async def picture(self, actor: Actor, session: str, picture: int) -> bytes:
        """A picture as JPEG.

        Raises:
            UnknownError: There is none, or it was erased.
        """
        actor.require(Permission.SESSIONS_READ)
        mine = select(pictures.c.jpeg).where(pictures.c.session == session, pictures.c.id == picture)
        async with self._context.database.reading() as connection:
            jpeg: bytes | None = await connection.scalar(mine)
        if jpeg is None:
            raise UnknownError("There is no such picture.", source="history", kind="unknown_picture")
        return jpeg

    # --- export ---------------------------------------------------------------------------------

    async def export(self, actor: Actor, session: str, form: ExportForm) -> AsyncIterator[str]:
        """A session as a file, piece by piece.

        Its log (jsonl), spoken lines (srt), ticks (csv), or what people consented to as data (marks).

        Raises:
            UnknownError: Nothing is kept of it.
        """
        await self.overview(actor, session)
        await self._audit.write(actor, "session.exported", session, {"form": form})
        match form:
            case "jsonl":
                return exporting.jsonl(self._context.store.events(session))
            case "srt":
                return exporting.srt(self._context.store.events(session))
            case "csv":
                return exporting.table(self._context.store.events(session))
            case "marks":
                return exporting.marked(self._context.database, session)

    # --- what they share ------------------------------------------------------------------------

    async def _lines(
        self, actor: Actor, session: str, wanted: ColumnElement[bool], limit: int, before: str | None, after: str | None
    ) -> LinePage:
        rows, earlier, later = await self._page(actor, session, wanted, before, after, min(limit, MAX_PAGE))
        delivered = await self._delivered(session, rows)
        found: list[Line] = []
        for row in rows:
            line = views.line_of(row.event, row.epoch, row.at, delivered.get((row.epoch, row.event.get("n", -1)), ()))
            if line is not None:
                found.append(line)
        return LinePage(lines=tuple(found), before=earlier, after=later)

    async def _delivered(self, session: str, rows: Sequence[Row]) -> dict[tuple[int, int], list[Delivered]]:
        """How the acts among the rows reached people."""
        acts = [row for row in rows if row.event["kind"] == "tick"]
        if not acts:
            return {}
        first, last = acts[0], acts[-1]
        since = min(row.event["t"] for row in acts) - DELIVERED_WITHIN
        wanted = select(events.c.epoch, events.c.body).where(
            events.c.session == session,
            events.c.kind == "delivery",
            tuple_(events.c.epoch, events.c.seq) > (first.epoch, first.seq),
            events.c.t.between(since, last.event["t"] + DELIVERED_WITHIN),
        )
        async with self._context.database.reading() as connection:
            found = (await connection.execute(wanted.order_by(events.c.epoch, events.c.seq).limit(MAX_ACTS))).all()
        delivered: dict[tuple[int, int], list[Delivered]] = {}
        for row in found:
            event = json.loads(row.body)
            one = Delivered(sink=event.get("sink") or "", t=event["t"], dropped=event.get("dropped") or "")
            delivered.setdefault((row.epoch, event.get("tick", -1)), []).append(one)
        return delivered

    async def _totals(self, session: str) -> dict[str, tuple[str, int]]:
        """How far each instruction was counted."""
        mine = (memory_items.c.session == session) & (memory_items.c.kind == "total")
        chosen = select(memory_items.c.data).where(mine).order_by(memory_items.c.id.desc()).limit(MAX_KEPT)
        async with self._context.database.reading() as connection:
            lines = (await connection.scalars(chosen)).all()
        found: dict[str, tuple[str, int]] = {}
        for line in lines:
            data = read_json(line)
            name, total = data.get("instruction"), data.get("total")
            if isinstance(name, str) and isinstance(total, int):
                found.setdefault(name, (str(data.get("words") or ""), total))
        return found

    async def _page(
        self,
        actor: Actor,
        session: str,
        wanted: ColumnElement[bool],
        before: str | None,
        after: str | None,
        limit: int,
    ) -> tuple[list[Row], str | None, str | None]:
        actor.require(Permission.SESSIONS_READ)
        return await page(self._context.database, session, wanted, before=before, after=after, limit=limit)


def _data_url(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


async def _counts(connection: AsyncConnection, asked: Select[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in await connection.execute(asked)}
