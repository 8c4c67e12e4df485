"""Keeping a session: its database, what it had before, and what writes beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.assembly import codec_settings
from bot.recording import Album, Recorder, Thumbnails, all_of, tell
from bot.settings import Settings
from bot.stay import Outputs
from joyvl_core.clock import LoopClock
from joyvl_core.errors import BadInputError, JoyVLError, StayFailedError
from joyvl_core.events import EventLog
from joyvl_core.observation import Witness

if TYPE_CHECKING:
    from joyvl_core.store import Resumed, Session, SessionKeeper, Store

_END_WITHIN = 1.0
"""Seconds for writing what is left when a session ends."""
_HANDED_OVER_WITHIN = 2.5
"""Seconds in which a process whose session was taken over has noticed, and has left."""
_UNHEARD = ("crowded", "twice")
"""Kinds of a keeper's troubles that may concern what nobody waits for."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A session that is kept.

    Attributes:
        keeper: Writes it down, and is asked about it.
        resumed: What it had before, where it goes on.
        witness: Keeps pictures of what its model sees.
        lost: Done, with the reason, once another process has taken the session over.
        recorder: Keeps every frame that its model sees, where that is asked for.
    """

    keeper: SessionKeeper
    resumed: Resumed | None
    witness: Witness
    lost: asyncio.Future[StayFailedError]
    recorder: Recorder | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """What a participant begins with: the session's clock, its log with its outputs, and where it is kept, if it is."""

    clock: LoopClock
    out: Outputs
    kept: Kept | None = None


def database_url(settings: Settings) -> str:
    """Where sessions are kept: what the settings say, else a file in the person's data folder."""
    if url := settings.database_url.get_secret_value():
        return url
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return f"sqlite:///{Path(home) / 'joyvl' / 'joyvl.db'}"


async def check_database(settings: Settings) -> None:
    """Looks whether sessions can be kept, before the first is.

    Raises:
        JoyVLError: The database cannot be used.
    """
    from joyvl_core.store import Store

    async with Store.open(database_url(settings)):
        pass


def is_kept(keep: bool | None, session: str | None, record: bool | None, *, default: bool) -> bool:
    """Whether a session is kept, from what was asked for and what is usual.

    Raises:
        BadInputError: It is not to be kept, and yet to be taken up or recorded.
    """
    wanted = bool(session or record)
    if keep is False and wanted:
        raise BadInputError(
            f"A session that is not kept can't be {'taken up' if session else 'recorded'}.",
            source="cli",
            kind="keep",
            hint=f"Leave out --no-keep, or {'--session' if session else '--record'}.",
        )
    return wanted or (default if keep is None else keep)


@asynccontextmanager
async def beginning(
    settings: Settings,
    room: str,
    *,
    jsonl: str | None,
    keep: bool,
    session: str | None = None,
    timeline: bool = True,
    wall: Callable[[], float] = time.time,
) -> AsyncIterator[Begun]:
    """Begins a session, or takes one up again, and writes down its end.

    Args:
        settings: Say where it is kept, and whether frames are recorded.
        room: Where it is.
        jsonl: A file for its log too, or `-` for stdout.
        keep: Whether it is kept at all.
        session: Id of a session: taken up again where it exists.
        timeline: Whether a person reads along at a terminal.
        wall: Unix seconds of this moment.

    Raises:
        JoyVLError: The database cannot be used, or the file cannot be written.
    """
    if not keep:
        clock = LoopClock(started=False)
        out = Outputs(clock, jsonl, timeline=timeline)
        try:
            yield Begun(clock, out)
        finally:
            out.close()
        return
    # The database's libraries take a while to load: only who keeps a session waits for them.
    from joyvl_core.models.embedded.understanding import SentenceEmbedder
    from joyvl_core.store import SessionKeeper, Store

    async with Store.open(database_url(settings), embedder=SentenceEmbedder(), wall=wall) as store:
        begun = await store.begin(session, room=room[:200], wall=wall())
        clock = await _clock(begun, wall)
        out = Outputs(clock, jsonl, timeline=timeline)
        lost: asyncio.Future[StayFailedError] = asyncio.get_running_loop().create_future()
        keeper = SessionKeeper(store, begun, clock, trouble=lambda error: _trouble(out.log, error, lost))
        album = Album(keeper, lambda words: out.log.status("recording.failing", words))
        out.log.to_ledger(keeper)
        try:
            async with _running(keeper.run(), album.run(), _retain(store, settings, out.log, wall())):
                _tell(out.log, begun)
                recorder = _recorder(settings, album, out.log)
                witness = all_of(Thumbnails(album), *filter(None, [recorder]))
                yield Begun(clock, out, Kept(keeper, begun.resumed, witness, lost, recorder))
        finally:
            await _finish(store, begun, keeper, album, clock)
            out.close()


async def _clock(begun: Session, wall: Callable[[], float]) -> LoopClock:
    """The session's clock. A process that may still live gets time to leave: nobody is twice in a room."""
    if begun.resumed is None:
        return LoopClock(started=False, wall=wall)
    if abs(wall() - begun.began - begun.resumed.t) < _HANDED_OVER_WITHIN:
        await asyncio.sleep(_HANDED_OVER_WITHIN)
    # Seconds that were watched faster than they play are not lived through twice.
    return LoopClock(started=False, wall=wall, began=min(begun.began, wall() - begun.resumed.t))


async def _finish(store: Store, session: Session, keeper: SessionKeeper, album: Album, clock: LoopClock) -> None:
    """Writes what is left, as far as there is time."""
    with contextlib.suppress(TimeoutError, JoyVLError):  # the trouble was told when it began
        async with asyncio.timeout(_END_WITHIN):
            await album.aclose()
            await keeper.aclose()
            await store.end(session, clock.now())


def _recorder(settings: Settings, album: Album, log: EventLog) -> Recorder | None:
    if not settings.record:
        return None
    tell(log)
    return Recorder(album, codec_settings(settings))


def _tell(log: EventLog, begun: Session) -> None:
    if begun.resumed is None:
        log.status("session.kept", f"this is session {begun.id}", f"--session {begun.id} takes it up again")
    else:
        log.status("session.resumed", f"session {begun.id} goes on where second {begun.resumed.t:.0f} was the last")


def _trouble(log: EventLog, error: JoyVLError, lost: asyncio.Future[StayFailedError] | None = None) -> None:
    """Tells of a trouble that nobody else does: the engine waits for what must not be lost, and says what it gets."""
    if lost is None or error.kind in _UNHEARD:
        log.status("store.failing", str(error), error.hint)
    if lost is not None and isinstance(error, StayFailedError) and not lost.done():
        lost.set_result(error)


async def _retain(store: Store, settings: Settings, log: EventLog, wall: float) -> None:
    """Erases what is older than it may be, once a session."""
    try:
        await store.retain(wall, days=settings.keep_days, picture_days=settings.keep_pictures_days)
    except JoyVLError as error:
        _trouble(log, error)


@asynccontextmanager
async def _running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs beside the block, and is ended after it."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
