"""Saved places; and rooms whose names fit a pattern, which the bot joins when they start."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.errors import BadInputError
from joyvl_core.store.database import insert_new
from web_dashboard.db import tables
from web_dashboard.db.tables import destinations as table
from web_dashboard.fleet.states import Wanted
from web_dashboard.permissions import SYSTEM, Actor, ConflictError, Permission, UnknownError
from web_dashboard.schemas.destinations import DestinationIn, DestinationView
from web_dashboard.schemas.places import LiveKitPlace, StreamPlace
from web_dashboard.schemas.sessions import SessionView, StartSession, read_place, write_place
from web_dashboard.services.reach import check_reach

if TYPE_CHECKING:
    from web_dashboard.services.audit import Audit
    from web_dashboard.services.context import Context
    from web_dashboard.services.sessions import Sessions

MAX_LISTED = 500


class Destinations:
    """The saved places."""

    def __init__(self, context: Context, audit: Audit, sessions: Sessions) -> None:
        self._context = context
        self._audit = audit
        self._sessions = sessions
        self._inviting = asyncio.Lock()

    async def list(self, actor: Actor) -> list[DestinationView]:
        """All places by name."""
        actor.require(Permission.DESTINATIONS_READ)
        return [_view(row) for row in await self._rows()]

    async def get(self, actor: Actor, destination: int) -> DestinationView:
        """One place.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.DESTINATIONS_READ)
        async with self._context.database.reading() as connection:
            row = (await connection.execute(select(table).where(table.c.id == destination))).mappings().first()
        if row is None:
            raise _unknown(destination)
        return _view(row)

    async def create(self, actor: Actor, given: DestinationIn) -> DestinationView:
        """Saves a place.

        Raises:
            BadInputError: The bot may not go there, or a part of it is unknown.
            ConflictError: The name is taken.
        """
        actor.require(Permission.DESTINATIONS_WRITE)
        await self._check(given)
        async with self._context.database.writing() as connection:
            await _check_parts(connection, given)
            values = {**_values(given), "created": self._context.wall()}
            insert = insert_new(connection, table, ("name",)).values(values)
            made = await connection.scalar(insert.returning(table.c.id))
        if made is None:
            raise _taken(given.name)
        await self._audit.write(actor, "destination.created", str(made), _told(given))
        return await self.get(actor, made)

    async def update(self, actor: Actor, destination: int, change: DestinationIn) -> DestinationView:
        """Changes a place.

        Raises:
            BadInputError: The bot may not go there, or a part of it is unknown.
            ConflictError: The name is taken.
            UnknownError: There is none.
        """
        actor.require(Permission.DESTINATIONS_WRITE)
        await self._check(change)
        mine = table.c.id == destination
        async with self._context.database.writing() as connection:
            await _check_parts(connection, change)
            if await connection.scalar(select(table.c.id).where(table.c.name == change.name, ~mine)) is not None:
                raise _taken(change.name)
            if not (await connection.execute(update(table).where(mine).values(_values(change)))).rowcount:
                raise _unknown(destination)
        await self._audit.write(actor, "destination.changed", str(destination), _told(change))
        return await self.get(actor, destination)

    async def delete(self, actor: Actor, destination: int) -> None:
        """Deletes a place; sessions there go on.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.DESTINATIONS_WRITE)
        async with self._context.database.writing() as connection:
            if not (await connection.execute(delete(table).where(table.c.id == destination))).rowcount:
                raise _unknown(destination)
        await self._audit.write(actor, "destination.deleted", str(destination))

    async def start(self, actor: Actor, destination: int) -> SessionView:
        """Sends the bot to a saved place.

        Raises:
            UnknownError: There is none.
            BadInputError: It can't go there.
        """
        found = await self.get(actor, destination)
        return await self._sessions.start(actor, _session(found, found.place))

    # --- rooms that start by themselves -----------------------------------------------------------

    async def room_started(self, room: str, credential: int | None) -> str | None:
        """A room has started: invites the bot where a pattern fits; the session's id, or None.

        While a session is wanted in that room nothing is started: the bot's own coming starts rooms too, and a server
        tells more than once.

        Args:
            room: Its name.
            credential: Whose key the news was signed with; None for this installation's own.
        """
        async with self._inviting:
            found = next((one for one in map(_view, await self._rows()) if _fits(one, room, credential)), None)
            if found is None or await self._wanted_in(room):
                return None
            place = found.place.model_copy(update={"room": room})
            started = await self._sessions.start(SYSTEM, _session(found, place, room))
        await self._audit.write(SYSTEM, "destination.invited", str(found.id), {"room": room, "session": started.id})
        return started.id

    async def room_finished(self, room: str) -> None:
        """A room has ended: it is noted, for whoever asks why the bot left."""
        if any(_fits(one, room, one.credential) for one in map(_view, await self._rows())):
            await self._audit.write(SYSTEM, "destination.room_ended", room)

    async def _rows(self) -> Sequence[RowMapping]:
        async with self._context.database.reading() as connection:
            chosen = select(table).order_by(table.c.name).limit(MAX_LISTED)
            return (await connection.execute(chosen)).mappings().all()

    async def _wanted_in(self, room: str) -> bool:
        jobs = tables.jobs
        asked = select(jobs.c.place).where(jobs.c.wanted == Wanted.RUNNING.value)
        async with self._context.database.reading() as connection:
            places = [read_place(text) for text in (await connection.scalars(asked)).all()]
        return any(isinstance(place, LiveKitPlace) and place.room == room for place in places)

    async def _check(self, given: DestinationIn) -> None:
        if given.pattern is not None and not isinstance(given.place, LiveKitPlace):
            raise BadInputError(
                "Only a LiveKit place can have a pattern of room names.",
                source="destinations",
                kind="invalid",
                hint="Leave the pattern out.",
            )
        if isinstance(given.place, LiveKitPlace) and given.place.url:
            await check_reach(self._context.egress, given.place.url, "url", own=self._context.defaults.livekit_url)
        if isinstance(given.place, StreamPlace):
            from web_dashboard.fleet.stream_urls import check_stream

            await check_stream(self._context.egress, given.place.url)


async def _check_parts(connection: AsyncConnection, given: DestinationIn) -> None:
    """Refuses ids of what is not there."""
    for name, id_, of in (
        ("profile", given.profile, tables.profiles),
        ("credential", given.credential, tables.credentials),
    ):
        if id_ is not None and await connection.scalar(select(of.c.id).where(of.c.id == id_)) is None:
            raise BadInputError(
                f"There is no {name} {id_}.", source="destinations", kind="invalid", hint=f"Choose another {name}."
            )


def _fits(destination: DestinationView, room: str, credential: int | None) -> bool:
    return (
        isinstance(destination.place, LiveKitPlace)
        and destination.pattern is not None
        and destination.credential == credential
        and fnmatchcase(room, destination.pattern)
    )


def _session(destination: DestinationView, place: Any, title: str = "") -> StartSession:
    return StartSession(
        place=place,
        profile=destination.profile,
        credential=destination.credential,
        title=title or destination.name,
        instructions=(),
    )


def _values(given: DestinationIn) -> dict[str, Any]:
    return {
        "name": given.name,
        "place": write_place(given.place),
        "profile": given.profile,
        "credential": given.credential,
        "pattern": given.pattern,
    }


def _told(given: DestinationIn) -> dict[str, Any]:
    """What the audit gets: a stream's URL may hold a key."""
    return {"name": given.name, "kind": given.place.kind, "pattern": given.pattern}


def _view(row: RowMapping) -> DestinationView:
    plain = {name: row[name] for name in ("id", "name", "profile", "credential", "pattern", "created")}
    return DestinationView(**plain, place=read_place(row["place"]))


def _taken(name: str) -> ConflictError:
    return ConflictError(
        f"There is a place named {name} already.", source="destinations", kind="taken", hint="Choose another name."
    )


def _unknown(destination: int) -> UnknownError:
    return UnknownError(f"There is no place {destination}.", source="destinations", kind="unknown")
