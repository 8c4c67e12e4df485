"""A session's own way into the store: what it takes is written in the background, in order, in batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING

from joyvl_core.clock import Clock
from joyvl_core.errors import JoyVLError, StayFailedError
from joyvl_core.events import AnyEvent, StatusEvent, TickEvent
from joyvl_core.memory.items import MemoryItem
from joyvl_core.observation import FrameKind, Recollection
from joyvl_core.store.buffer import Buffer, Table, Waiting
from joyvl_core.store.rows import (
    MAX_JPEG,
    MAX_NUMBER,
    PictureKind,
    Row,
    entry_of_event,
    entry_of_item,
    event_row,
    item_row,
    picture_row,
)
from joyvl_core.store.sessions import Session
from joyvl_core.store.troubles import crowded, late, not_taken, twice, unexpected
from joyvl_core.store.writing import write_pictures, write_rows

if TYPE_CHECKING:
    from joyvl_core.store.erasing import Erased
    from joyvl_core.store.store import Store

EVERY = 1.0
"""Seconds that a silent tick may wait for others to be written with."""
COMMIT_WITHIN = 3.0
"""Seconds after which `committed` gives up."""
WRITE_WITHIN = 10.0
"""Seconds for one batch."""
END_WITHIN = 2.0
"""Seconds that a batch gets to end in when its task is cancelled."""
_WAITING = 4_000
_PICTURES = 64
_BATCH = 1_000
_PICTURE_BATCH = 16
_AGAIN = (0.2, 5.0)
"""Seconds until a failed batch is tried again: at first, and at most."""


class SessionKeeper:
    """Keeps a session's events, memory and pictures. Implements `Ledger`, `MemoryKeeper` and `Archive`.

    Its owner runs `run()` as a task, and calls `aclose()` when that has ended.

    Args:
        trouble: Told of each new trouble, once, until writing works again.
        every: Seconds that a silent tick may wait to be written.
        waiting: Rows that may wait while the database is slow or away.

    Attributes:
        kept: Memory items taken so far, with those of earlier epochs that the session got back.
    """

    def __init__(
        self,
        store: Store,
        session: Session,
        clock: Clock,
        *,
        trouble: Callable[[JoyVLError], None] = lambda error: None,
        every: float = EVERY,
        waiting: int = _WAITING,
    ) -> None:
        self._store = store
        self._session = session
        self._clock = clock
        self._trouble = trouble
        self._every = every
        self._buffer = Buffer(waiting)
        self._pictures: deque[tuple[int, Row]] = deque()
        self._seq = 0
        self._needed = 0
        """Number of the last row that must not be lost."""
        self._last_n = -1
        self._latest = 0.0
        self._refused = False
        """Something that had to be kept found no room, and nobody was told yet."""
        self._failed: JoyVLError | None = None
        self._failures = 0
        self._stale: StayFailedError | None = None
        self._told: set[str] = set()
        self._arrived, self._urged = asyncio.Event(), asyncio.Event()
        self._flushed = asyncio.Condition()
        self._flushing = asyncio.Lock()
        self._closed = False
        self.kept = len(session.resumed.items) if session.resumed else 0

    @property
    def session(self) -> Session:
        """Whose keeper it is."""
        return self._session

    # --- what is taken -------------------------------------------------------------------------

    def write(self, event: AnyEvent) -> None:
        """Takes an event and returns at once. Silent ticks and statuses give way where there is no room."""
        if isinstance(event, TickEvent):
            if not self._last_n < event.n <= MAX_NUMBER:
                self._tell(twice(event.n))
                return
            self._last_n = event.n
        silent = isinstance(event, TickEvent) and event.action == "silence"
        self._latest = max(self._latest, event.t)
        self._take("events", event_row(event), entry_of_event(event), silent or isinstance(event, StatusEvent))

    def keep(self, item: MemoryItem) -> None:
        """Remembers an item; returns at once.

        Raises:
            BadInputError: Its data is no JSON, or too long.
        """
        row = item_row(item)
        self.kept += 1
        self._take("memory_items", row, entry_of_item(row), gives_way=False)

    def picture(
        self,
        t: float,
        track: str,
        jpeg: bytes,
        *,
        kind: PictureKind,
        tick: int | None = None,
        frame: FrameKind | None = None,
    ) -> None:
        """Takes a thumbnail, or a frame as the model saw it, and returns at once.

        Pictures are written after everything else, and the oldest give way when too many wait. One of more than
        2 MB is not kept.
        """
        if self._stale or self._closed or not jpeg or len(jpeg) > MAX_JPEG or not isfinite(t):
            return
        if len(self._pictures) >= _PICTURES:
            self._pictures.popleft()
            self._tell(crowded("pictures", "the oldest are left out"))
        self._seq += 1
        self._pictures.append((self._seq, picture_row(t, track, jpeg, kind, tick, frame)))
        self._arrived.set()

    async def committed(self) -> None:
        """Returns once everything taken so far that must not be lost survives the end of this process.

        What a crash may lose, silent ticks and statuses, is not waited for: where nothing else waits, this returns at
        once.

        Raises:
            StayFailedError: Another process has taken the session over.
            UnavailableError: The database did not take it in time, or something found no room; at once as long as
                the last attempt to write failed.
        """
        if self._failed is not None and self._buffer:
            # Raised again and again, it must not gather where it has been.
            raise self._failed.with_traceback(None)
        target = self._needed
        if not self._is_written(target):
            self._urged.set()
        try:
            async with asyncio.timeout(COMMIT_WITHIN), self._flushed:
                await self._flushed.wait_for(lambda: self._stale is not None or self._is_written(target))
        except TimeoutError:
            raise (self._failed or late(COMMIT_WITHIN)).with_traceback(None) from None
        if self._stale:
            raise self._stale.with_traceback(None)
        if self._refused:
            self._refused = False
            raise not_taken()

    # --- the task ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Writes until cancelled, and until another process takes the session over."""
        meaning = asyncio.create_task(self._store.meanings.run(self._session.id), name="store vectors")
        try:
            while not self._stale:
                await self._due()
                await self._flush()
        finally:
            meaning.cancel()
            await asyncio.gather(meaning, return_exceptions=True)

    async def aclose(self) -> None:
        """Writes what is left, if the database takes it, and takes nothing more. Idempotent."""
        if self._closed:
            return
        while (self._buffer or self._pictures) and not self._stale and await self._flush():
            pass
        self._closed = True

    # --- what is asked -------------------------------------------------------------------------

    async def search(self, question: str, *, now: float, limit: int = 6) -> tuple[Recollection, ...]:
        """What fits the question best, by words, by meaning and by the time it names, best first.

        Raises:
            UnavailableError: The database can't be asked.
        """
        if self._buffer and not self._failed and not self._stale:
            await self._flush()
        return await self._store.search(self._session.id, question, now=now, limit=limit)

    async def erase(self, since: float | None = None, until: float | None = None) -> Erased:
        """Erases what happened between two session seconds, what waits to be written included.

        Raises:
            UnavailableError: The database can't be written.
        """
        while (self._buffer or self._pictures) and not self._stale:
            if not await self._flush():
                raise self._failed or late(COMMIT_WITHIN)
        return await self._store.erase(self._session.id, since, until)

    # -------------------------------------------------------------------------------------------

    def _take(self, table: Table, row: Row, entry: Row | None, gives_way: bool) -> None:
        if self._stale:
            return
        self._seq += 1
        lost = self._buffer.lost
        waiting = Waiting(self._seq, table, row, entry, gives_way)
        if not gives_way:
            self._needed = self._seq
        taken = not self._closed and self._buffer.add(waiting)
        if not taken and not gives_way:
            self._refused = True
            self._tell(not_taken())
        elif self._buffer.lost > lost:
            self._tell(crowded("rows", "silent ticks are left out"))
        self._arrived.set()
        if len(self._buffer) >= _BATCH:
            self._urged.set()

    def _is_written(self, target: int) -> bool:
        first = self._buffer.first(1)
        return not first or first[0].seq > target

    async def _due(self) -> None:
        """Returns when there is something to write: soon, at once where somebody waits, later after a failure."""
        if self._failures:
            first, most = _AGAIN
            await asyncio.sleep(min(most, first * 2.0 ** min(self._failures - 1, 10)))
            return
        await self._arrived.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._every):
                await self._urged.wait()

    async def _flush(self) -> bool:
        """Writes one batch; whether it worked. A transaction under way is not cut off: nobody knew how it ended."""
        writing = asyncio.create_task(self._write(), name="store batch")
        try:
            async with asyncio.timeout(WRITE_WITHIN):
                return await asyncio.shield(writing)
        except TimeoutError:
            self._fail(late(WRITE_WITHIN))
            return False
        finally:
            if not writing.done():
                await asyncio.wait({writing}, timeout=END_WITHIN)
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    async def _write(self) -> bool:
        async with self._flushing:
            self._arrived.clear()
            self._urged.clear()
            try:
                await self._write_rows()
                await self._write_pictures()
            except StayFailedError as error:
                self._stale = error
                self._buffer.written(self._buffer.first(len(self._buffer)))
                self._pictures.clear()
                self._tell(error)
            except JoyVLError as error:
                self._fail(error)
                return False
            except Exception as error:  # whatever else a driver raises: a trouble, not the end of writing
                self._fail(unexpected(error))
                return False
            finally:
                async with self._flushed:
                    self._flushed.notify_all()
            self._failed, self._failures = None, 0
            if self._buffer or self._pictures:
                self._arrived.set()
            else:
                self._told.clear()
            return True

    async def _write_rows(self) -> None:
        batch = self._buffer.first(_BATCH)
        if not batch:
            return
        async with self._store.database.writing() as connection:
            await write_rows(connection, self._session, batch, self._latest)
        self._buffer.written(batch)
        if any(waiting.entry for waiting in batch):
            self._store.meanings.arrived(self._session.id)
        async with self._flushed:
            self._flushed.notify_all()

    async def _write_pictures(self) -> None:
        batch = list(self._pictures)[:_PICTURE_BATCH]
        if not batch:
            return
        async with self._store.database.writing() as connection:
            await write_pictures(connection, self._session, batch)
        written = {seq for seq, _ in batch}
        while self._pictures and self._pictures[0][0] in written:
            self._pictures.popleft()

    def _fail(self, error: JoyVLError) -> None:
        self._failed, self._failures = error, self._failures + 1
        self._tell(error)

    def _tell(self, error: JoyVLError) -> None:
        """Reports a trouble once, until writing works again."""
        if error.kind not in self._told:
            self._told.add(error.kind)
            self._trouble(error)
