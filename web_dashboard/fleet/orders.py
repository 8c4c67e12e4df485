"""What a session's process is told: made from its row at the moment at which it asks, secrets and all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from sqlalchemy import select

from bot.keeping import database_url
from bot.link.messages import CallTarget, LiveKitTarget, Order, StreamTarget
from bot.settings import Settings
from joyvl_core.errors import BadInputError
from web_dashboard.db.tables import jobs
from web_dashboard.permissions import UnknownError
from web_dashboard.schemas.places import AnyPlace, CallPlace, LiveKitPlace, StreamPlace
from web_dashboard.schemas.profiles import ProfileBody
from web_dashboard.schemas.sessions import read_place
from web_dashboard.services.credential_kinds import KINDS
from web_dashboard.services.reach import check_reach, origin

if TYPE_CHECKING:
    from web_dashboard.services.context import Context
    from web_dashboard.services.profiles import Profiles
    from web_dashboard.services.uploads import Uploads

_URLS = ("model_url", "summary_url", "openai_base_url", "anthropic_base_url", "livekit_url")
_HOMES = frozenset(origin(kind.home) for kind in KINDS.values())
"""Services' own addresses: nobody entered them."""


class Orders:
    """Makes orders.

    Args:
        context: What the services share.
        profiles: Turns a profile's body into settings, credentials decrypted.
        uploads: Knows where an uploaded file is.
    """

    def __init__(self, context: Context, profiles: Profiles, uploads: Uploads) -> None:
        self._context = context
        self._profiles = profiles
        self._uploads = uploads

    async def __call__(self, session: str) -> Order:
        """The order of a session. It holds secrets: it goes over its link, and nowhere else.

        Raises:
            JoyVLError: What it needs is gone: an upload, a credential.
        """
        asked = select(jobs.c.place, jobs.c.body, jobs.c.credential, jobs.c.title).where(jobs.c.id == session)
        async with self._context.database.reading() as connection:
            row = (await connection.execute(asked)).mappings().first()
        if row is None:
            raise UnknownError("There is no such session.", source="fleet", kind="unknown")
        place, body = read_place(row["place"]), ProfileBody.model_validate_json(row["body"])
        settings = await self.settings(place, body, row["credential"])
        return Order(
            session=session,
            target=await self._target(session, place, row["title"]),
            settings=settings,
            instructions=body.instructions,
            seconds=body.seconds,
        )

    async def settings(self, place: AnyPlace, body: ProfileBody, credential: int | None) -> dict[str, Any]:
        """The settings of a session's process, secrets included.

        Raises:
            JoyVLError: A credential is gone, or is not for where it would be used.
        """
        settings = plain(self._context.defaults, paths=not self._context.pool)
        settings |= await self._profiles.order_settings(body, credential)
        settings["database_url"] = database_url(self._context.defaults)
        settings["url_guard"] = ",".join(await self._entered(settings))
        settings["url_allow_hosts"] = ",".join(sorted(self._context.egress.allow))
        if isinstance(place, StreamPlace):
            settings["stream_guard"] = True
            settings["stream_allow_hosts"] = ",".join(sorted(self._context.egress.allow))
        if isinstance(place, LiveKitPlace) and place.url:
            known = settings.get("livekit_url", self._context.defaults.livekit_url)
            # A token that another server gets could be used at ours.
            if origin(place.url) != origin(known):
                raise BadInputError(
                    "There is no key for this LiveKit server.",
                    source="sessions",
                    kind="no_key",
                    hint="Enter a credential for its address, and choose it for this session.",
                )
            settings["livekit_url"] = place.url
        return settings

    async def _entered(self, settings: dict[str, Any]) -> list[str]:
        """The settings whose URLs people entered: they are checked now, and by the process at each connection.

        Raises:
            BadInputError: One leads to what is not public.
        """
        entered = []
        for name in _URLS:
            url, own = settings.get(name, ""), getattr(self._context.defaults, name)
            if origin(url) and origin(url) not in _HOMES and origin(url) != origin(own):
                await check_reach(self._context.egress, url, name)
                entered.append(name)
        return entered

    async def _target(self, session: str, place: AnyPlace, title: str) -> LiveKitTarget | StreamTarget | CallTarget:
        if isinstance(place, LiveKitPlace):
            # The same each time: a second process of the session takes the place of the first in its room.
            return LiveKitTarget(room=place.room, identity=f"joyvl-{session}")
        if isinstance(place, StreamPlace):
            return StreamTarget(source=place.url, label=title)
        if isinstance(place, CallPlace):
            return CallTarget(name=title or "call")
        path = await self._uploads.path(place.upload)
        return StreamTarget(source=str(path), label=title, repeat=place.repeat)


def plain(defaults: Settings, *, paths: bool) -> dict[str, Any]:
    """What this installation has set, as plain values; `paths` of this machine only where the process is here."""
    found = {name: getattr(defaults, name) for name in sorted(defaults.model_fields_set)}
    shown = {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in found.items()}
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in shown.items()
        if paths or not isinstance(value, Path)
    }
