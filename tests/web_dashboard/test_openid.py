"""Signing in elsewhere, against a provider on a real socket that signs with a key of its own."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager

import pytest
import uvicorn

from joyvl_core.errors import BadInputError
from tests.stand_ins.openid_provider import CLIENT, SECRET, Provider
from tests.web_dashboard.planes import ADMIN
from web_dashboard.permissions import Role
from web_dashboard.schemas.people import UserChange


@asynccontextmanager
async def provided(**how):
    """A provider that answers."""
    provider = Provider(**how)
    listener = socket.create_server(("127.0.0.1", 0))
    provider.issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(provider.app, log_config=None, lifespan="off"))
    server.capture_signals = lambda: __import__("contextlib").nullcontext()
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield provider
    finally:
        server.should_exit = True
        await task
        listener.close()


def options(provider: Provider) -> dict[str, object]:
    return {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
        "oidc_roles": "boss=admin,staff=operator",
    }


async def signed_in(provider: Provider, plane, *, client=None, state: str = ""):
    """The answer to the browser that comes back from the provider."""
    plane.wall.now = time.time()
    async with plane.client() as browser:
        begun = await browser.get("/api/v1/sign-in/oidc")
        assert begun.status_code == 303, begun.text
        back = provider.sign_in(begun.headers["location"])
        if state:
            back = f"{back.partition('?')[0]}?state={state}&code=the-code"
        return await (client or browser).get(back)


def test_a_person_is_made_at_first_and_known_again(open_plane):
    async def story():
        async with provided() as provider, open_plane(**options(provider)) as plane:
            await plane.person(Role.ADMIN, "mira")
            await plane.person(Role.VIEWER, "jun")
            answer = await signed_in(provider, plane)
            assert answer.status_code == 200
            assert "samesite=strict" in answer.headers["set-cookie"].lower()
            assert (provider.asked[0]["code_challenge_method"], provider.asked[0]["response_type"]) == ("S256", "code")
            token = answer.cookies["joyvl"]
            actor = await plane.services.sign_in.actor_of(token)
            assert actor.role == Role.OPERATOR
            assert actor.name.startswith("jun (")  # another jun was here before, and is somebody else
            provider.claims["groups"] = ["boss", "staff"]
            again = await plane.services.sign_in.actor_of((await signed_in(provider, plane)).cookies["joyvl"])
            assert (again.user, again.role) == (actor.user, Role.ADMIN)
            await plane.services.users.change(ADMIN, actor.user, UserChange(disabled=True))
            assert (await signed_in(provider, plane)).status_code == 403

    asyncio.run(story())


NOW = 1_000_000_000


@pytest.mark.parametrize(
    ("how", "changes"),
    [
        ({}, {"nonce": "another"}),
        ({}, {"nonce": None}),
        ({}, {"iss": "http://evil.test"}),
        ({}, {"aud": "somebody else"}),
        ({}, {"aud": [CLIENT, "somebody else"]}),
        ({}, {"azp": "somebody else"}),
        ({}, {"exp": NOW}),
        ({}, {"exp": None}),
        ({}, {"iat": 10 * NOW}),
        ({}, {"sub": None}),
        ({}, {"groups": ["strangers"]}),
        ({"foreign_key": True}, {}),
        ({"header": {"alg": "none"}}, {}),
        ({"header": {"alg": "HS256", "kid": "one"}}, {}),
    ],
    ids=str,
)
def test_what_is_not_the_providers_word_to_us_is_refused(open_plane, how, changes):
    async def story():
        async with provided(**how, changes=changes) as provider, open_plane(**options(provider)) as plane:
            answer = await signed_in(provider, plane)
            assert answer.status_code == 403
            assert "joyvl" not in answer.cookies
            assert not await plane.services.users.list(ADMIN)

    asyncio.run(story())


def test_it_is_finished_once_by_the_browser_that_began_it(open_plane):
    async def story():
        async with provided() as provider, open_plane(**options(provider)) as plane:
            async with plane.client() as other:
                assert (await signed_in(provider, plane, client=other)).status_code == 403
            assert (await signed_in(provider, plane, state="made-up")).status_code == 403
            async with plane.client() as browser:
                begun = await browser.get("/api/v1/sign-in/oidc")
                back = provider.sign_in(begun.headers["location"])
                plane.wall.now += 601
                assert (await browser.get(back)).status_code == 403
                begun = await browser.get("/api/v1/sign-in/oidc")
                back = provider.sign_in(begun.headers["location"])
                plane.wall.now = time.time()
                assert (await browser.get(back)).status_code == 200
                assert (await browser.get(back)).status_code == 403

    asyncio.run(story())


def test_a_provider_that_is_away_or_not_configured_is_told(open_plane):
    async def story():
        async with (
            open_plane(oidc_issuer="http://127.0.0.1:1", oidc_client_id="x", oidc_default_role="viewer") as plane,
            plane.client() as browser,
        ):
            assert (await browser.get("/api/v1/sign-in/oidc")).status_code == 503
        async with open_plane() as plane, plane.client() as browser:
            assert (await browser.get("/api/v1/sign-in/oidc")).status_code == 404
        for wrong in ({"oidc_client_id": ""}, {"oidc_roles": "staff=king"}, {"oidc_issuer": "http://far.test"}):
            given = {"oidc_issuer": "https://id.test", "oidc_client_id": "x", "oidc_roles": "staff=viewer", **wrong}
            with pytest.raises(BadInputError):
                async with open_plane(**given):
                    pass

    asyncio.run(story())


def test_the_sign_in_page_offers_it_where_it_is_configured(open_plane):
    async def page(plane) -> str:
        plane.wall.now = time.time()
        async with plane.client() as browser:
            return (await browser.get("/sign-in")).text

    async def story():
        async with provided() as provider, open_plane(**options(provider), oidc_name="Campus <b>") as plane:
            await signed_in(provider, plane)
            told = await page(plane)
            assert 'href="/api/v1/sign-in/oidc"' in told
            assert "Sign in with Campus &lt;b&gt;" in told
        async with open_plane() as plane:
            assert "/sign-in/oidc" not in await page(plane)

    asyncio.run(story())
