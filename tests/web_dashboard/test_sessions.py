"""What people and programs do with sessions: the service and its API, over a fleet with processes that are played."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from bot.link import frames
from integrations.egress import Egress
from joyvl_core.errors import BadInputError, UnavailableError
from tests.web_dashboard.fleet.playing import Played, Stage, serving, stage
from web_dashboard.api.errors import add_error_handlers
from web_dashboard.api.sessions import router
from web_dashboard.db.tables import audit as audit_table
from web_dashboard.db.tables import jobs
from web_dashboard.fleet.orders import Orders
from web_dashboard.permissions import Actor, ConflictError, ForbiddenError, Role, UnknownError
from web_dashboard.schemas.credentials import CredentialIn
from web_dashboard.schemas.places import LiveKitPlace, StreamPlace
from web_dashboard.schemas.profiles import ProfileBody, ProfileIn
from web_dashboard.schemas.sessions import StartSession
from web_dashboard.services.audit import Audit
from web_dashboard.services.credentials import Credentials
from web_dashboard.services.profiles import Profiles
from web_dashboard.services.sessions import Sessions
from web_dashboard.services.starting import Starts
from web_dashboard.services.uploads import Uploads

pytestmark = pytest.mark.anyio

ADMIN = Actor("ada", user=1, role=Role.ADMIN)
OPERATOR = Actor("olga", user=2, role=Role.OPERATOR)
VIEWER = Actor("vic", user=3, role=Role.VIEWER)
ACTORS = {actor.name: actor for actor in (ADMIN, OPERATOR, VIEWER)}
ROOM = StartSession(place=LiveKitPlace(room="standup"))


@dataclass
class House:
    """The service, and what it stands on."""

    stage: Stage
    sessions: Sessions
    profiles: Profiles
    credentials: Credentials
    client: httpx.AsyncClient

    async def running(self, given: StartSession = ROOM) -> tuple[str, Played]:
        view = await self.sessions.start(OPERATOR, given)
        played = await self.stage.process(len(self.stage.launcher.started))
        self.order = await played.hello()
        await played.begin(1)
        await self.stage.in_state(view.id, "running")
        return view.id, played

    async def audited(self) -> list[tuple[str, str]]:
        async with self.stage.context.database.reading() as connection:
            found = await connection.execute(select(audit_table).order_by(audit_table.c.id))
            return [(row["actor"], row["action"]) for row in found.mappings()]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def house(tmp_path: Path):
    """`async with house() as made`."""

    @asynccontextmanager
    async def make(**changes: Any) -> AsyncIterator[House]:
        async with stage(tmp_path, **changes) as made:
            context = made.context
            audit = Audit(context)
            credentials = Credentials(context, audit)
            profiles, uploads = Profiles(context, audit, credentials), Uploads(context, audit)
            orders = Orders(context, profiles, uploads)
            made.fleet.order = orders
            await made.until(lambda: not made.fleet.standby)
            sessions = Sessions(context, audit, made.fleet, Starts(context, orders, profiles, uploads))
            app = FastAPI()
            app.state.services = SimpleNamespace(sessions=sessions)
            app.include_router(router)
            add_error_handlers(app)

            @app.middleware("http")
            async def who(request: Any, handle: Any) -> Any:
                request.state.actor = ACTORS[request.headers.get("x-who", "olga")]
                return await handle(request)

            async with (
                serving(app) as port,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
            ):
                yield House(made, sessions, profiles, credentials, client)

    return make


async def test_a_started_session_is_queued_runs_and_is_told_what_its_profile_says(house):
    async with house() as home:
        body = ProfileBody(instructions=("Count the cars",), settings={"language": "zh"}, seconds=60)
        profile = await home.profiles.create(ADMIN, ProfileIn(name="Counter", body=body))
        given = StartSession(
            place=LiveKitPlace(room="https://meet.example/rooms/standup"),
            profile=profile.id,
            instructions=("Greet people",),
            overrides={"talkativeness": 0.2},
        )
        session, _ = await home.running(given)
        order = home.order
        assert order["target"] == {"kind": "livekit", "room": "standup", "identity": f"joyvl-{session}"}
        assert order["instructions"] == ["Count the cars", "Greet people"]
        assert order["seconds"] == 60
        assert order["settings"]["language"] == "zh"
        assert order["settings"]["talkativeness"] == 0.2
        assert order["settings"]["database_url"].startswith("sqlite:///")
        view = await home.sessions.get(VIEWER, session)
        assert (view.state, view.title, view.created_by, view.place.room) == ("running", "standup", "olga", "standup")
        assert view.live is not None
        assert view.live.connected
        assert ("olga", "session.started") in await home.audited()


async def test_a_viewer_looks_and_does_nothing(house):
    async with house() as home:
        session, _ = await home.running()
        for attempt in (
            home.sessions.start(VIEWER, ROOM),
            home.sessions.stop(VIEWER, session),
            home.sessions.mute(VIEWER, session),
            home.sessions.instruct(VIEWER, session, "x"),
            home.sessions.reconnect(VIEWER, session),
            home.sessions.erase(OPERATOR, session),
        ):
            with pytest.raises(ForbiddenError):
                await attempt
        assert [view.id for view in await home.sessions.list(VIEWER)] == [session]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"place": StreamPlace(url="http://169.254.169.254/a")}, BadInputError),
        ({"place": StreamPlace(url="file:///etc/passwd")}, BadInputError),
        ({"place": LiveKitPlace(room="https://meet.example/")}, BadInputError),
        ({"place": LiveKitPlace(room="a", url="ws://10.0.0.1")}, BadInputError),
        ({"place": {"kind": "upload", "upload": 99}}, UnknownError),
        ({"place": LiveKitPlace(room="a"), "profile": 99}, UnknownError),
        ({"place": LiveKitPlace(room="a"), "credential": 99}, BadInputError),
        ({"place": LiveKitPlace(room="a"), "overrides": {"database_url": "x"}}, BadInputError),
        ({"place": LiveKitPlace(room="a"), "overrides": {"talkativeness": 7}}, BadInputError),
    ],
)
async def test_what_can_not_be_started_is_refused_with_a_hint_and_leaves_nothing(house, given, error):
    async with house() as home:
        with pytest.raises(error) as refused:
            await home.sessions.start(OPERATOR, StartSession(**given))
        assert str(refused.value)
        assert await home.sessions.list(OPERATOR) == []


async def test_the_key_of_one_server_goes_to_no_other(house, monkeypatch):
    async with house() as home:

        async def resolve(host: str, port: int) -> list[str]:
            return ["93.184.216.34"]

        object.__setattr__(home.stage.context, "egress", Egress(resolve=resolve))
        elsewhere = StartSession(place=LiveKitPlace(room="a", url="wss://elsewhere.example"))
        with pytest.raises(BadInputError, match="no key for this LiveKit server"):
            await home.sessions.start(OPERATOR, elsewhere)
        made = await home.credentials.create(
            ADMIN,
            CredentialIn(
                name="Elsewhere",
                kind="livekit",
                public={"url": "wss://elsewhere.example", "api_key": "key"},
                secret={"api_secret": "s3cret-of-elsewhere"},
            ),
        )
        session, _ = await home.running(elsewhere.model_copy(update={"credential": made.id}))
        assert home.order["settings"]["livekit_api_secret"] == "s3cret-of-elsewhere"  # noqa: S105 - of a test
        shown = (await home.client.get(f"/sessions/{session}")).text + str(await home.audited())
        assert "s3cret" not in shown


async def test_the_same_idempotency_key_starts_one_session(house):
    async with house() as home:
        body = {"place": {"kind": "livekit", "room": "a"}}
        headers = {"Idempotency-Key": "k1"}
        answers = await asyncio.gather(*(home.client.post("/sessions", json=body, headers=headers) for _ in range(5)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1
        other = await home.client.post("/sessions", json={"place": {"kind": "livekit", "room": "b"}}, headers=headers)
        assert other.status_code == 409
        assert len(await home.sessions.list(OPERATOR)) == 1
        home.stage.clock.ahead += 601
        await home.stage.fleet._lease.renew(home.stage.clock())
        late = await home.client.post("/sessions", json=body, headers=headers)
        assert late.json()["id"] != answers[0].json()["id"]


async def test_commands_go_to_the_process_with_their_author(house):
    async with house() as home:
        session, played = await home.running()

        async def answered(call: Any, name: str, **data: Any) -> Any:
            task = asyncio.create_task(call)
            command = await played.heard(name)
            await played.reply(command, **data)
            return await task, command["args"]

        made, args = await answered(
            home.client.post(f"/sessions/{session}/instructions", json={"text": "Look"}), "instruct", id="i1"
        )
        assert (made.status_code, made.json(), args) == (201, {"id": "i1"}, {"text": "Look", "author": "olga"})
        base = f"/sessions/{session}"
        for call, name in (
            (home.client.put(f"{base}/instructions/i1", json={"text": "Look again"}), "change"),
            (home.client.delete(f"{base}/instructions/i1"), "cancel"),
            (home.client.delete(f"{base}/tickets/d1"), "cancel_ticket"),
            (home.client.post(f"{base}/mute"), "mute"),
            (home.client.post(f"{base}/unmute"), "unmute"),
            (home.client.post(f"{base}/pause"), "pause"),
            (home.client.post(f"{base}/resume"), "resume"),
            (home.client.put(f"{base}/talkativeness", json={"value": 0.9}), "talkativeness"),
            (home.client.post(f"{base}/ask", json={"text": "What do you see?"}), "ask"),
            (home.client.post(f"{base}/say", json={"text": "Hello"}), "say"),
        ):
            answer, _ = await answered(call, name)
            assert answer.status_code == 200, name
        actions = [action for _, action in await home.audited()]
        assert "session.instruct" in actions
        assert "session.say" in actions


@pytest.mark.parametrize("text", ["", "   ", "x" * 1_001])
async def test_bad_words_are_refused_before_they_go_anywhere(house, text):
    async with house() as home:
        session, played = await home.running()
        answer = await home.client.post(f"/sessions/{session}/instructions", json={"text": text})
        assert answer.status_code == 422
        assert not played.told


async def test_what_is_not_there_and_what_does_not_run_is_told_apart(house):
    async with house() as home:
        assert (await home.client.get("/sessions/no-such")).status_code == 404
        assert (await home.client.post("/sessions/no-such/mute")).status_code == 404
        assert (await home.client.get("/sessions/%2e%2e/picture.jpg")).status_code in (404, 422)
        view = await home.sessions.start(OPERATOR, ROOM)
        answer = await home.client.post(f"/sessions/{view.id}/mute")
        assert answer.status_code == 503
        assert answer.json()["hint"]


async def test_stop_says_the_words_and_rests(house):
    async with house() as home:
        session, played = await home.running()
        answer = await home.client.post(f"/sessions/{session}/stop", json={"words": "Goodbye"})
        assert answer.status_code == 200
        command = await played.heard("stop")
        assert command["args"]["words"] == "Goodbye"
        await played.reply(command)
        await played.say(kind="over", state="left", reason="asked")
        played.gone = True
        await home.stage.in_state(session, "ended")
        view = await home.sessions.get(OPERATOR, session)
        assert view.ended is not None
        assert view.live is None
        again = await home.sessions.reconnect(OPERATOR, session)
        assert again.state == "queued"
        second = await home.stage.process(1)
        assert second.job.session == session


async def test_pages_of_the_list_hold_each_session_once(house):
    async with house(free=0) as home:
        made = [(await home.sessions.start(OPERATOR, ROOM)).id for _ in range(5)]
        seen: list[str] = []
        last = None
        while page := await home.sessions.list(VIEWER, limit=2, before=last):
            seen += [view.id for view in page]
            last = seen[-1]
        assert sorted(seen) == sorted(made)
        assert len(await home.sessions.list(VIEWER, running=True)) == 5
        assert await home.sessions.list(VIEWER, running=False) == []


async def test_a_camera_s_password_is_shown_to_nobody(house):
    async with house() as home:

        async def resolve(host: str, port: int) -> list[str]:
            return ["93.184.216.34"]

        object.__setattr__(home.stage.context, "egress", Egress(resolve=resolve))
        given = StartSession(place=StreamPlace(url="rtsp://cam:hunter22@camera.example/street?key=abc123"))
        await home.running(given)
        assert home.order["target"]["source"].startswith("rtsp://cam:hunter22@")
        shown = (await home.client.get("/sessions")).text
        async with home.stage.context.database.reading() as connection:
            audited = (await connection.execute(select(audit_table.c.detail))).scalars().all()
        for secret in ("hunter22", "abc123"):
            assert secret not in shown
            assert secret not in str(audited)


async def test_the_newest_picture_is_served_with_its_tag(house):
    async with house() as home:
        session, played = await home.running()

        async def answering() -> None:
            await played.reply(await played.heard("view"))

        task = asyncio.create_task(answering())
        assert (await home.client.get(f"/sessions/{session}/picture.jpg")).status_code == 204
        await task
        await played.link.send(frames.pack(frames.LivePicture(3.0, "camera", b"\xff\xd8jpeg")))
        await home.stage.until(lambda: home.stage.fleet.live(session).pictures)
        answer = await home.client.get(f"/sessions/{session}/picture.jpg")
        assert (answer.status_code, answer.content) == (200, b"\xff\xd8jpeg")
        assert answer.headers["cache-control"] == "no-store"
        same = {"If-None-Match": answer.headers["etag"]}
        assert (await home.client.get(f"/sessions/{session}/picture.jpg", headers=same)).status_code == 304


async def test_events_are_followed_until_the_session_ends(house):
    async with house() as home:
        session, played = await home.running()
        async with home.client.stream("GET", f"/sessions/{session}/live") as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == ": here"
            await played.say(kind="happened", event={"kind": "chat", "t": 1.0, "text": "你好\nthere"})
            told = [line async for line in _until_data(lines)]
            assert json.loads(told[-1].removeprefix("data: "))["text"] == "你好\nthere"
            await played.say(kind="over", state="left", reason="ended")
            played.gone = True
            rest = [line async for line in lines]
            assert "event: end" in rest
        assert (await home.client.get(f"/sessions/{session}/live")).status_code == 409


async def _until_data(lines: Any) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line.startswith("data:"):
            return


async def test_erasing_what_runs_is_the_process_s_and_what_rests_the_store_s(house):
    async with house() as home:
        session, played = await home.running()
        await played.say(kind="happened", event={"kind": "chat", "t": 5.0, "text": "secret"})
        live = home.stage.fleet.live(session)
        await home.stage.until(lambda: live.events)
        task = asyncio.create_task(home.sessions.erase(ADMIN, session, 0.0, 10.0))
        command = await played.heard("erase")
        assert command["args"] == {"since": 0.0, "until": 10.0}
        await played.reply(command)
        await task
        assert not live.events
        await played.die()
        with pytest.raises(UnavailableError):
            await home.sessions.erase(ADMIN, session)


async def test_what_is_forgotten_is_in_no_list_and_only_what_rests_can_be(house):
    async with house() as home:
        session, played = await home.running()
        with pytest.raises(ConflictError):
            await home.sessions.forget(ADMIN, session)
        with pytest.raises(ForbiddenError):
            await home.sessions.forget(OPERATOR, session)
        await home.sessions.stop(OPERATOR, session)
        await played.reply(await played.heard("stop"))
        await played.say(kind="over", state="left", reason="asked")
        await home.stage.in_state(session, "ended")
        await home.sessions.forget(ADMIN, session)
        assert await home.sessions.list(VIEWER) == []
        with pytest.raises(UnknownError):
            await home.sessions.get(VIEWER, session)


async def test_a_second_start_of_one_that_is_stopping_waits(house):
    async with house(leaves=False) as home:
        session, played = await home.running()
        await home.sessions.stop(OPERATOR, session)
        await home.stage.in_state(session, "stopping")
        with pytest.raises(ConflictError):
            await home.sessions.reconnect(OPERATOR, session)
        await played.die()


async def test_reconnect_of_one_that_runs_starts_it_anew(house):
    async with house() as home:
        session, played = await home.running()
        await home.sessions.reconnect(OPERATOR, session)
        await played.reply(await played.heard("stop"))
        await played.say(kind="over", state="left", reason="asked")
        played.gone = True
        second = await home.stage.process(1)
        assert (second.job.session, second.job.start) == (session, 2)


async def test_tokens_are_kept_as_hashes_only(house):
    async with house() as home:
        session, played = await home.running()
        async with home.stage.context.database.reading() as connection:
            row = (await connection.execute(select(jobs).where(jobs.c.id == session))).mappings().one()
        assert played.job.token not in str(dict(row))
        assert len(row["token"]) == 64
