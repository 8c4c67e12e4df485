"""Calls by share link: each is a session of its own, whose process answers the browser directly."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from web_dashboard.db import tables
from web_dashboard.fleet.states import AT_REST
from web_dashboard.permissions import Actor, Permission, Role
from web_dashboard.schemas.places import CallPlace
from web_dashboard.schemas.sessions import StartSession, write_place

if TYPE_CHECKING:
    from web_dashboard.services.context import Services
    from web_dashboard.services.shares import Share

AT_ONCE = 4
"""Most calls of one link at once."""
ANSWERED_WITHIN = 30.0
"""Seconds from the offer to the answer: a process starts, and loads its model."""
_EVERY = 0.1
_KNOWN = 1_000
_AGAIN = ("not_connected", "not_ready", "timeout")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Placed:
    """A call that was answered: its id, known to its browser alone, and the answer's SDP."""

    id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class _Call:
    session: str
    start: int
    actor: Actor


class SharedCalls:
    """Places calls, and ends them. What it forgets at a restart ends by itself when its browser hangs up."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self._placing: dict[int, asyncio.Lock] = {}

    async def place(self, share: Share, offer: str, sources: Mapping[str, str], *, address: str) -> Placed:
        """Starts a session for a browser's offer and returns its answer.

        Raises:
            BadInputError: The offer can't be used.
            UnknownError: The link does not work any more.
            UnavailableError: All its lines are busy, or no session answers.
        """
        actor = Actor(
            f"link: {share.name}"[: tables.MAX_NAME],
            role=Role.OPERATOR,
            scopes=frozenset({Permission.SESSIONS_RUN, Permission.SESSIONS_READ}),
            address=address,
        )
        session = await self._start(share, actor)
        try:
            sdp, start = await self._answer(session, offer, sources, address)
        except BaseException:
            # Also where the browser has gone meanwhile: nobody would be in that call.
            await asyncio.shield(self._undo(share, actor, session))
            raise
        call = secrets.token_urlsafe(16)
        self._calls[call] = _Call(session, start, actor)
        while len(self._calls) > _KNOWN:
            self._calls.popitem(last=False)
        return Placed(call, sdp)

    async def is_up(self, call: str) -> bool:
        """Whether a call's session still lives as the process that answered. One that does not is ended."""
        found = self._calls.get(call)
        if found is None:
            return False
        live = self._services.fleet.live(found.session)
        if live is not None and live.start == found.start and live.connected:
            return True
        if live is not None and live.start == found.start and live.over is None and not await self._is_lost(found):
            return True  # only the link to this server is away for a moment
        await self.hang_up(call)
        return False

    async def hang_up(self, call: str) -> bool:
        """Ends a call; False where there is none by that id."""
        found = self._calls.pop(call, None)
        if found is None:
            return False
        await self._stop(found.actor, found.session)
        return True

    async def _start(self, share: Share, actor: Actor) -> str:
        place = CallPlace(share=share.id)
        # Two browsers at once must not both find the last line free.
        async with self._placing.setdefault(share.id, asyncio.Lock()):
            if await self._running(place) >= AT_ONCE:
                raise UnavailableError(
                    f"All {AT_ONCE} lines of this link are taken.",
                    source="call",
                    kind="busy",
                    hint="Try again when somebody has hung up.",
                    retryable=True,
                )
            await self._services.shares.use(share)
            try:
                return (await self._services.sessions.start(actor, _wanted(share, place))).id
            except BaseException:
                await asyncio.shield(self._services.shares.give_back(share))
                raise

    async def _running(self, place: CallPlace) -> int:
        jobs = tables.jobs.c
        at_rest = [state.value for state in AT_REST]
        same = (jobs.place == write_place(place), jobs.wanted == "running", jobs.state.not_in(at_rest))
        async with self._services.context.database.reading() as connection:
            return int(await connection.scalar(select(func.count()).where(*same)) or 0)

    async def _answer(self, session: str, offer: str, sources: Mapping[str, str], address: str) -> tuple[str, int]:
        """The answer's SDP, and which start of the session gave it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + ANSWERED_WITHIN
        given = {"offer": offer, "sources": dict(sources), "address": address}
        while True:
            live = self._services.fleet.live(session)
            if live is not None and live.connected and live.epoch:
                start = live.start
                try:
                    within = max(1.0, until - loop.time())
                    replied = await self._services.fleet.command(session, "answer", given, within=within)
                    return str(replied["sdp"]), start
                except JoyVLError as error:
                    if error.kind not in _AGAIN:
                        raise _refused(error) from None
            if loop.time() >= until:
                raise UnavailableError(
                    "The bot did not come in time.", source="call", kind="no_answer", hint="Call again.", retryable=True
                )
            await asyncio.sleep(_EVERY)

    async def _is_lost(self, call: _Call) -> bool:
        wanted = select(tables.jobs.c.state, tables.jobs.c.start).where(tables.jobs.c.id == call.session)
        async with self._services.context.database.reading() as connection:
            row = (await connection.execute(wanted)).first()
        return row is None or row.start != call.start or row.state not in ("running", "starting")

    async def _undo(self, share: Share, actor: Actor, session: str) -> None:
        await self._stop(actor, session)
        await self._services.shares.give_back(share)

    async def _stop(self, actor: Actor, session: str) -> None:
        try:
            await self._services.sessions.stop(actor, session)
        except JoyVLError as error:
            # Its process ends by itself when no browser is there.
            _log.warning("a call could not be stopped: %s", error)


def _wanted(share: Share, place: CallPlace) -> StartSession:
    body = share.body
    if body is None:
        return StartSession(place=place, profile=share.profile, title=share.name, instructions=())
    return StartSession(
        place=place,
        title=share.name,
        instructions=body.instructions,
        overrides=body.settings,
        credentials=body.credentials,
        seconds=body.seconds,
    )


def _refused(error: JoyVLError) -> JoyVLError:
    """Why a session did not answer, as far as it is the browser's business."""
    if isinstance(error, BadInputError):
        return BadInputError(
            "The bot did not understand this browser.", source="call", kind="bad_offer", hint="Reload the page."
        )
    _log.warning("a call was not answered: %s", error)
    return UnavailableError(
        "The bot does not answer.", source="call", kind="no_answer", hint="Call again.", retryable=True
    )
