"""Bot profiles: who the bot is and what it does, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping, delete, func, select, update

from joyvl_core.errors import BadInputError
from joyvl_core.store.database import insert_new
from web_dashboard.db.tables import MAX_NAME
from web_dashboard.db.tables import profiles as table
from web_dashboard.permissions import SYSTEM, Actor, ConflictError, Permission, UnknownError
from web_dashboard.schemas.profiles import FieldView, ProfileBody, ProfileChange, ProfileFile, ProfileIn, ProfileView
from web_dashboard.services.credential_kinds import KINDS
from web_dashboard.services.orders import settings_of
from web_dashboard.services.profile_fields import EDITABLE, URLS, check_settings, describe
from web_dashboard.services.reach import check_reach

if TYPE_CHECKING:
    from web_dashboard.services.audit import Audit
    from web_dashboard.services.context import Context
    from web_dashboard.services.credentials import Credentials

__all__ = ["EDITABLE", "FIRST", "Profiles"]

MAX_LISTED = 500
FIRST = "Assistant"
"""The profile that a new installation has."""
_COPIES = 50


class Profiles:
    """The profiles of this installation."""

    def __init__(self, context: Context, audit: Audit, credentials: Credentials) -> None:
        self._context = context
        self._audit = audit
        self._credentials = credentials

    def fields(self, actor: Actor) -> tuple[FieldView, ...]:
        """What a profile may set, as a form needs it."""
        actor.require(Permission.PROFILES_READ)
        return describe(self._context.defaults)

    async def list(self, actor: Actor) -> list[ProfileView]:
        """All profiles by name."""
        actor.require(Permission.PROFILES_READ)
        async with self._context.database.reading() as connection:
            rows = (await connection.execute(select(table).order_by(table.c.name).limit(MAX_LISTED))).mappings().all()
        return [_view(row) for row in rows]

    async def get(self, actor: Actor, profile: int) -> ProfileView:
        """One profile.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.PROFILES_READ)
        async with self._context.database.reading() as connection:
            row = (await connection.execute(select(table).where(table.c.id == profile))).mappings().first()
        if row is None:
            raise _unknown(profile)
        return _view(row)

    async def create(self, actor: Actor, given: ProfileIn) -> ProfileView:
        """Makes a profile.

        Raises:
            BadInputError: A setting or a credential is not acceptable.
            ConflictError: The name is taken.
        """
        actor.require(Permission.PROFILES_WRITE)
        body = await self.checked(given.body)
        made = await self._insert(given.name, body)
        if made is None:
            raise _taken(given.name)
        await self._audit.write(actor, "profile.created", str(made), {"name": given.name})
        return await self.get(actor, made)

    async def update(self, actor: Actor, profile: int, change: ProfileChange) -> ProfileView:
        """Changes a profile; sessions that run keep what they were started with.

        Raises:
            BadInputError: A setting or a credential is not acceptable.
            ConflictError: Somebody changed it meanwhile, or the name is taken.
            UnknownError: There is none.
        """
        actor.require(Permission.PROFILES_WRITE)
        body = await self.checked(change.body)
        mine = table.c.id == profile
        async with self._context.database.writing() as connection:
            same = select(table.c.id).where(table.c.name == change.name, ~mine)
            if await connection.scalar(same) is not None:
                raise _taken(change.name)
            values = {
                "name": change.name,
                "body": body.model_dump_json(),
                "version": change.version + 1,
                "updated": self._context.wall(),
            }
            changed = update(table).where(mine, table.c.version == change.version).values(values)
            if not (await connection.execute(changed)).rowcount:
                if await connection.scalar(select(table.c.id).where(mine)) is None:
                    raise _unknown(profile)
                raise ConflictError(
                    "Somebody changed this profile meanwhile.",
                    source="profiles",
                    kind="version",
                    hint="Load it again, and repeat your change.",
                )
        await self._audit.write(
            actor, "profile.changed", str(profile), {"name": change.name, "version": change.version + 1}
        )
        return await self.get(actor, profile)

    async def delete(self, actor: Actor, profile: int) -> None:
        """Deletes a profile; sessions that run keep what they were started with.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.PROFILES_WRITE)
        async with self._context.database.writing() as connection:
            if not (await connection.execute(delete(table).where(table.c.id == profile))).rowcount:
                raise _unknown(profile)
        await self._audit.write(actor, "profile.deleted", str(profile))

    async def duplicate(self, actor: Actor, profile: int) -> ProfileView:
        """Makes another profile like this one, named after it.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.PROFILES_WRITE)
        like = await self.get(actor, profile)
        return await self._create_named_like(actor, like.name, like.body)

    async def export(self, actor: Actor, profile: int) -> ProfileFile:
        """A profile as a file: without credentials.

        Raises:
            UnknownError: There is none.
        """
        found = await self.get(actor, profile)
        return ProfileFile(name=found.name, body=found.body.model_copy(update={"credentials": {}}))

    async def bring_in(self, actor: Actor, file: ProfileFile) -> ProfileView:
        """Makes a profile of a file; where its name is taken, it gets a number.

        Raises:
            BadInputError: A setting is not acceptable here.
        """
        actor.require(Permission.PROFILES_WRITE)
        body = await self.checked(file.body.model_copy(update={"credentials": {}}))
        return await self._create_named_like(actor, file.name, body)

    async def make_first(self) -> None:
        """Makes the profile that a new installation has, where there is none at all."""
        async with self._context.database.reading() as connection:
            if await connection.scalar(select(func.count()).select_from(table)):
                return
        if await self._insert(FIRST, ProfileBody()) is not None:
            await self._audit.write(SYSTEM, "profile.created", FIRST)

    async def checked(self, body: ProfileBody) -> ProfileBody:
        """The body with its values as they will be used: of a profile, or of a session's own changes.

        Raises:
            BadInputError: A setting or a credential is not acceptable, or an address may not be reached.
        """
        settings = check_settings(body.settings)
        await self._check_addresses(settings)
        kinds = await self._credentials.known() if body.credentials else {}
        for part, credential in body.credentials.items():
            if credential not in kinds or part not in KINDS[kinds[credential]].parts:
                raise BadInputError(
                    f"Credential {credential} is of no use for the {part}.",
                    source="profiles",
                    kind="credential",
                    hint="Choose one of the right kind.",
                )
        return body.model_copy(update={"settings": settings})

    async def order_settings(self, body: ProfileBody, credential: int | None = None) -> dict[str, Any]:
        """The settings of an order, keys included: for what starts sessions alone, never for a person.

        Args:
            body: The profile as the session has it.
            credential: Of the room's LiveKit server; stands above the profile's.

        Raises:
            BadInputError: Something in it can't be used (any more).
        """
        settings = check_settings(body.settings)
        # What a name leads to may have changed since it was entered.
        await self._check_addresses(settings)
        return await settings_of(body, settings, credential, self._credentials.reveal, self._context.defaults)

    async def _check_addresses(self, settings: dict[str, Any]) -> None:
        for name in URLS & settings.keys():
            if settings[name] and not (name == "summary_url" and settings[name] == "embedded"):
                own = getattr(self._context.defaults, name)
                await check_reach(self._context.egress, settings[name], name, own=own)

    async def _create_named_like(self, actor: Actor, name: str, body: ProfileBody) -> ProfileView:
        for number in range(1, _COPIES):
            tail = f" ({number})" if number > 1 else ""
            made = await self._insert(f"{name[: MAX_NAME - len(tail)]}{tail}", body)
            if made is not None:
                await self._audit.write(actor, "profile.created", str(made), {"name": name})
                return await self.get(actor, made)
        raise _taken(name)

    async def _insert(self, name: str, body: ProfileBody) -> int | None:
        """The new profile's id; None where the name is taken."""
        now = self._context.wall()
        values = {"name": name, "body": body.model_dump_json(), "version": 1, "created": now, "updated": now}
        async with self._context.database.writing() as connection:
            insert = insert_new(connection, table, ("name",)).values(values)
            made: int | None = await connection.scalar(insert.returning(table.c.id))
        return made


def _view(row: RowMapping) -> ProfileView:
    body = ProfileBody.model_validate_json(row["body"])
    return ProfileView(
        id=row["id"],
        name=row["name"],
        body=body,
        version=row["version"],
        created=row["created"],
        updated=row["updated"],
    )


def _taken(name: str) -> ConflictError:
    return ConflictError(
        f"There is a profile named {name} already.", source="profiles", kind="taken", hint="Choose another name."
    )


def _unknown(profile: int) -> UnknownError:
    return UnknownError(f"There is no profile {profile}.", source="profiles", kind="unknown")
