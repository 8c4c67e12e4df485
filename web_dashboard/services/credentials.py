"""Keys of other people's services: encrypted where they are kept, shown to nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import RowMapping, delete, select, update

from joyvl_core.errors import JoyVLError
from joyvl_core.store.database import insert_new
from web_dashboard.db import tables
from web_dashboard.permissions import Actor, ConflictError, Permission, UnknownError
from web_dashboard.schemas.credentials import CredentialChange, CredentialIn, CredentialView, KindView, Tested
from web_dashboard.services import credential_kinds
from web_dashboard.services.credential_kinds import KINDS, address, check_fields
from web_dashboard.services.credential_tests import try_out
from web_dashboard.services.reach import check_reach, origin

if TYPE_CHECKING:
    from integrations.egress import Egress
    from web_dashboard.services.audit import Audit
    from web_dashboard.services.context import Context

MAX_LISTED = 500
_HINT_FROM = 16
"""Characters of a secret from which on its last four are shown: of a shorter one that would be too much."""


class Credentials:
    """The credentials of this installation."""

    def __init__(self, context: Context, audit: Audit) -> None:
        self._context = context
        self._audit = audit

    def kinds(self, actor: Actor) -> tuple[KindView, ...]:
        """The kinds that there are."""
        actor.require(Permission.CREDENTIALS_READ)
        return credential_kinds.views()

    async def list(self, actor: Actor) -> list[CredentialView]:
        """All credentials by name, without their secrets."""
        actor.require(Permission.CREDENTIALS_READ)
        chosen = select(tables.credentials).order_by(tables.credentials.c.name).limit(MAX_LISTED)
        async with self._context.database.reading() as connection:
            rows = (await connection.execute(chosen)).mappings().all()
        return [self._view(row) for row in rows]

    async def get(self, actor: Actor, credential: int) -> CredentialView:
        """One credential, without its secrets.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.CREDENTIALS_READ)
        return self._view(await self._row(credential))

    async def create(self, actor: Actor, given: CredentialIn) -> CredentialView:
        """Keeps a new credential.

        Raises:
            BadInputError: Its fields are not those of its kind, or its address may not be reached.
            ConflictError: The name is taken.
        """
        actor.require(Permission.CREDENTIALS_WRITE)
        secret = {name: value.get_secret_value() for name, value in given.secret.items() if value.get_secret_value()}
        public = {name: value for name, value in given.public.items() if value}
        await self._check(given.kind, public, secret)
        now = self._context.wall()
        values = {
            "name": given.name,
            "kind": given.kind,
            "public": json.dumps(public),
            "secret": self._sealed(secret),
            "created": now,
            "updated": now,
        }
        async with self._context.database.writing() as connection:
            insert = insert_new(connection, tables.credentials, ("name",)).values(values)
            made = await connection.scalar(insert.returning(tables.credentials.c.id))
        if made is None:
            raise _taken(given.name)
        await self._audit.write(actor, "credential.created", str(made), {"name": given.name, "kind": given.kind})
        return self._view(await self._row(made))

    async def update(self, actor: Actor, credential: int, change: CredentialChange) -> CredentialView:
        """Changes a credential; secrets that are left out stay, unless its address is another now.

        Raises:
            UnknownError: There is none.
            BadInputError: Its fields are not those of its kind, or its address may not be reached.
            ConflictError: The name is taken.
        """
        actor.require(Permission.CREDENTIALS_WRITE)
        row = await self._row(credential)
        public = {name: value for name, value in change.public.items() if value}
        # A secret is not sent to an address that it was not entered for.
        stays = address(row["kind"], public) == address(row["kind"], json.loads(row["public"]))
        secret = self._opened(row) if stays else {}
        secret |= {name: value.get_secret_value() for name, value in change.secret.items() if value.get_secret_value()}
        await self._check(row["kind"], public, secret)
        mine = tables.credentials.c.id == credential
        values = {
            "name": change.name,
            "public": json.dumps(public),
            "secret": self._sealed(secret),
            "updated": self._context.wall(),
            "tested": None,
        }
        async with self._context.database.writing() as connection:
            same = select(tables.credentials.c.id).where(tables.credentials.c.name == change.name, ~mine)
            if await connection.scalar(same) is not None:
                raise _taken(change.name)
            await connection.execute(update(tables.credentials).where(mine).values(values))
        replaced = sorted(change.secret)
        await self._audit.write(
            actor, "credential.changed", str(credential), {"name": change.name, "secrets": replaced}
        )
        return self._view(await self._row(credential))

    async def delete(self, actor: Actor, credential: int) -> None:
        """Deletes a credential for good.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.CREDENTIALS_WRITE)
        gone = delete(tables.credentials).where(tables.credentials.c.id == credential)
        async with self._context.database.writing() as connection:
            if not (await connection.execute(gone)).rowcount:
                raise _unknown(credential)
        await self._audit.write(actor, "credential.deleted", str(credential))

    async def test(self, actor: Actor, credential: int) -> Tested:
        """Asks the service whether the credential is right; how that ended is kept.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.CREDENTIALS_WRITE)
        row = await self._row(credential)
        if KINDS[row["kind"]].testable:
            public = json.loads(row["public"])
            detail, hint = await try_out(row["kind"], public, self._opened(row), self._egress(row["kind"], public))
        else:
            detail, hint = "This kind can't be tested by itself.", "Use it, and look at what the session says."
        tested = Tested(ok=not hint, detail=detail[:300], hint=hint[:300], wall=self._context.wall())
        mine = update(tables.credentials).where(tables.credentials.c.id == credential)
        async with self._context.database.writing() as connection:
            await connection.execute(mine.values(tested=tested.model_dump_json()))
        await self._audit.write(actor, "credential.tested", str(credential), {"ok": tested.ok})
        return tested

    # --- for the control plane itself -----------------------------------------------------------

    async def reveal(self, credential: int) -> dict[str, str]:
        """All fields of a credential, secrets decrypted, with `kind` and the `address` that it is for.

        For what starts sessions alone: it never goes to a person.

        Raises:
            UnknownError: There is none.
        """
        row = await self._row(credential)
        public: dict[str, str] = json.loads(row["public"])
        return {**public, **self._opened(row), "kind": row["kind"], "address": address(row["kind"], public)}

    async def known(self) -> dict[int, str]:
        """The kind of each credential."""
        async with self._context.database.reading() as connection:
            rows = (await connection.execute(select(tables.credentials.c.id, tables.credentials.c.kind))).all()
        return {row.id: row.kind for row in rows}

    async def _row(self, credential: int) -> RowMapping:
        mine = select(tables.credentials).where(tables.credentials.c.id == credential)
        async with self._context.database.reading() as connection:
            row = (await connection.execute(mine)).mappings().first()
        if row is None:
            raise _unknown(credential)
        return row

    async def _check(self, kind: str, public: dict[str, str], secret: dict[str, str]) -> None:
        check_fields(kind, public, secret)
        where = address(kind, public)
        if where:
            await check_reach(self._context.egress, where, KINDS[kind].url, own=self._own(kind))

    def _own(self, kind: str) -> str:
        """This installation's own address of such a service."""
        defaults = self._context.defaults
        return {"livekit": defaults.livekit_url, "openai_compatible": defaults.model_url}.get(kind, "")

    def _egress(self, kind: str, public: dict[str, str]) -> Egress:
        """What a test may reach: also this installation's own server, which whoever runs it has named."""
        own, egress = self._own(kind), self._context.egress
        if not own or origin(own) != origin(address(kind, public)):
            return egress
        return replace(egress, allow=egress.allow | {(urlsplit(own).hostname or "").lower()})

    def _sealed(self, secret: dict[str, str]) -> bytes:
        return self._context.vault.encrypt(json.dumps(secret).encode())

    def _opened(self, row: RowMapping) -> dict[str, str]:
        opened: dict[str, str] = json.loads(self._context.vault.decrypt(bytes(row["secret"])))
        return opened

    def _view(self, row: RowMapping) -> CredentialView:
        fields: dict[str, Any] = {name: row[name] for name in ("id", "name", "kind", "created", "updated")}
        return CredentialView(
            **fields,
            public=json.loads(row["public"]),
            hints=self._hints(row),
            tested=Tested.model_validate_json(row["tested"]) if row["tested"] else None,
        )

    def _hints(self, row: RowMapping) -> dict[str, str]:
        try:
            secrets = self._opened(row)
        except JoyVLError:  # the vault's key is another one: the system page says so
            return {}
        return {name: f"…{value[-4:]}" if len(value) >= _HINT_FROM else "…" for name, value in secrets.items()}


def _taken(name: str) -> ConflictError:
    return ConflictError(
        f"There is a credential named {name} already.", source="credentials", kind="taken", hint="Choose another name."
    )


def _unknown(credential: int) -> UnknownError:
    return UnknownError(f"There is no credential {credential}.", source="credentials", kind="unknown")
