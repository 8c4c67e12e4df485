"""The LiveKit room against a real server on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from bot.rooms.livekit import LiveKitOptions, LiveKitRoom
from tests.conformance.room import RoomConformance, Stage
from tests.e2e.livekit_people import moving_square, person
from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer, livekit_server

__all__ = ["livekit_server"]  # a fixture

pytestmark = pytest.mark.e2e


def room_on(server: LiveKitServer, room: str, **changes: object) -> LiveKitRoom:
    options = {"url": server.url, "room": room, "api_key": KEY, "api_secret": SecretStr(SECRET), "identity": "bot"}
    return LiveKitRoom(LiveKitOptions(**(options | changes)))  # type: ignore[arg-type]  # each test changes other fields


class TestConformance(RoomConformance):
    @pytest.fixture(autouse=True)
    def _prepare(self, livekit_server: LiveKitServer, request: pytest.FixtureRequest) -> None:
        self._server = livekit_server
        self._name = request.node.name

    @contextlib.asynccontextmanager
    async def stage(self) -> AsyncIterator[Stage]:
        async with person(self._server, self._name) as alice:
            await alice.show(moving_square())
            yield Stage(
                room_on(self._server, self._name),
                say=alice.say,
                read=lambda: [line.text for line in alice.chat],
                heard=alice.heard,
            )
