"""Every route and page against nobody, every role, and keys with each single scope: made from the route table."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.web_dashboard.planes import Plane
from web_dashboard.guard import PUBLIC
from web_dashboard.permissions import ALLOWED, Permission, Role
from web_dashboard.routes import Route, api_routes
from web_dashboard.ui.shell import PAGES

HTML = {"accept": "text/html"}
_REFUSED = (401, 403)


def filled(path: str) -> str:
    """A path with something that is not there in place of its parameters."""
    return re.sub(r"\{[^}]+\}", "999999", path)


def is_public(path: str) -> bool:
    return any(pattern.fullmatch(filled(path)) for pattern in PUBLIC)


def calls(plane: Plane) -> list[tuple[Route, str]]:
    """What is guarded by a rule; what signs the asker out comes last."""
    found = [(route, method) for route in api_routes(plane.app) for method in sorted(route.methods - {"HEAD"})]
    guarded = [(route, method) for route, method in found if not is_public(route.path)]
    return sorted(guarded, key=lambda each: each[0].path.endswith("/sign-out"))


def test_every_route_has_a_rule_or_is_known_as_public(open_plane):
    async def story():
        async with open_plane() as plane:
            routes = list(api_routes(plane.app))
            assert len(routes) > 60
            assert not [route.path for route in routes if not route.rules and not is_public(route.path)]
            # What is public has no rule that nobody would ask for.
            assert not [route.path for route in routes if route.rules and is_public(route.path)]

    asyncio.run(story())


def test_every_page_is_known(open_plane):
    async def story():
        async with open_plane() as plane:
            import nicegui

            assert plane.app
            known = {re.sub(r":\w+", "", rule.path) for rule in PAGES}
            made = {
                route.path
                for route in nicegui.app.routes
                if getattr(route, "methods", None) and not route.path.startswith(("/_nicegui", "/favicon"))
            }
            assert {re.sub(r":\w+", "", path) for path in made} <= known | {"/", "/{_:path}"}

    asyncio.run(story())


async def statuses(client, plane: Plane) -> dict[tuple[str, str], int]:
    """What each route answers."""
    found = {}
    for route, method in calls(plane):
        body = {"json": {}} if method in ("POST", "PUT", "PATCH") else {}
        async with asyncio.timeout(20):
            answer = await client.request(method, filled(route.path), **body)
        found[method, route.path] = answer.status_code
    return found


def expected(route: Route, allowed: frozenset[Permission], *, person: bool) -> bool:
    assert route.rules
    return all(
        (rule.permission is None or rule.permission in allowed) and (person or not rule.in_person)
        for rule in route.rules
    )


def wrong(plane: Plane, answered: dict[tuple[str, str], int], allowed: frozenset[Permission], *, person: bool):
    """Where the answer isn't what the rule says."""
    found = []
    for route, method in calls(plane):
        status = answered[method, route.path]
        if status >= 500 and status != 503:
            found.append((method, route.path, status))
        if (status in _REFUSED) == expected(route, allowed, person=person) and not own_refusal(route, status):
            found.append((method, route.path, status))
    return found


def own_refusal(route: Route, status: int) -> bool:
    """A route that all may ask, and that refuses what was asked: a wrong old password."""
    return status == 403 and route.path.endswith("/me/password")


def test_nobody_is_let_in_nowhere(open_plane):
    async def story():
        async with open_plane() as plane, plane.client() as client:
            await plane.person(Role.ADMIN, "mira")
            assert set((await statuses(client, plane)).values()) == {401}
            for rule in PAGES:
                answer = await client.get(filled(rule.path), headers=HTML)
                assert (answer.status_code, answer.headers["location"][:8]) == (303, "/sign-in"), rule.path

    asyncio.run(story())


@pytest.mark.parametrize("role", list(Role))
def test_a_person_may_what_their_role_may(open_plane, role: Role):
    async def story():
        async with open_plane() as plane:
            await plane.person(Role.ADMIN, "mira")
            _, token = await plane.person(role, "jun")
            async with plane.running(), plane.client(token) as client:
                for rule in PAGES:
                    answer = await client.get(filled(rule.path), headers=HTML)
                    may = rule.permission is None or rule.permission in ALLOWED[role]
                    assert (answer.status_code == 403) != may, (rule.path, answer.status_code)
                    assert answer.status_code in (200, 403, 404), (rule.path, answer.status_code)
                assert not wrong(plane, await statuses(client, plane), ALLOWED[role], person=True)

    asyncio.run(story())


def test_a_key_may_what_its_scope_says(open_plane):
    async def story():
        async with open_plane() as plane:
            owner, _ = await plane.person(Role.ADMIN, "mira")
            keys = {scope: await plane.key(owner, scope) for scope in Permission}
            found = []
            for scope, key in keys.items():
                async with plane.client(key=key) as client:
                    answered = await statuses(client, plane)
                found += [(scope, *each) for each in wrong(plane, answered, frozenset({scope}), person=False)]
            assert not found

    asyncio.run(story())


def test_a_key_sees_the_pages_of_its_scope(open_plane):
    async def story():
        async with open_plane() as plane:
            owner, _ = await plane.person(Role.ADMIN, "mira")
            keys = {scope: await plane.key(owner, scope) for scope in Permission}
            async with plane.running():
                for scope, key in keys.items():
                    async with plane.client(key=key) as client:
                        for rule in PAGES:
                            answer = await client.get(filled(rule.path), headers=HTML)
                            may = rule.permission in (None, scope)
                            # What a page shows may take a further right.
                            assert may or answer.status_code == 403, (scope, rule.path, answer.status_code)
                            assert answer.status_code < 500, (scope, rule.path, answer.status_code)

    asyncio.run(story())


def test_a_viewers_key_gets_no_more_than_a_viewer(open_plane):
    async def story():
        async with open_plane() as plane:
            owner, _ = await plane.person(Role.ADMIN, "mira")
            key = await plane.key(owner, *Permission)
            await plane.person(Role.ADMIN, "jun")
            from tests.web_dashboard.planes import ADMIN
            from web_dashboard.schemas.people import UserChange

            await plane.services.users.change(ADMIN, owner.user, UserChange(role=Role.VIEWER))
            async with plane.client(key=key) as client:
                assert not wrong(plane, await statuses(client, plane), ALLOWED[Role.VIEWER], person=False)

    asyncio.run(story())
