"""Signing in and out, and the first set-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from joyvl_core.errors import BadInputError, JoyVLError
from web_dashboard.db.tables import preferences, sign_ins, users
from web_dashboard.limiting import Limit
from web_dashboard.permissions import Actor, ForbiddenError, Role, UnknownError
from web_dashboard.schemas.people import Me, MeChange, SignInView
from web_dashboard.secret import Passwords, check_password, hash_of, new_token
from web_dashboard.services.audit import Audit
from web_dashboard.services.context import Context
from web_dashboard.services.known import Known
from web_dashboard.services.preferences import Preferences

if TYPE_CHECKING:
    from web_dashboard.services.openid import OpenId, Person

IDLE = 12 * 3_600.0
"""Seconds after which a sign-in that is not used ends."""
LONGEST = 7 * 86_400.0
"""Seconds after which any ends."""
TRIES = 5
"""Tries a minute, for an address and for a name."""
_SEEN_EVERY = 60.0
_SOURCE = "sign_in"
_SET_UP = "setup.token"
_MOST = 50
"""Most sign-ins of a person; the oldest give way."""


class NotSignedInError(JoyVLError):
    """Nobody: the name, the password or the token is wrong."""


class SignIn:
    """Who somebody is, by password or by OpenID Connect, and for how long.

    Args:
        context: Database and time.
        audit: What people do is written there.
        known: Shared with whatever changes people's rights.
        passwords: Hashes and checks them.
        openid: Where people sign in elsewhere; None where it is not configured.
    """

    def __init__(
        self, context: Context, audit: Audit, known: Known, passwords: Passwords, openid: OpenId | None = None
    ) -> None:
        self._context = context
        self._audit = audit
        self._known = known
        self._passwords = passwords
        self._preferences = Preferences(context)
        self._tries = Limit(TRIES, 60.0, context.wall)
        self.openid = openid
        self.oidc_name = openid.name if openid else ""

    # --- the first set-up -----------------------------------------------------------------------

    async def needs_set_up(self) -> bool:
        """Whether there is nobody yet."""
        async with self._context.database.reading() as connection:
            return not await connection.scalar(select(func.count()).select_from(users))

    async def begin_set_up(self) -> str | None:
        """A new one-time token for the first set-up, which ends older ones; None where there is somebody."""
        if not await self.needs_set_up():
            return None
        token = new_token()
        await self._preferences.put(_SET_UP, hash_of(token))
        return token

    async def set_up(self, token: str, name: str, password: str, *, address: str = "") -> None:
        """Makes the first administrator.

        Raises:
            LimitedError: Too many tries.
            BadInputError: The password is too weak.
            ForbiddenError: The token is wrong or used, or there is somebody already.
        """
        self._tries.hit(f"set-up {address}")
        check_password(password, name)
        hashed = await self._passwords.hash(password)
        async with self._context.database.writing() as connection:
            # Of two at once one removes the token.
            mine = (preferences.c.name == _SET_UP) & (preferences.c.value == hash_of(token))
            used = await connection.execute(delete(preferences).where(mine))
            if not used.rowcount or await connection.scalar(select(func.count()).select_from(users)):
                raise ForbiddenError(
                    "This link does not work any more.",
                    source=_SOURCE,
                    kind="set_up",
                    hint="Start `joyvl serve` again: it prints a new one while there is no administrator.",
                )
            row = {"name": name, "password": hashed, "role": Role.ADMIN.value, "created": self._context.wall()}
            await connection.execute(insert(users).values(row))
        await self._audit.write(Actor(name, role=Role.ADMIN, address=address), "user.set_up", name)

    # --- in and out -----------------------------------------------------------------------------

    async def sign_in(self, name: str, password: str, address: str, agent: str) -> str:
        """Signs a person in; returns the token for their cookie.

        Raises:
            LimitedError: Too many tries from this address, or for this name.
            NotSignedInError: Name or password are wrong, or the person is disabled. Which one is not told.
        """
        self._tries.hit(f"address {address}")
        self._tries.hit(f"name {name.casefold()}")
        async with self._context.database.reading() as connection:
            chosen = select(users.c.id, users.c.password, users.c.disabled).where(users.c.name == name)
            person = (await connection.execute(chosen)).one_or_none()
        right = await self._passwords.check(person.password if person else None, password)
        if person is None or not right or person.disabled:
            await self._audit.write(Actor(name[:80] or "?", address=address), "sign_in.refused", name)
            raise _wrong()
        self._tries.forget(f"name {name.casefold()}")
        self._tries.take_back(f"address {address}")
        if self._passwords.outdated(person.password):
            await self._set_password(person.id, password)
        return await self._begin(person.id, name, address, agent)

    async def finish_openid(self, person: Person, address: str, agent: str) -> str:
        """Signs a person in whom their provider has named; makes them where they are new.

        Raises:
            ForbiddenError: The provider gives them no role here, or they are disabled.
        """
        from web_dashboard.services.openid import admitted

        user, name = await admitted(self._context, self._audit, person, address)
        self._known.forget()
        return await self._begin(user, name, address, agent)

    async def sign_out(self, token: str) -> None:
        """Ends a sign-in."""
        async with self._context.database.writing() as connection:
            await connection.execute(delete(sign_ins).where(sign_ins.c.token == hash_of(token)))
        self._known.forget()

    async def actor_of(self, token: str) -> Actor | None:
        """Who has this token; None where nobody has it, or their sign-in has ended."""
        hashed = hash_of(token)
        if actor := self._known.get(hashed):
            return actor
        age = self._known.age
        now = self._context.wall()
        chosen = (
            select(
                sign_ins.c.id, sign_ins.c.seen, sign_ins.c.created, users.c.id.label("user"), users.c.name, users.c.role
            )
            .join(users, users.c.id == sign_ins.c.user)
            .where(sign_ins.c.token == hashed, sign_ins.c.expires > now, users.c.disabled.is_(False))
        )
        async with self._context.database.reading() as connection:
            found = (await connection.execute(chosen)).one_or_none()
        if found is None:
            return None
        if now - found.seen >= _SEEN_EVERY:
            await self._seen(found.id, found.user, now, min(now + IDLE, found.created + LONGEST))
        actor = Actor(found.name, found.user, Role(found.role))
        self._known.put(hashed, actor, age)
        return actor

    # --- one's own ------------------------------------------------------------------------------

    async def me(self, actor: Actor) -> Me:
        """Who is asking."""
        from web_dashboard.permissions import Permission

        async with self._context.database.reading() as connection:
            language = await connection.scalar(select(users.c.language).where(users.c.id == actor.user))
        allowed = [each for each in Permission if actor.may(each)]
        return Me(name=actor.name, user=actor.user, role=actor.role, language=language or "en", permissions=allowed)

    async def change_me(self, actor: Actor, change: MeChange) -> Me:
        """Changes what a person may change of their own.

        Raises:
            ForbiddenError: A key asks.
        """
        user = actor.in_person()
        async with self._context.database.writing() as connection:
            await connection.execute(update(users).where(users.c.id == user).values(language=change.language))
        await self._audit.write(actor, "user.language", actor.name, {"language": change.language})
        return await self.me(actor)

    async def list(self, actor: Actor, token: str = "") -> list[SignInView]:
        """One's own sign-ins, the newest first. `token`: the one that asks.

        Raises:
            ForbiddenError: A key asks.
        """
        chosen = select(sign_ins).where(sign_ins.c.user == actor.in_person(), sign_ins.c.expires > self._context.wall())
        async with self._context.database.reading() as connection:
            rows = (await connection.execute(chosen.order_by(sign_ins.c.id.desc()).limit(_MOST))).mappings().all()
        current = hash_of(token)
        return [
            SignInView(**{k: v for k, v in row.items() if k not in ("token", "user")}, current=row["token"] == current)
            for row in rows
        ]

    async def end(self, actor: Actor, sign_in: int) -> None:
        """Ends one of one's own sign-ins.

        Raises:
            ForbiddenError: A key asks.
            UnknownError: There is none of that id.
        """
        mine = (sign_ins.c.id == sign_in) & (sign_ins.c.user == actor.in_person())
        async with self._context.database.writing() as connection:
            gone = await connection.execute(delete(sign_ins).where(mine))
        if not gone.rowcount:
            raise UnknownError("There is no such sign-in.", source=_SOURCE, kind="unknown", hint="It may have ended.")
        self._known.forget()
        await self._audit.write(actor, "sign_in.ended", str(sign_in))

    async def change_password(self, actor: Actor, old: str, new: str, *, keep: str = "") -> None:
        """Changes one's own password and ends one's other sign-ins. `keep`: the token of the one that goes on.

        Raises:
            ForbiddenError: A key asks, or the old password is wrong.
            LimitedError: Too many tries.
            BadInputError: The new one is too weak, or the old one.
        """
        user = actor.in_person()
        self._tries.hit(f"own {user}")
        async with self._context.database.reading() as connection:
            stored = await connection.scalar(select(users.c.password).where(users.c.id == user))
        if not await self._passwords.check(stored, old):
            raise ForbiddenError("The old password is wrong.", source=_SOURCE, kind="password", hint="Type it again.")
        if old == new:
            raise BadInputError(
                "The new password is the old one.", source="password", kind="password", hint="Choose another."
            )
        check_password(new, actor.name)
        await self._set_password(user, new)
        async with self._context.database.writing() as connection:
            others = (sign_ins.c.user == user) & (sign_ins.c.token != hash_of(keep))
            await connection.execute(delete(sign_ins).where(others))
        self._known.forget()
        await self._audit.write(actor, "user.password", actor.name)

    # --- beneath --------------------------------------------------------------------------------

    async def _begin(self, user: int, name: str, address: str, agent: str) -> str:
        token = new_token()
        now = self._context.wall()
        row = {
            "token": hash_of(token),
            "user": user,
            "created": now,
            "seen": now,
            "expires": now + IDLE,
            "address": address[:64],
            "agent": agent[:200],
        }
        newest = select(sign_ins.c.id).where(sign_ins.c.user == user).order_by(sign_ins.c.id.desc()).limit(_MOST - 1)
        async with self._context.database.writing() as connection:
            await connection.execute(delete(sign_ins).where(sign_ins.c.expires <= now))
            kept = list((await connection.scalars(newest)).all())
            await connection.execute(delete(sign_ins).where(sign_ins.c.user == user, sign_ins.c.id.not_in(kept)))
            await connection.execute(insert(sign_ins).values(row))
            await connection.execute(update(users).where(users.c.id == user).values(seen=now))
        await self._audit.write(Actor(name, user, address=address), "sign_in.made", name)
        return token

    async def _seen(self, sign_in: int, user: int, now: float, expires: float) -> None:
        async with self._context.database.writing() as connection:
            await connection.execute(update(sign_ins).where(sign_ins.c.id == sign_in).values(seen=now, expires=expires))
            await connection.execute(update(users).where(users.c.id == user).values(seen=now))

    async def _set_password(self, user: int, password: str) -> None:
        hashed = await self._passwords.hash(password)
        async with self._context.database.writing() as connection:
            await connection.execute(update(users).where(users.c.id == user).values(password=hashed))


def _wrong() -> NotSignedInError:
    return NotSignedInError(
        "Name or password are wrong.", source=_SOURCE, kind="wrong", hint="An administrator can set a new password."
    )
