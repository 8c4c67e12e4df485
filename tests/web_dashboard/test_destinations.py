import asyncio
import base64
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit import api
from pydantic import SecretStr

from joyvl_core.errors import BadInputError
from tests.web_dashboard.things import ADMIN, OPERATOR, VIEWER, Things, things
from web_dashboard.api.livekit_hook import router
from web_dashboard.permissions import ConflictError, ForbiddenError, UnknownError
from web_dashboard.schemas.credentials import CredentialIn
from web_dashboard.schemas.destinations import DestinationIn
from web_dashboard.services.credentials import Credentials
from web_dashboard.services.destinations import Destinations

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of a server that is played
OWN = {"livekit_api_key": "devkey", "livekit_api_secret": SecretStr(SECRET)}


class PlayedSessions:
    """Starts nothing, and writes the row that a start makes."""

    def __init__(self, t: Things) -> None:
        self._things = t
        self.started: list[Any] = []

    async def start(self, actor: Any, given_: Any) -> Any:
        self.started.append(given_)
        name = f"s{len(self.started)}"
        await self._things.job(name, place=given_.place.model_dump_json())
        return SimpleNamespace(id=name)


def made(t: Things) -> tuple[Destinations, PlayedSessions]:
    played = PlayedSessions(t)
    return Destinations(t.context, t.audit, played), played  # type: ignore[arg-type]  # what is used of it


def room(name: str = "Stand-ups", pattern: str | None = "standup-*", **fields: Any) -> DestinationIn:
    return DestinationIn(**{"name": name, "place": {"kind": "livekit", "room": "x"}, "pattern": pattern, **fields})


def signed(event: dict[str, Any], key: str = "devkey", secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(event).encode()
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return body, {"authorization": api.AccessToken(key, secret).with_sha256(digest).to_jwt()}


async def post(t: Things, destinations: Destinations, body: bytes, headers: dict[str, str]) -> httpx.Response:
    app = FastAPI()
    app.include_router(router)
    credentials = Credentials(t.context, t.audit)
    app.state.services = SimpleNamespace(context=t.context, credentials=credentials, destinations=destinations)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.post("/hooks/livekit", content=body, headers=headers)


def test_a_place_is_saved_changed_and_deleted(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path) as t:
            destinations, played = made(t)
            view = await destinations.create(OPERATOR, room())
            assert (await destinations.list(VIEWER)) == [view]
            with pytest.raises(ConflictError):
                await destinations.create(OPERATOR, room())
            with pytest.raises(ForbiddenError):
                await destinations.create(VIEWER, room("V"))
            for wrong in (room("B", profile=9), room("B", credential=9)):
                with pytest.raises(BadInputError, match="There is no"):
                    await destinations.create(OPERATOR, wrong)
            with pytest.raises(BadInputError, match="pattern"):
                await destinations.create(OPERATOR, room("B", place={"kind": "upload", "upload": 1}))
            changed = await destinations.update(OPERATOR, view.id, room("C", None))
            assert (changed.name, changed.pattern) == ("C", None)
            await destinations.start(OPERATOR, view.id)
            assert [each.place.room for each in played.started] == ["x"]
            await destinations.delete(OPERATOR, view.id)
            with pytest.raises(UnknownError):
                await destinations.start(OPERATOR, view.id)

    asyncio.run(main())


@pytest.mark.parametrize(
    "place",
    [
        {"kind": "livekit", "room": "x", "url": "ws://169.254.169.254"},
        {"kind": "stream", "url": "rtsp://localhost/x"},
        {"kind": "stream", "url": "file:///etc/passwd"},
        {"kind": "stream", "url": "concat:/etc/passwd"},
    ],
)
def test_a_place_does_not_lead_inside(tmp_path: Path, place: dict[str, str]):
    async def main() -> None:
        async with things(tmp_path, allow=frozenset()) as t:
            with pytest.raises(BadInputError):
                await made(t)[0].create(OPERATOR, room(pattern=None, place=place))

    asyncio.run(main())


def test_a_room_that_starts_invites_the_bot_once(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path, **OWN) as t:
            destinations, played = made(t)
            await destinations.create(OPERATOR, room())
            body, headers = signed({"event": "room_started", "id": "EV_1", "room": {"name": "standup-7"}})
            answers = await asyncio.gather(*(post(t, destinations, body, headers) for _ in range(4)))
            assert [answer.status_code for answer in answers] == [200] * 4
            assert [each.place.room for each in played.started] == ["standup-7"]
            other, headers = signed({"event": "room_started", "room": {"name": "retro"}})
            assert (await post(t, destinations, other, headers)).json() == {"session": None}
            ended, headers = signed({"event": "room_finished", "room": {"name": "standup-7"}})
            assert (await post(t, destinations, ended, headers)).status_code == 200
            assert "destination.room_ended" in await t.actions()
            assert len(played.started) == 1

    asyncio.run(main())


def test_a_servers_news_count_for_its_own_places_alone(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path, **OWN) as t:
            destinations, played = made(t)
            given_ = CredentialIn(
                name="other",
                kind="livekit",
                public={"url": "ws://127.0.0.1:9", "api_key": "otherkey"},
                secret={"api_secret": SECRET[::-1]},
            )
            credential = (await Credentials(t.context, t.audit).create(ADMIN, given_)).id
            await destinations.create(OPERATOR, room("mine", "a-*"))
            await destinations.create(OPERATOR, room("theirs", "b-*", credential=credential))
            for name, key, secret in (
                ("b-1", "devkey", SECRET),
                ("a-1", "otherkey", SECRET[::-1]),
                ("b-2", "otherkey", SECRET[::-1]),
            ):
                body, headers = signed({"event": "room_started", "room": {"name": name}}, key, secret)
                assert (await post(t, destinations, body, headers)).status_code == 200
            assert [each.place.room for each in played.started] == ["b-2"]

    asyncio.run(main())


def test_what_is_not_signed_is_refused(tmp_path: Path):
    async def main() -> None:
        async with things(tmp_path, **OWN) as t:
            destinations, played = made(t)
            await destinations.create(OPERATOR, room())
            body, headers = signed({"event": "room_started", "room": {"name": "standup-7"}})
            _, stranger = signed({"event": "room_started", "room": {"name": "standup-7"}}, "devkey", "x" * 32)
            _, unknown = signed({"event": "room_started", "room": {"name": "standup-7"}}, "nokey", SECRET)
            joins = {"authorization": api.AccessToken("devkey", SECRET).to_jwt()}
            for sent, given_ in (
                (body, {}),
                (body + b" ", headers),
                (body, stranger),
                (body, unknown),
                (body, joins),
                (body, {"authorization": "Bearer x.y.z"}),
                (b"\xff", headers),
            ):
                assert (await post(t, destinations, sent, given_)).status_code == 401
            assert (await post(t, destinations, b"x" * 300_000, headers)).status_code == 413
            assert played.started == []

    asyncio.run(main())


@settings(deadline=None, max_examples=25)
@given(st.binary(max_size=200), st.text(st.characters(max_codepoint=127, exclude_categories=["Cc"]), max_size=100))
def test_any_post_is_answered(tmp_path_factory: pytest.TempPathFactory, body: bytes, token: str):
    async def main() -> None:
        async with things(tmp_path_factory.getbasetemp() / "any", **OWN) as t:
            answer = await post(t, made(t)[0], body, {"authorization": token})
            assert answer.status_code == 401

    (tmp_path_factory.getbasetemp() / "any").mkdir(exist_ok=True)
    asyncio.run(main())
