"""The API does what its OpenAPI document says, whatever is sent."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.web_dashboard.planes import planes
from web_dashboard.permissions import Permission, Role
from web_dashboard.serving import serving

_ENDLESS = "/live"
"""Answers of these go on for as long as somebody listens."""
_AWAY = 503
"""What a route may answer where something that it needs is not there: LiveKit, a session's process."""


class Served:
    """A control plane on a real socket, on a loop of its own thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)
        self.url = self.key = ""

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)

    async def _live(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with planes(self._folder) as plane:
            owner, _ = await plane.person(Role.ADMIN, "mira")
            self.key = await plane.key(owner, *Permission)
            await plane.services.profiles.make_first()
            listener = socket.create_server(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with serving(plane.app, listener):
                self._ready.set()
                await self._over.wait()


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_the_api_is_what_its_description_says(tmp_path):
    """Every operation with what its schema admits and what it doesn't; streams of events are left out."""
    with Served(tmp_path) as served:
        authorized = {"authorization": f"Bearer {served.key}"}
        document = httpx.get(f"{served.url}/api/v1/openapi.json", headers=authorized, timeout=60).json()
        document["paths"] = {path: item for path, item in document["paths"].items() if not path.endswith(_ENDLESS)}
        assert len(document["paths"]) > 40
        assert all("security" in each for item in document["paths"].values() for each in item.values())
        failures = []
        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            try:
                tried(found.ok(), served.url, authorized)
            except FailureGroup as group:
                failures += [f"{found.ok().label}: {each}"[:600] for each in group.exceptions]
        assert not failures, "\n\n".join(failures)


def tried(operation: object, url: str, headers: dict[str, str]) -> None:
    """Sends some of what may come.

    Raises:
        FailureGroup: What came back is not as described.
    """

    @settings(
        max_examples=4,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())  # type: ignore[attr-defined]  # of schemathesis
    def sent(case: schemathesis.Case) -> None:
        answer = case.call(base_url=url, headers=headers, timeout=60)
        checks = (
            [response_schema_conformance]
            if answer.status_code == _AWAY
            else [not_a_server_error, response_schema_conformance]
        )
        case.validate_response(answer, checks=checks)

    sent()
