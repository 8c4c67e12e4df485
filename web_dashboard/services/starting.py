"""What is to start: checked while whoever wants it can still mend it, and then added to the jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.errors import BadInputError
from joyvl_core.store.sessions import free_name
from web_dashboard.db.tables import jobs
from web_dashboard.fleet.room_links import read_room
from web_dashboard.fleet.states import State, Wanted
from web_dashboard.fleet.stream_urls import check_stream
from web_dashboard.permissions import SYSTEM, Actor
from web_dashboard.schemas.places import AnyPlace, LiveKitPlace, StreamPlace, UploadPlace
from web_dashboard.schemas.profiles import ProfileBody
from web_dashboard.schemas.sessions import StartSession, write_place
from web_dashboard.services.reach import check_reach
from web_dashboard.services.session_views import called

if TYPE_CHECKING:
    from web_dashboard.fleet.orders import Orders
    from web_dashboard.services.context import Context
    from web_dashboard.services.profiles import Profiles
    from web_dashboard.services.uploads import Uploads

_MAX_INSTRUCTIONS = 32


@dataclass(frozen=True, slots=True)
class Checked:
    """What may start.

    Attributes:
        given: As it was asked for.
        place: Where it goes: a link read, an address checked.
        body: The profile, with what is different this time.
        livekit_url: The LiveKit server that its settings name.
    """

    given: StartSession
    place: AnyPlace
    body: ProfileBody
    livekit_url: str


class Starts:
    """Checks and adds sessions.

    Args:
        context: What the services share.
        orders: Knows whether a session's process can be told what it needs.
        profiles: Whose settings it gets.
        uploads: Whose files it may watch.
    """

    def __init__(self, context: Context, orders: Orders, profiles: Profiles, uploads: Uploads) -> None:
        self._context = context
        self._orders = orders
        self._profiles = profiles
        self._uploads = uploads

    async def checked(self, given: StartSession) -> Checked:
        """Returns what would start.

        Raises:
            BadInputError: It leads where the bot may not go, or a setting is not acceptable.
            UnknownError: There is no such profile, credential or upload.
        """
        place = await self.resolved(given.place)
        body = await self._body(given)
        # What is wrong with a key or an address is told now, to who can mend it.
        settings = await self._orders.settings(place, body, given.credential)
        return Checked(given, place, body, settings.get("livekit_url", self._context.defaults.livekit_url))

    async def add(
        self, actor: Actor, checked: Checked, placed: Callable[[str], dict[str, Any]] = lambda session: {}
    ) -> str:
        """Adds a session to the jobs, and returns its id.

        Args:
            actor: Who wants it.
            checked: What.
            placed: Given its id, says what is different of one that somebody runs already, by column.
        """
        now = self._context.wall()
        row = {
            "place": write_place(checked.place),
            "profile": checked.given.profile,
            "credential": checked.given.credential,
            "body": checked.body.model_dump_json(),
            "title": checked.given.title or called(checked.place),
            "wanted": Wanted.RUNNING.value,
            **fresh(now),
            "runner": "",
            "placement": "{}",
            "start": 0,
            "token": "",
            "read_epoch": 0,
            "read_seq": 0,
            "created": now,
            "created_by": actor.name,
        }
        async with self._context.database.writing() as connection:
            session = await _new_id(connection)
            await connection.execute(jobs.insert().values(id=session, **row | placed(session)))
        return session

    async def resolved(self, place: AnyPlace) -> AnyPlace:
        """The place as the bot may go there: a link read, an address checked, a file found.

        Raises:
            BadInputError: It may not go there.
            UnknownError: There is no such upload.
        """
        if isinstance(place, LiveKitPlace):
            room, url = read_room(place.room, place.url)
            if url:
                await check_reach(self._context.egress, url, "url", own=self._context.defaults.livekit_url)
            return LiveKitPlace(room=room, url=url)
        if isinstance(place, StreamPlace):
            await check_stream(self._context.egress, place.url)
        if isinstance(place, UploadPlace):
            await self._uploads.path(place.upload)
        return place

    async def _body(self, given: StartSession) -> ProfileBody:
        body = ProfileBody.model_validate({})
        if given.profile is not None:
            body = (await self._profiles.get(SYSTEM, given.profile)).body
        instructions = (*body.instructions, *given.instructions)
        if len(instructions) > _MAX_INSTRUCTIONS:
            raise BadInputError(
                f"A session is sent in with at most {_MAX_INSTRUCTIONS} instructions, the profile's included.",
                source="sessions",
                kind="instructions",
                hint="Leave some out, or give them while it runs.",
            )
        settings = {**body.settings, **given.overrides}
        return await self._profiles.checked(
            body.model_copy(
                update={
                    "instructions": instructions,
                    "settings": settings,
                    "credentials": {**body.credentials, **given.credentials},
                    "seconds": given.seconds or body.seconds,
                }
            )
        )


def fresh(now: float) -> dict[str, Any]:
    """What a job has that is to start, whatever was before."""
    return {
        "state": State.QUEUED.value,
        "since": now,
        "reason": "",
        "remedy": "",
        "ended": None,
        "failures": 0,
        "failing_since": 0.0,
        "not_before": 0.0,
        "heard": None,
    }


async def _new_id(connection: AsyncConnection) -> str:
    """An id that neither the store nor another job has."""
    while True:
        session = await free_name(connection)
        if await connection.scalar(select(jobs.c.id).where(jobs.c.id == session)) is None:
            return session
