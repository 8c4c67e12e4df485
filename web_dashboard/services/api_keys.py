"""Keys by which programs use the JSON API."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Select, func, insert, select, update

from web_dashboard.db.tables import api_keys, users
from web_dashboard.permissions import Actor, ConflictError, Permission, Role, UnknownError
from web_dashboard.schemas.people import ApiKeyIn, ApiKeyMade, ApiKeyView
from web_dashboard.secret import hash_of, new_token
from web_dashboard.services.audit import Audit
from web_dashboard.services.context import Context
from web_dashboard.services.known import Known

PREFIX = "jvl_"
"""What every key begins with, so that one that leaked is recognised."""
_SHOWN = 8
_USED_EVERY = 60.0
_MOST = 50
_SOURCE = "api_keys"


class ApiKeys:
    """Makes, lists, revokes and recognises keys. A key never has more rights than its person has now."""

    def __init__(self, context: Context, audit: Audit, known: Known) -> None:
        self._context = context
        self._audit = audit
        self._known = known

    async def create(self, actor: Actor, body: ApiKeyIn) -> ApiKeyMade:
        """Makes a key of one's own; what it is is returned this once.

        Raises:
            ForbiddenError: The actor may not, or lacks one of the scopes, or is a key itself.
            ConflictError: They have too many.
        """
        actor.require(Permission.KEYS_WRITE)
        user = actor.in_person()
        for scope in body.scopes:
            actor.require(scope)
        token = PREFIX + new_token()
        now = self._context.wall()
        row = {
            "name": body.name,
            "user": user,
            "prefix": token[:_SHOWN],
            "token": hash_of(token),
            "scopes": json.dumps(sorted({scope.value for scope in body.scopes})),
            "created": now,
            "expires": None if body.days is None else now + body.days * 86_400,
        }
        async with self._context.database.writing() as connection:
            alive = select(func.count()).where(api_keys.c.user == user, api_keys.c.revoked.is_(None))
            if (await connection.scalar(alive) or 0) >= _MOST:
                raise ConflictError(
                    f"You have {_MOST} keys already.", source=_SOURCE, kind="full", hint="Revoke some first."
                )
            made = (await connection.execute(insert(api_keys).values(row))).inserted_primary_key
            found = (await connection.execute(_all().where(api_keys.c.id == (made[0] if made else 0)))).mappings().one()
        told = {"prefix": row["prefix"], "scopes": sorted(scope.value for scope in body.scopes)}
        await self._audit.write(actor, "key.created", body.name, told)
        return ApiKeyMade(key=_view(found), token=token)

    async def list(self, actor: Actor, *, everybody: bool = False) -> list[ApiKeyView]:
        """One's own keys, the newest first; with the right to see people, everybody's.

        Raises:
            ForbiddenError: The actor may not.
        """
        actor.require(Permission.USERS_READ if everybody else Permission.KEYS_WRITE)
        chosen = _all().order_by(api_keys.c.id.desc()).limit(500)
        if not everybody:
            chosen = chosen.where(api_keys.c.user == actor.user)
        async with self._context.database.reading() as connection:
            return [_view(row) for row in (await connection.execute(chosen)).mappings()]

    async def revoke(self, actor: Actor, key: int) -> None:
        """Ends a key of one's own; with the right to change people, anybody's.

        Raises:
            ForbiddenError: The actor may not.
            UnknownError: There is none of that id that they may end.
        """
        actor.require(Permission.KEYS_WRITE)
        chosen = update(api_keys).where(api_keys.c.id == key, api_keys.c.revoked.is_(None))
        if not actor.may(Permission.USERS_WRITE):
            chosen = chosen.where(api_keys.c.user == actor.user)
        async with self._context.database.writing() as connection:
            gone = await connection.execute(chosen.values(revoked=self._context.wall()))
        if not gone.rowcount:
            raise UnknownError(
                "There is no such key.", source=_SOURCE, kind="unknown", hint="It may be revoked already."
            )
        self._known.forget()
        await self._audit.write(actor, "key.revoked", str(key))

    async def actor_of(self, key: str) -> Actor | None:
        """Who has this key; None where nobody has it, it has expired or was revoked, or its person is disabled."""
        if not key.startswith(PREFIX):
            return None
        hashed = hash_of(key)
        if actor := self._known.get(hashed):
            return actor
        age = self._known.age
        now = self._context.wall()
        chosen = (
            select(api_keys, users.c.name.label("owner"), users.c.role)
            .join(users, users.c.id == api_keys.c.user)
            .where(
                api_keys.c.token == hashed,
                api_keys.c.revoked.is_(None),
                api_keys.c.expires.is_(None) | (api_keys.c.expires > now),
                users.c.disabled.is_(False),
            )
        )
        async with self._context.database.reading() as connection:
            found = (await connection.execute(chosen)).mappings().one_or_none()
        if found is None:
            return None
        if found["used"] is None or now - found["used"] >= _USED_EVERY:
            async with self._context.database.writing() as connection:
                await connection.execute(update(api_keys).where(api_keys.c.id == found["id"]).values(used=now))
        scopes = frozenset(Permission(scope) for scope in json.loads(found["scopes"]) if scope in set(Permission))
        name = f"{found['owner']} ({found['name']})"[:80]
        actor = Actor(name, found["user"], Role(found["role"]), scopes, key=found["id"])
        self._known.put(hashed, actor, age)
        return actor


def _all() -> Select[Any]:
    return select(api_keys, users.c.name.label("owner")).join(users, users.c.id == api_keys.c.user)


def _view(row: Any) -> ApiKeyView:
    shown = {name: row[name] for name in ApiKeyView.model_fields if name != "scopes"}
    return ApiKeyView(**shown, scopes=[Permission(each) for each in json.loads(row["scopes"])])
