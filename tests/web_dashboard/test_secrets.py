"""Every secret there is, looked for in what every route and page answers, and in the logs."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re

import pytest
from sqlalchemy import insert, update

from tests.web_dashboard.planes import ADMIN, KEY
from web_dashboard.db import tables
from web_dashboard.permissions import Permission, Role
from web_dashboard.routes import api_routes
from web_dashboard.schemas.credentials import CredentialIn
from web_dashboard.schemas.people import UserIn
from web_dashboard.schemas.shares import ShareIn
from web_dashboard.schemas.webhooks import WebhookIn
from web_dashboard.ui.shell import PAGES

PASSWORD = "passw-7f3a-of-mira"  # noqa: S105 - to be looked for
API_KEY = "sk-7f3a-of-a-credential"
LINK = "link-7f3a-of-a-process"
METRICS = "metrics-7f3a-token"
WORKER = "worker-7f3a-token-of-the-pool"


async def secrets_everywhere(plane) -> tuple[str, dict[str, str]]:
    """Puts a secret wherever there can be one; returns the cookie's token, and all of them."""
    services = plane.services
    user = await services.users.create(ADMIN, UserIn(name="mira", role=Role.ADMIN, password=PASSWORD))
    token = await services.sign_in.sign_in("mira", PASSWORD, "10.0.0.1", "test")
    owner = await services.sign_in.actor_of(token)
    key = await plane.key(owner, *Permission)
    credential = CredentialIn.model_validate({"name": "ours", "kind": "openai", "secret": {"api_key": API_KEY}})
    await services.credentials.create(owner, credential)
    hook = WebhookIn.model_validate({"name": "ours", "url": "https://example.org/hook", "kinds": ["spoken"]})
    webhook = await services.webhooks.create(owner, hook)
    await services.context.store.begin("s1", room="r", wall=1.0)
    async with services.context.database.writing() as connection:
        await connection.execute(insert(tables.jobs).values(job()))
    share = await services.shares.create(
        owner, ShareIn.model_validate({"kind": "overlay", "name": "x", "session": "s1"})
    )
    async with services.context.database.writing() as connection:
        await connection.execute(update(tables.jobs).values(token=hashlib.sha256(LINK.encode()).hexdigest()))
        stored = [*(await connection.scalars(tables.users.select().with_only_columns(tables.users.c.password))).all()]
    hashes = {
        name: hashlib.sha256(value.encode()).hexdigest() for name, value in (("k", key), ("t", token), ("l", LINK))
    }
    return token, {
        "password": PASSWORD, "cookie": token, "key": key, "credential": API_KEY, "webhook": webhook.secret,
        "share": share.token, "link": LINK, "vault": KEY, "metrics": METRICS, "worker": WORKER,
        "the password's hash": str(stored[user.id - 1]), **{f"hash {name}": value for name, value in hashes.items()},
    }  # fmt: skip


def job() -> dict[str, object]:
    """A session's row, at rest."""
    needed = [column for column in tables.jobs.columns if not column.nullable]
    plain = {column.name: "" if column.type.python_type is str else 0 for column in needed}
    place, body = '{"kind":"livekit","room":"r"}', "{}"
    return {**plain, "id": "s1", "place": place, "body": body, "wanted": "stopped", "state": "ended", "created": 1.0}


@pytest.mark.parametrize("by", ["cookie", "key"])
def test_no_secret_leaves(open_plane, caplog, by):
    async def story():
        async with open_plane(metrics_token=METRICS, worker_token=WORKER) as plane:
            token, secrets = await secrets_everywhere(plane)
            assert all(len(value) > 12 for value in secrets.values())
            given = {"token": token} if by == "cookie" else {"key": secrets["key"]}
            answers = {}
            async with plane.running(), plane.client(**given) as client:
                for path in (*paths(plane), "/metrics", "/healthz", "/readyz", "/sign-in"):
                    answer = await client.get(path, headers={"accept": "text/html" if "api" not in path else "*/*"})
                    answers[path] = answer.text + str(answer.headers)
                # What is wrong is told without what was sent.
                for path, body in (
                    ("/api/v1/credentials", {"name": 1, "secret": API_KEY}),
                    ("/api/v1/sign-in", {"name": ["mira"], "password": PASSWORD}),
                    ("/api/v1/users", {"name": "x", "role": "king", "password": PASSWORD}),
                    (
                        "/api/v1/webhooks",
                        {"url": f"https://x:{PASSWORD}@example.org", "kinds": ["spoken"], "name": "y"},
                    ),
                ):
                    answer = await client.post(path, json=body)
                    assert answer.status_code >= 400
                    answers[f"POST {path}"] = answer.text
            answers["the log"] = caplog.text
            answers["what is printed of it"] = repr(plane.services) + repr(plane.settings)
            found = [(name, path) for path, text in answers.items() for name, value in secrets.items() if value in text]
            assert not found
            assert len(answers) > 60

    with caplog.at_level(logging.DEBUG):
        asyncio.run(story())


def paths(plane) -> list[str]:
    """All that can be read, with ids that are there."""
    got = [route.path for route in api_routes(plane.app) if "GET" in route.methods]
    pages = [rule.path for rule in PAGES]
    named = [re.sub(r"\{session[^}]*\}", "s1", path) for path in (*got, *pages) if not path.endswith("/live")]
    return sorted({re.sub(r"\{[^}]+\}", "1", path) for path in named})
