"""Signing in, people, keys, and what is written down about them."""

import asyncio

import pytest

from joyvl_core.errors import BadInputError
from tests.e2e.postgres_server import postgres_server
from tests.web_dashboard.planes import ADMIN, PASSWORD, planes
from web_dashboard.limiting import Limit, LimitedError
from web_dashboard.permissions import Actor, ConflictError, ForbiddenError, Permission, Role, UnknownError
from web_dashboard.schemas.people import ApiKeyIn, UserChange, UserIn
from web_dashboard.services.sign_in import IDLE, LONGEST, NotSignedInError

__all__ = ["postgres_server"]

ANOTHER = "another long one"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.e2e)])
def open_plane(request, tmp_path):
    """Opens a control plane on a database of each kind."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_server").fresh()
    return lambda **changes: planes(tmp_path, url=url, **changes)


def run(test):
    return asyncio.run(test)


def test_the_first_administrator_is_made_once_with_the_newest_token(open_plane):
    async def story():
        async with open_plane() as plane:
            sign_in = plane.services.sign_in
            assert await sign_in.needs_set_up()
            old, new = await sign_in.begin_set_up(), await sign_in.begin_set_up()
            with pytest.raises(BadInputError):
                await sign_in.set_up(new, "mira", "short")
            with pytest.raises(BadInputError):
                await sign_in.set_up(new, "a long long name", "A LONG LONG NAME")
            with pytest.raises(ForbiddenError):
                await sign_in.set_up(old, "mira", PASSWORD)
            made = await asyncio.gather(
                sign_in.set_up(new, "mira", PASSWORD), sign_in.set_up(new, "jun", PASSWORD), return_exceptions=True
            )
            assert sorted(type(each).__name__ for each in made) == ["ForbiddenError", "NoneType"]
            assert await sign_in.begin_set_up() is None
            assert [user.role for user in await plane.services.users.list(ADMIN)] == [Role.ADMIN]

    run(story())


def test_a_sign_in_ends_when_it_is_idle_too_old_or_ended(open_plane):
    async def story():
        async with open_plane() as plane:
            await plane.person(Role.ADMIN, "mira")
            sign_in = plane.services.sign_in
            token = await sign_in.sign_in("mira", PASSWORD, "1.2.3.4", "x" * 500)
            actor = await sign_in.actor_of(token)
            assert actor == Actor("mira", 1, Role.ADMIN)
            assert await sign_in.actor_of(token + "x") is None
            for _ in range(int(LONGEST / (IDLE - 60)) + 1):
                assert await sign_in.actor_of(token)
                plane.wall.now += IDLE - 60
            assert await sign_in.actor_of(token) is None
            token = await sign_in.sign_in("mira", PASSWORD, "1.2.3.4", "")
            plane.wall.now += IDLE + 1
            assert await sign_in.actor_of(token) is None
            token, other = [await sign_in.sign_in("mira", PASSWORD, "1.2.3.4", "") for _ in range(2)]
            listed = await sign_in.list(actor, token)
            assert [each.current for each in listed] == [False, True]
            await sign_in.end(actor, listed[0].id)
            assert await sign_in.actor_of(other) is None
            await sign_in.sign_out(token)
            assert await sign_in.actor_of(token) is None
            with pytest.raises(UnknownError):
                await sign_in.end(actor, 999)

    run(story())


def test_wrong_names_and_passwords_are_told_alike_and_limited(open_plane):
    async def story():
        async with open_plane() as plane:
            await plane.person(Role.VIEWER, "jun")
            sign_in = plane.services.sign_in
            for name in ("jun", "nobody", "jun", "nobody", "jun"):
                with pytest.raises(NotSignedInError) as caught:
                    await sign_in.sign_in(name, "wrong password", "9.9.9.9", "")
                assert "wrong" in str(caught.value)
            with pytest.raises(LimitedError) as limited:
                await sign_in.sign_in("somebody", PASSWORD, "9.9.9.9", "")
            assert 0 < limited.value.after <= 60
            # The name is limited from elsewhere, too: after three tries two are left.
            for _ in range(2):
                with pytest.raises(NotSignedInError):
                    await sign_in.sign_in("JUN", "wrong password", "8.8.8.8", "")
            with pytest.raises(LimitedError):
                await sign_in.sign_in("jun", PASSWORD, "7.7.7.7", "")
            plane.wall.now += 61
            assert await sign_in.sign_in("jun", PASSWORD, "9.9.9.9", "")

    run(story())


def test_success_costs_no_tries(open_plane):
    async def story():
        async with open_plane() as plane:
            await plane.person(Role.VIEWER, "jun")
            for _ in range(12):
                await plane.services.sign_in.sign_in("jun", PASSWORD, "9.9.9.9", "")

    run(story())


def test_a_change_of_rights_ends_sign_ins_at_once(open_plane):
    async def story():
        async with open_plane() as plane:
            await plane.person(Role.ADMIN, "mira")
            users, sign_in = plane.services.users, plane.services.sign_in
            for change in (
                UserChange(role=Role.OPERATOR),
                UserChange(password=ANOTHER),
                UserChange(disabled=True),
            ):
                person, token = await plane.person(Role.VIEWER, f"jun {change.model_dump_json()[:60]}")
                key = await plane.key(person, Permission.SESSIONS_READ)
                assert await sign_in.actor_of(token)
                assert await plane.services.api_keys.actor_of(key)
                await users.change(ADMIN, person.user, change)
                assert await sign_in.actor_of(token) is None
                assert (await plane.services.api_keys.actor_of(key) is None) == bool(change.disabled)
            with pytest.raises(NotSignedInError):
                await sign_in.sign_in(person.name, PASSWORD, "1.1.1.1", "")

    run(story())


def test_one_administrator_always_stays(open_plane):
    async def story():
        async with open_plane() as plane:
            await plane.person(Role.ADMIN, "mira")
            users = plane.services.users
            for change in (UserChange(role=Role.VIEWER), UserChange(disabled=True)):
                with pytest.raises(ConflictError):
                    await users.change(ADMIN, 1, change)
            with pytest.raises(ConflictError):
                await users.delete(ADMIN, 1)
            # Of two who remove, or demote, each other at the same moment one stays.
            for n in range(5):
                other, _ = await plane.person(Role.ADMIN, f"jun {n}")
                first, *_ = [each.id for each in await users.list(ADMIN) if each.id != other.user]
                both = await asyncio.gather(
                    users.delete(ADMIN, first), users.delete(ADMIN, other.user), return_exceptions=True
                )
                assert sorted(type(each).__name__ for each in both) == ["ConflictError", "NoneType"], both
            (left,) = [each.id for each in await users.list(ADMIN)]
            others = [(await plane.person(Role.ADMIN, f"lin {n}"))[0].user for n in range(3)]
            demoted = await asyncio.gather(
                *(users.change(ADMIN, each, UserChange(role=Role.VIEWER)) for each in (left, *others)),
                return_exceptions=True,
            )
            assert sorted(type(each).__name__ for each in demoted) == ["ConflictError", *["UserView"] * 3], demoted
            with pytest.raises(ConflictError):
                await users.create(ADMIN, UserIn(name=(await users.list(ADMIN))[0].name.upper(), role=Role.VIEWER))

    run(story())


def test_ones_own_password_takes_the_old_one_and_ends_the_other_sign_ins(open_plane):
    async def story():
        async with open_plane() as plane:
            actor, here = await plane.person(Role.VIEWER, "jun")
            sign_in = plane.services.sign_in
            there = await sign_in.sign_in("jun", PASSWORD, "1.1.1.1", "")
            with pytest.raises(ForbiddenError):
                await sign_in.change_password(actor, "wrong", "a new long one")
            for bad in ("short", PASSWORD, "aaaaaaaaaaaa"):
                with pytest.raises(BadInputError):
                    await sign_in.change_password(actor, PASSWORD, bad)
            plane.wall.now += 61
            await sign_in.change_password(actor, PASSWORD, "a new long one", keep=here)
            assert await sign_in.actor_of(here)
            assert await sign_in.actor_of(there) is None
            assert await sign_in.sign_in("jun", "a new long one", "1.1.1.1", "")

    run(story())


def test_a_key_has_its_scopes_and_never_more_than_its_person(open_plane):
    async def story():
        async with open_plane() as plane:
            await plane.person(Role.ADMIN, "mira")
            person, _ = await plane.person(Role.OPERATOR, "jun")
            keys = plane.services.api_keys
            with pytest.raises(ForbiddenError):
                await plane.key(person, Permission.USERS_WRITE)
            made = await keys.create(
                person, ApiKeyIn(name="board", scopes=[Permission.SESSIONS_READ, Permission.SESSIONS_RUN], days=1)
            )
            assert made.token.startswith("jvl_")
            assert made.key.prefix == made.token[:8]
            actor = await keys.actor_of(made.token)
            assert actor.may(Permission.SESSIONS_RUN)
            assert not actor.may(Permission.PROFILES_READ)
            with pytest.raises(ForbiddenError):
                await keys.create(actor, ApiKeyIn(name="child", scopes=[Permission.SESSIONS_READ]))
            await plane.services.users.change(ADMIN, person.user, UserChange(role=Role.VIEWER))
            actor = await keys.actor_of(made.token)
            assert actor.may(Permission.SESSIONS_READ)
            assert not actor.may(Permission.SESSIONS_RUN)
            assert (await keys.list(person))[0].used == plane.wall.now
            plane.wall.now += 86_401
            assert await keys.actor_of(made.token) is None
            other = await plane.key(person, Permission.SESSIONS_READ)
            stranger, _ = await plane.person(Role.VIEWER, "ana")
            with pytest.raises(UnknownError):
                await keys.revoke(stranger, 2)
            await keys.revoke(ADMIN, 2)
            assert await keys.actor_of(other) is None

    run(story())


def test_every_change_is_in_the_audit_log_without_secrets(open_plane):
    async def story():
        async with open_plane() as plane:
            person, token = await plane.person(Role.ADMIN, "mira")
            await plane.services.users.change(ADMIN, 1, UserChange(password=ANOTHER))
            key = await plane.key(person, Permission.SESSIONS_READ)
            entries = await plane.services.audit.list(ADMIN)
            assert [entry.action for entry in entries] == [
                "key.created",
                "user.changed",
                "sign_in.made",
                "user.created",
            ]
            assert all(secret not in str(entries) for secret in (PASSWORD, ANOTHER, token, key))
            older = await plane.services.audit.list(ADMIN, before=entries[0].id, limit=1, action="user")
            assert [entry.action for entry in older] == ["user.changed"]
            with pytest.raises(ForbiddenError):
                await plane.services.audit.list(Actor("jun", 2, Role.OPERATOR))

    run(story())


def test_a_limit_moves_with_time_and_forgets_in_bounds():
    now = [0.0]
    limit = Limit(2, 10.0, lambda: now[0])
    limit.hit("a")
    now[0] = 6.0
    limit.hit("a")
    with pytest.raises(LimitedError) as caught:
        limit.hit("a")
    assert caught.value.after == 4
    now[0] = 10.0
    limit.hit("a")
    for number in range(10_001):
        limit.hit(str(number))
    limit.hit("a")
    now[0] = -100.0  # a clock that was set back locks nobody out
    limit.hit("a")
