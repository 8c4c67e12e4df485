"""Sessions that others dispatch: by a profile's id, to a worker of the pool, through the LiveKit server alone."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select

from bot.link.worker_messages import StartMade, StartWanted, WorkerHello
from joyvl_core.errors import BadInputError, UnavailableError
from web_dashboard.db.tables import jobs
from web_dashboard.fleet.acting import Change
from web_dashboard.fleet.fleet import Fleet
from web_dashboard.fleet.links import digest
from web_dashboard.fleet.pool import Pool
from web_dashboard.fleet.pool_dispatch import Dispatched
from web_dashboard.fleet.states import UNDER_WAY, State
from web_dashboard.permissions import SYSTEM, ConflictError
from web_dashboard.schemas.places import LiveKitPlace
from web_dashboard.schemas.sessions import StartSession, read_place
from web_dashboard.services.audit import Audit
from web_dashboard.services.context import Context
from web_dashboard.services.session_views import plain_place
from web_dashboard.services.starting import Checked, Starts

_FIRST = 1
_CHECKED_WITHIN = 4.0  # the worker waits five seconds


class Dispatches:
    """Makes the sessions that workers ask for.

    Args:
        context: What the services share.
        audit: Takes every change.
        fleet: Looks after them from then on.
        pool: Whose workers ask.
        starts: Checks and adds them.
    """

    def __init__(self, context: Context, audit: Audit, fleet: Fleet, pool: Pool, starts: Starts) -> None:
        self._context = context
        self._audit = audit
        self._fleet = fleet
        self._pool = pool
        self._starts = starts
        self._one_at_a_time = asyncio.Lock()

    async def start(self, hello: WorkerHello, wanted: StartWanted) -> StartMade:
        """Makes a session that is in a slot of the worker already. Should the worker not take it, others are tried.

        Args:
            hello: The worker.
            wanted: What was dispatched to it.

        Raises:
            BadInputError: A setting is not acceptable, or the profile belongs to another LiveKit server.
            UnknownError: There is no such profile.
            ConflictError: A session is in that room, or on its way there.
            UnavailableError: Another server looks after the sessions.
        """
        self._fleet.require_active()
        checked = await self._checked(wanted)
        place = checked.place.model_copy(update={"url": checked.livekit_url})
        if not self._pool.goes_to(place, wanted.room):
            raise _refused(
                "its profile goes to another LiveKit server", "Dispatch it there, or choose another profile."
            )
        token = secrets.token_urlsafe(32)

        def placed(session: str) -> dict[str, Any]:
            made = Dispatched(wanted.dispatch, wanted.room, own_room=False)
            return {
                "state": State.STARTING.value,
                "runner": self._pool.name,
                "placement": json.dumps(self._pool.placement(session, _FIRST, made)),
                "start": _FIRST,
                "token": digest(token),
            }

        async with self._one_at_a_time:
            await self._check_alone(wanted.room)
            session = await self._starts.add(SYSTEM, checked, placed)
        told = {"place": plain_place(checked.place), "profile": wanted.profile, "worker": hello.worker}
        await self._audit.write(SYSTEM, "session.dispatched", session, told)
        self._fleet.counts.starts += 1
        self._fleet.changed(Change(session, _FIRST, State.STARTING, "", "", self._context.wall()))
        self._fleet.wake()
        seal = self._pool.sealed(session, _FIRST, token)
        return StartMade(id=wanted.id, session=session, start=_FIRST, seal=seal)

    async def _checked(self, wanted: StartWanted) -> Checked:
        try:
            async with asyncio.timeout(_CHECKED_WITHIN):
                return await self._starts.checked(_read(wanted))
        except TimeoutError:
            raise UnavailableError(
                "The profile can't be checked in time.",
                source="dispatches",
                kind="timeout",
                hint="Look whether the database and the name server answer.",
                retryable=True,
            ) from None

    async def _check_alone(self, room: str) -> None:
        states = [state.value for state in UNDER_WAY]
        async with self._context.database.reading() as connection:
            found = (await connection.execute(select(jobs.c.id, jobs.c.place).where(jobs.c.state.in_(states)))).all()
        for session, place in found:
            if self._pool.goes_to(read_place(place), room):
                raise ConflictError(
                    f"The room has a session already: {session}.",
                    source="dispatches",
                    kind="has_one",
                    hint="Stop that one first, or instruct it.",
                )


def _read(wanted: StartWanted) -> StartSession:
    try:
        given = StartSession(
            place=LiveKitPlace(room=wanted.room),
            profile=wanted.profile,
            instructions=wanted.instructions,
            overrides=wanted.overrides,
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise _refused(why, "Look at the metadata of the dispatch.") from None  # the original quotes what was given
    return given


def _refused(why: str, hint: str) -> BadInputError:
    return BadInputError(f"It can't be a session: {why}.", source="dispatches", kind="invalid", hint=hint)
