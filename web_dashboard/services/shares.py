"""Share links: made, listed, revoked, and opened by whoever holds one."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from sqlalchemy import ColumnElement, Row, insert, or_, select, update

from joyvl_core.errors import BadInputError
from joyvl_core.threads import in_thread
from web_dashboard.db import tables
from web_dashboard.permissions import Actor, ForbiddenError, Permission, UnknownError
from web_dashboard.schemas.profiles import ProfileBody
from web_dashboard.schemas.shares import ShareIn, ShareKind, ShareMade, ShareView

if TYPE_CHECKING:
    from argon2 import PasswordHasher

    from web_dashboard.services.audit import Audit
    from web_dashboard.services.context import Context

MAX_LISTED = 500
PATHS: dict[ShareKind, str] = {"call": "/call/{token}/", "overlay": "/overlay/{token}"}
_LONGEST_TOKEN = 200

_table = tables.shares


@dataclass(frozen=True, slots=True)
class Share:
    """A link that works, as whoever holds it may use it.

    Attributes:
        locked: It has a password.
        body: Of a try-out: the profile that answers, as it is edited.
    """

    id: int
    kind: ShareKind
    name: str
    profile: int | None
    session: str | None
    locked: bool = False
    body: ProfileBody | None = None


class Shares:
    """The share links of this installation. Of each only the hash of its token is kept."""

    def __init__(self, context: Context, audit: Audit, public_url: str = "") -> None:
        self._context = context
        self._audit = audit
        self._public_url = public_url.rstrip("/")

    async def create(self, actor: Actor, given: ShareIn, body: ProfileBody | None = None) -> ShareMade:
        """Makes a link. `body`: of a call, the profile that answers it, as it is edited and saved nowhere.

        Raises:
            BadInputError: It would have expired already, or its profile or session does not exist.
        """
        actor.require(Permission.SHARES_WRITE)
        now = self._context.wall()
        if given.expires is not None and given.expires <= now:
            raise _bad("The link would have expired already.", "Choose a time that is to come.")
        token = secrets.token_urlsafe(32)
        values = {
            "token": _hash(token),
            "kind": given.kind,
            "name": given.name,
            "profile": given.profile,
            "session": given.session,
            "password": await in_thread(_hashed, given.password) if given.password is not None else None,
            "created": now,
            "expires": given.expires,
            "revoked": None,
            "uses": 0,
            "max_uses": given.max_uses,
            "created_by": actor.name[: tables.MAX_NAME],
            "body": body.model_dump_json() if body is not None else None,
        }
        async with self._context.database.writing() as connection:
            for wanted, column, what in (
                (given.profile, tables.profiles.c.id, "profile"),
                (given.session, tables.jobs.c.id, "session"),
            ):
                known = wanted is None or await connection.scalar(select(column).where(column == wanted)) is not None
                if not known:
                    raise _bad(f"There is no {what} {wanted}.", f"Choose a {what} that exists.")
            made = await connection.scalar(insert(_table).values(values).returning(_table.c.id))
            row = (await connection.execute(select(_table).where(_table.c.id == made))).one()
        await self._audit.write(actor, "share.created", str(made), {"kind": given.kind, "name": given.name})
        url = self._public_url + PATHS[given.kind].format(token=token)
        return ShareMade(**self._view(row, now).model_dump(), token=token, url=url)

    async def list(self, actor: Actor, *, limit: int = MAX_LISTED, before: int | None = None) -> list[ShareView]:
        """All links, the newest first. `before`: only those with a smaller id."""
        actor.require(Permission.SHARES_WRITE)
        wanted = select(_table).order_by(_table.c.id.desc()).limit(max(1, min(limit, MAX_LISTED)))
        if before is not None:
            wanted = wanted.where(_table.c.id < before)
        async with self._context.database.reading() as connection:
            rows = (await connection.execute(wanted)).all()
        now = self._context.wall()
        return [self._view(row, now) for row in rows]

    async def revoke(self, actor: Actor, share: int) -> None:
        """Takes a link back for good; who looks through it sees nothing any more within seconds.

        Raises:
            UnknownError: There is none.
        """
        actor.require(Permission.SHARES_WRITE)
        now = self._context.wall()
        mine = _table.c.id == share
        async with self._context.database.writing() as connection:
            if await connection.scalar(select(_table.c.id).where(mine)) is None:
                raise UnknownError(f"There is no link {share}.", source="shares", kind="unknown")
            changed = await connection.execute(
                update(_table).where(mine, _table.c.revoked.is_(None)).values(revoked=now)
            )
        if changed.rowcount:
            await self._audit.write(actor, "share.revoked", str(share))

    # --- for whoever holds a link ------------------------------------------------------------------

    async def open(self, token: str, kind: ShareKind, password: str | None = None) -> Share:
        """The link of a token. Its password is checked where one is given.

        Raises:
            UnknownError: It does not work; whether it ever did is not told.
            ForbiddenError: The password is not the one.
        """
        found, kept = await self._find(token, kind)
        if password is not None:
            # The same work is done for a link that doesn't work: how long it takes tells nothing.
            right = await in_thread(_fits, kept or _nobodys(), password[:1_000])
            if found is not None and not (right and kept):
                raise ForbiddenError(
                    "That is not the password.", source="shares", kind="password", hint="Ask who sent you the link."
                )
        if found is None:
            raise gone()
        return found

    async def use(self, share: Share) -> None:
        """Takes one of its uses.

        Raises:
            UnknownError: None is left, or it does not work any more.
        """
        working = self._working(self._context.wall())
        taken = update(_table).where(_table.c.id == share.id, *working).values(uses=_table.c.uses + 1)
        async with self._context.database.writing() as connection:
            if not (await connection.execute(taken)).rowcount:
                raise gone()

    async def give_back(self, share: Share) -> None:
        """A use came to nothing."""
        given = update(_table).where(_table.c.id == share.id, _table.c.uses > 0).values(uses=_table.c.uses - 1)
        async with self._context.database.writing() as connection:
            await connection.execute(given)

    async def works(self, share: Share) -> bool:
        """Whether an overlay that is open may go on."""
        wanted = select(_table.c.id).where(_table.c.id == share.id, *self._working(self._context.wall()))
        async with self._context.database.reading() as connection:
            return await connection.scalar(wanted) is not None

    async def session_of(self, share: Share) -> str | None:
        """The session that an overlay shows now: its own, or its profile's newest, those wanted to run first."""
        if share.session is not None or share.profile is None:
            return share.session
        jobs = tables.jobs.c
        newest = select(jobs.id).where(jobs.profile == share.profile).order_by(jobs.created.desc()).limit(1)
        async with self._context.database.reading() as connection:
            running = await connection.scalar(newest.where(jobs.wanted == "running"))
            return cast("str | None", running or await connection.scalar(newest))

    async def _find(self, token: str, kind: ShareKind) -> tuple[Share | None, str | None]:
        sought = _hash(token[:_LONGEST_TOKEN])
        wanted = select(_table).where(
            _table.c.token == sought, _table.c.kind == kind, *self._working(self._context.wall())
        )
        async with self._context.database.reading() as connection:
            row = (await connection.execute(wanted)).first()
        if row is None or not hmac.compare_digest(row.token, sought):
            return None, None
        share = Share(
            *(row.id, row.kind, row.name, row.profile, row.session),
            locked=row.password is not None,
            body=ProfileBody.model_validate_json(row.body) if row.body else None,
        )
        return share, row.password

    @staticmethod
    def _working(now: float) -> tuple[ColumnElement[bool], ...]:
        return (
            _table.c.revoked.is_(None),
            or_(_table.c.expires.is_(None), _table.c.expires > now),
            or_(_table.c.max_uses.is_(None), _table.c.uses < _table.c.max_uses),
        )

    @staticmethod
    def _view(row: Row[tuple[object, ...]], now: float) -> ShareView:
        fields = row._asdict()
        spent = row.max_uses is not None and row.uses >= row.max_uses
        works = row.revoked is None and (row.expires is None or row.expires > now) and not spent
        wanted = {name: fields[name] for name in ShareView.model_fields if name in fields}
        return ShareView(**wanted, has_password=row.password is not None, works=works)


def gone() -> UnknownError:
    """What everybody is told whose link does not work, whatever the reason."""
    return UnknownError(
        "This link does not work any more.", source="shares", kind="gone", hint="Ask who sent it to you for a new one."
    )


def _bad(message: str, hint: str) -> BadInputError:
    return BadInputError(message, source="shares", kind="bad_share", hint=hint)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


def _hashed(password: str) -> str:
    return _hasher().hash(password)


@cache
def _nobodys() -> str:
    """The hash of a password that nobody knows."""
    return _hashed(secrets.token_urlsafe(32))


def _fits(kept: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
