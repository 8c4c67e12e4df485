"""Sessions in a pool of workers: a `Launcher` that dispatches them through a LiveKit server.

livekit-agents hands a job to a worker, and that is all it does: what became of it is known from the workers' reports
and the sessions' links.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.link.sealing import seal
from bot.link.worker_messages import DEAD_AFTER, JobMetadata, StartMade, StartWanted, WorkerHello, WorkerReport
from joyvl_core.errors import BadInputError, UnavailableError
from web_dashboard.fleet.launching import Capacity, Placement, StartedJob
from web_dashboard.fleet.pool_dispatch import Dispatched, Dispatcher
from web_dashboard.fleet.pool_workers import Known, Start, Workers
from web_dashboard.permissions import UnknownError
from web_dashboard.schemas.places import AnyPlace, LiveKitPlace

TAKEN_WITHIN = 8.0
"""Seconds in which a worker has told of a session that was dispatched; else it is dispatched again."""
_DEAF_AFTER = 3.0
_OWN_ROOM = "joyvl-session-"
_SAME_HOST = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """A pool.

    Attributes:
        url: The LiveKit server that hands sessions out; `key` and `secret` are its key.
        token: By which workers are known, and which seals what is dispatched to them.
        agent: The name that the workers listen to.
    """

    url: str
    key: str
    secret: SecretStr
    token: SecretStr
    agent: str = "joyvl"

    def __post_init__(self) -> None:
        if not (self.key and self.secret.get_secret_value()):
            raise BadInputError(
                "A pool of workers needs the LiveKit server's key and secret.",
                source="fleet.pool",
                kind="no_credentials",
                hint="Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
            )


def check_database(url: str, *, one_machine: bool = False) -> None:
    """Returns where workers can share this database.

    Args:
        url: Where sessions are kept.
        one_machine: All workers run on this machine, beside the control plane.

    Raises:
        BadInputError: It is a file, which no other machine can open.
    """
    if urlsplit(url).scheme.startswith("sqlite") and not one_machine:
        raise BadInputError(
            "Workers can't share a file as their database.",
            source="fleet.pool",
            kind="sqlite",
            hint="Set DATABASE_URL to a PostgreSQL server that all workers reach.",
        )


class Dispatching(Protocol):
    """What a pool needs of a LiveKit server; `Dispatcher` is it."""

    async def dispatch(self, metadata: JobMetadata, room: str, *, own_room: bool) -> Dispatched:
        """Hands a session out."""
        ...

    async def withdraw(self, dispatched: Dispatched, *, identity: str = "") -> None:
        """Takes it back."""
        ...

    async def aclose(self) -> None:
        """Closes its connections."""
        ...


async def _makes_none(hello: WorkerHello, wanted: StartWanted) -> StartMade:
    raise UnavailableError("Nobody makes sessions here.", source="fleet.pool", kind="standby", retryable=True)


@dataclass(slots=True)
class Listeners:
    """Whom a pool asks and tells.

    Attributes:
        hears: Whether a start of a session is on the line itself.
        wake: Called when something happened that the fleet had better look at.
        start: Makes a session that a worker asks for. Raises JoyVLError where there is to be none.
    """

    hears: Callable[[str, int], bool] = lambda session, start: False
    wake: Callable[[], None] = lambda: None
    start: Callable[[WorkerHello, StartWanted], Awaitable[StartMade]] = _makes_none


@dataclass(frozen=True, slots=True)
class _Pending:
    """A session that was dispatched and that no worker has told of yet."""

    made: float


class Pool:
    """Launches sessions on workers.

    Args:
        options: What it is.
        wall: Unix seconds of this moment.
        dispatching: Hands them out; by default through the LiveKit server that `options` name.

    Attributes:
        workers: What is known of the workers.
        listeners: Whom it asks and tells; set once the fleet is there.
    """

    name = "pool"
    # A worker tells at once what it has accepted, and says so by `alive`: this is for one that accepts and hangs.
    hello_within = 20.0
    silent_for = 6.0
    starts_at_once = 16

    def __init__(self, options: PoolOptions, wall: Callable[[], float], dispatching: Dispatching | None = None) -> None:
        self.workers = Workers(wall)
        self.listeners = Listeners()
        self._options = options
        self._wall = wall
        self._dispatching: Dispatching = dispatching or Dispatcher(
            options.url, options.key, options.secret, options.agent
        )
        self._pending: dict[Start, _Pending] = {}
        self._connected: dict[str, Callable[[], None]] = {}
        self._listening_since = self._looked = wall()

    # --- the launcher -----------------------------------------------------------------------------

    def capacity(self, placed: int) -> Capacity:
        """How many more may be started; and where none may, why not."""
        self._notice_a_pause()
        if (free := self.free()) > 0:
            return Capacity(free)
        living = self.workers.living()
        open_ = [known for known in living if not known.draining]
        if not living:
            return Capacity(0, "No worker is connected: it starts when one is.")
        if not open_:
            return Capacity(0, "All workers are draining: it starts when another one is connected.")
        places = sum(known.hello.slots for known in open_)
        workers = "1 worker" if len(open_) == 1 else f"{len(open_)} workers"
        return Capacity(0, f"All {places} places of {workers} are taken: it starts when one is free.")

    def free(self) -> int:
        """Slots that are neither taken nor promised."""
        return sum(known.free for known in self.workers.living()) - len(self._promised())

    async def start(self, job: StartedJob) -> Placement:
        """Dispatches it. It must not be called where `capacity` has none: a dispatch that nobody accepts is lost.

        Raises:
            UnavailableError: No slot is free, or the LiveKit server can't be asked.
        """
        if self.free() < 1:
            raise UnavailableError(
                "No worker has a free place.",
                source="fleet.pool",
                kind="full",
                hint="Wait, or start another worker.",
                retryable=True,
            )
        room, own = _room_of(job.place, job.session, self._options.url)
        sealed = self.sealed(job.session, job.start, job.token)
        metadata = JobMetadata(session=job.session, start=job.start, seal=sealed)
        key = (job.session, job.start)
        # Before it is awaited: many are started at once.
        self._pending[key] = _Pending(self._wall())
        try:
            made = await self._dispatching.dispatch(metadata, room, own_room=own)
        except BaseException:
            self._pending.pop(key, None)
            raise
        return self.placement(*key, made)

    def placement(self, session: str, start: int, made: Dispatched) -> Placement:
        """How a session is found again that was dispatched just now, by whomever."""
        return {
            "session": session,
            "start": start,
            "dispatch": made.id,
            "room": made.room,
            "own_room": made.own_room,
            "made": self._wall(),
        }

    def goes_to(self, place: AnyPlace, room: str) -> bool:
        """Whether a place is this room of the pool's own LiveKit server."""
        return isinstance(place, LiveKitPlace) and _room_of(place, "", self._options.url) == (room, False)

    def sealed(self, session: str, start: int, token: str) -> str:
        """The token of a session's link, of use to workers alone."""
        return seal(token, session, start, self._options.token)

    async def alive(self, placement: Placement) -> bool | None:
        """Whether it runs, by the workers' reports. A session that is on the line itself is never called dead."""
        key = _key(placement)
        if self.workers.holder(key) is not None:
            return True
        now = self._wall()
        if self.listeners.hears(*key) or now - self._listening_since < DEAD_AFTER:
            return None
        if self.workers.was_held(key):
            return False  # its worker is dead, or lives and has it no more
        # Nobody has told of it yet, or not since this control plane came up.
        return None if now - float(placement.get("made", 0.0)) < TAKEN_WITHIN else False

    async def kill(self, placement: Placement, *, gently: bool = False) -> None:
        """Takes its dispatch back, so that its job leaves; and not gently, removes what is left of it from its room."""
        key = _key(placement)
        dispatched = Dispatched(
            str(placement.get("dispatch", "")), str(placement.get("room", "")), bool(placement.get("own_room"))
        )
        identity = "" if gently else f"joyvl-{key[0]}"
        await self._dispatching.withdraw(dispatched, identity=identity)
        if not gently:
            self._pending.pop(key, None)
            self.workers.forget(key)

    def farewell(self, placement: Placement) -> str:
        """How it ended, as far as the workers' reports tell."""
        key = _key(placement)
        held = self.workers.was_held(key)
        if not held:
            return "no worker took it"
        return "its process is gone" if self.workers.get(held) else f"worker {held} is gone"

    async def close(self) -> None:
        """Lets go of the LiveKit server; what runs goes on."""
        await self._dispatching.aclose()

    # --- the workers' links -----------------------------------------------------------------------

    def admits(self, token: str) -> bool:
        """Whether whoever shows this token is a worker."""
        return hmac.compare_digest(token.encode(), self._options.token.get_secret_value().encode())

    def joined(self, hello: WorkerHello, tell_drain: Callable[[], None]) -> bool:
        """A worker is on the line; `tell_drain` has it told to drain. False where there are too many."""
        if not self.workers.joined(hello):
            return False
        self._connected[hello.worker] = tell_drain
        if (known := self.workers.get(hello.worker)) and known.told_to_drain:
            tell_drain()
        return True

    def reported(self, hello: WorkerHello, report: WorkerReport) -> None:
        """A report came."""
        worker = hello.worker
        before = self.workers.get(worker)
        self.workers.reported(hello, report)
        for held in report.sessions:
            self._pending.pop((held.session, held.start), None)
        after = self.workers.get(worker)
        if before is None or after is None or before.free != after.free or before.holds() != after.holds():
            self.listeners.wake()

    def left(self, worker: str, tell_drain: Callable[[], None]) -> None:
        """A connection has closed; of two of one worker the later counts."""
        if self._connected.get(worker) is tell_drain:
            del self._connected[worker]
            self.workers.left(worker)

    def ended(self, worker: str) -> None:
        """A worker has said goodbye: it holds nothing any more."""
        self.workers.ended(worker)
        self.listeners.wake()

    def drain(self, worker: str) -> Known:
        """Has a worker accept nothing more. Its sessions are moved away, and then it ends.

        Raises:
            UnknownError: There is no such worker.
        """
        known = self.workers.get(worker)
        if known is None:
            raise UnknownError(
                "There is no such worker.", source="fleet.pool", kind="unknown", hint="It may have ended: look again."
            )
        self.workers.drain(worker)
        if tell := self._connected.get(worker):
            tell()
        self.listeners.wake()
        return self.workers.get(worker) or known

    def _notice_a_pause(self) -> None:
        """Called at each look of the fleet's. While this process, or its machine, stood still nobody was heard."""
        now = self._wall()
        if now - self._looked > _DEAF_AFTER:
            self._listening_since = now
        self._looked = now

    def _promised(self) -> list[Start]:
        """Starts that were dispatched and that no worker has told of; those that nobody took are forgotten."""
        now = self._wall()
        self._pending = {key: each for key, each in self._pending.items() if now - each.made < TAKEN_WITHIN}
        return list(self._pending)


def _key(placement: Placement) -> Start:
    return str(placement.get("session", "")), int(placement.get("start", 0))


def _room_of(place: AnyPlace, session: str, server: str) -> tuple[str, bool]:
    """The room that a session is dispatched to: its own, or one of the pool's where it goes elsewhere."""
    if isinstance(place, LiveKitPlace) and (not place.url or _same(place.url, server)):
        return place.room, False
    return f"{_OWN_ROOM}{session}", True


def _same(one: str, other: str) -> bool:
    def address(url: str) -> tuple[str, int | None]:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return "localhost" if host in _SAME_HOST else host, parts.port

    try:
        return address(one) == address(other)
    except ValueError:
        return False
