"""People and their roles."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from web_dashboard.db.tables import sign_ins, users
from web_dashboard.permissions import Actor, ConflictError, Permission, Role, UnknownError
from web_dashboard.schemas.people import UserChange, UserIn, UserView
from web_dashboard.secret import Passwords, check_password
from web_dashboard.services.audit import Audit
from web_dashboard.services.context import Context
from web_dashboard.services.known import Known

MAX_USERS = 500
_SOURCE = "users"


class Users:
    """Who may sign in, as what. There is always an administrator who can."""

    def __init__(self, context: Context, audit: Audit, known: Known, passwords: Passwords) -> None:
        self._context = context
        self._audit = audit
        self._known = known
        self._passwords = passwords

    async def list(self, actor: Actor) -> list[UserView]:
        """Everybody, by name.

        Raises:
            ForbiddenError: The actor may not see them.
        """
        actor.require(Permission.USERS_READ)
        async with self._context.database.reading() as connection:
            rows = (await connection.execute(select(users).order_by(users.c.name).limit(MAX_USERS))).mappings().all()
        return [_view(row) for row in rows]

    async def get(self, actor: Actor, user: int) -> UserView:
        """One person.

        Raises:
            ForbiddenError: The actor may not see them.
            UnknownError: There is nobody of that id.
        """
        actor.require(Permission.USERS_READ)
        async with self._context.database.reading() as connection:
            return _view(await _row(connection, user))

    async def create(self, actor: Actor, body: UserIn) -> UserView:
        """Makes a person.

        Raises:
            ForbiddenError: The actor may not.
            BadInputError: The password is too weak.
            ConflictError: The name is taken, or there are too many.
        """
        actor.require(Permission.USERS_WRITE)
        hashed = None
        if body.password is not None:
            check_password(body.password, body.name)
            hashed = await self._passwords.hash(body.password)
        row = {"name": body.name, "password": hashed, "role": body.role.value, "created": self._context.wall()}
        async with self._context.database.writing() as connection:
            await _check_room(connection, body.name)
            made = (await connection.execute(insert(users).values(row))).inserted_primary_key
            view = _view(await _row(connection, made[0] if made else 0))
        await self._audit.write(actor, "user.created", body.name, {"role": body.role.value})
        return view

    async def change(self, actor: Actor, user: int, change: UserChange) -> UserView:
        """Changes role, password, or whether they may sign in; ends the person's sign-ins where it does.

        Raises:
            ForbiddenError: The actor may not.
            UnknownError: There is nobody of that id.
            BadInputError: The password is too weak.
            ConflictError: Nobody would be left who administrates.
        """
        actor.require(Permission.USERS_WRITE)
        values: dict[str, Any] = change.model_dump(exclude_none=True, mode="json", exclude={"password"})
        if change.password is not None:
            name = (await self.get(actor, user)).name
            check_password(change.password, name)
            values["password"] = await self._passwords.hash(change.password)
        async with self._context.database.writing() as connection:
            await _administrators(connection)
            before = await _row(connection, user)
            if values:
                await connection.execute(update(users).where(users.c.id == user).values(values))
                await _check_administrated(connection)
                await connection.execute(delete(sign_ins).where(sign_ins.c.user == user))
            view = _view(await _row(connection, user))
        self._known.forget()
        told = {name: value for name, value in values.items() if name != "password"}
        if "password" in values:
            told["new_password"] = True
        await self._audit.write(actor, "user.changed", str(before["name"]), told)
        return view

    async def delete(self, actor: Actor, user: int) -> None:
        """Removes a person with their sign-ins and keys.

        Raises:
            ForbiddenError: The actor may not.
            UnknownError: There is nobody of that id.
            ConflictError: Nobody would be left who administrates.
        """
        actor.require(Permission.USERS_WRITE)
        async with self._context.database.writing() as connection:
            await _administrators(connection)
            before = await _row(connection, user)
            await connection.execute(delete(users).where(users.c.id == user))
            await _check_administrated(connection)
        self._known.forget()
        await self._audit.write(actor, "user.deleted", str(before["name"]))


async def _row(connection: AsyncConnection, user: int) -> Any:
    found = (await connection.execute(select(users).where(users.c.id == user))).mappings().one_or_none()
    if found is None:
        raise UnknownError(
            "There is no such person.", source=_SOURCE, kind="unknown", hint="They may have been removed."
        )
    return found


async def _check_room(connection: AsyncConnection, name: str) -> None:
    if await connection.scalar(select(users.c.id).where(func.lower(users.c.name) == name.lower())):
        raise ConflictError(f"The name {name} is taken.", source=_SOURCE, kind="taken", hint="Choose another.")
    if (await connection.scalar(select(func.count()).select_from(users)) or 0) >= MAX_USERS:
        raise ConflictError(
            f"There are {MAX_USERS} people already.", source=_SOURCE, kind="full", hint="Remove some first."
        )


async def _administrators(connection: AsyncConnection) -> list[int]:
    """Who administrates.

    Their rows are locked, always in the same order: of two who demote each other at the same moment the second waits
    and finds itself the last.
    """
    able = select(users.c.id).where(users.c.role == Role.ADMIN.value, users.c.disabled.is_(False))
    return list((await connection.scalars(able.order_by(users.c.id).with_for_update())).all())


async def _check_administrated(connection: AsyncConnection) -> None:
    if not await _administrators(connection):
        raise ConflictError(
            "Nobody would be left who administrates.",
            source=_SOURCE,
            kind="last_admin",
            hint="Make somebody else an administrator first.",
        )


def _view(row: Any) -> UserView:
    shown = {name: row[name] for name in ("id", "name", "role", "language", "disabled", "created", "seen")}
    return UserView(**shown, elsewhere=row["subject"] is not None)
