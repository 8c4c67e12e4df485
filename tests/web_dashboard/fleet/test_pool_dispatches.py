"""Sessions that others dispatch by a profile: a worker's link, the service, and a fleet that goes on from there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select

from bot.link.sealing import unseal
from bot.link.worker_link import ControlAddress, WorkerLink
from bot.link.worker_messages import Held, JobMetadata, StartMade, StartWanted, WorkerHello, WorkerReport
from bot.settings import Settings
from integrations.egress import Egress
from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from tests.web_dashboard.fleet.playing import VAULT_KEY, Clock, Played, serving
from web_dashboard.db.opening import opening
from web_dashboard.db.tables import audit as audit_table
from web_dashboard.db.tables import jobs
from web_dashboard.db.vault import Vault
from web_dashboard.fleet.fleet import Fleet
from web_dashboard.fleet.launching import StartedJob
from web_dashboard.fleet.links import link_routes
from web_dashboard.fleet.orders import Orders
from web_dashboard.fleet.pool import Pool, PoolOptions
from web_dashboard.fleet.pool_dispatch import Dispatched
from web_dashboard.fleet.pool_links import pool_routes
from web_dashboard.fleet.pool_opening import attach
from web_dashboard.permissions import SYSTEM
from web_dashboard.schemas.credentials import CredentialIn
from web_dashboard.schemas.places import LiveKitPlace
from web_dashboard.schemas.profiles import ProfileBody, ProfileIn
from web_dashboard.services.audit import Audit
from web_dashboard.services.context import Context
from web_dashboard.services.credentials import Credentials
from web_dashboard.services.dispatches import Dispatches
from web_dashboard.services.profiles import Profiles
from web_dashboard.services.starting import Starts

pytestmark = pytest.mark.anyio

TOKEN = SecretStr("shared by workers and control plane")
SERVER = "ws://127.0.0.1:7880"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Server:
    """A LiveKit server that notes what it is asked."""

    dispatched: list[tuple[JobMetadata, str]] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)

    async def dispatch(self, metadata: JobMetadata, room: str, *, own_room: bool) -> Dispatched:
        self.dispatched.append((metadata, room))
        return Dispatched("of the pool", room, own_room)

    async def withdraw(self, dispatched: Dispatched, *, identity: str = "") -> None:
        self.withdrawn.append(dispatched.id)

    async def aclose(self) -> None:
        return None


@dataclass
class Scene:
    """A control plane with one worker on the line; the worker's slots are the test's."""

    fleet: Fleet
    pool: Pool
    server: Server
    clock: Clock
    profiles: Profiles
    credentials: Credentials
    url: str
    held: list[Held] = field(default_factory=list)
    asked: int = 0
    link: WorkerLink = field(init=False)

    def __post_init__(self) -> None:
        def report() -> WorkerReport:
            return WorkerReport(sessions=tuple(self.held), taken=len(self.held))

        hello = WorkerHello(worker="a", slots=2)
        self.link = WorkerLink(ControlAddress(self.url, TOKEN), hello, report, lambda: None)

    async def profile(self, **body: Any) -> int:
        made = await self.profiles.create(SYSTEM, ProfileIn(name="Counter", body=ProfileBody(**body)))
        return made.id

    async def ask(self, room: str, profile: int, **more: Any) -> StartMade:
        self.asked += 1
        wanted = StartWanted(id=f"AJ_{self.asked}", room=room, dispatch="of somebody", profile=profile, **more)
        return await self.link.start(wanted)

    async def takes(self, made: StartMade) -> Played:
        """The worker has accepted the job, and its process connects."""
        self.held.append(Held(session=made.session, start=made.start))
        self.link.changed()
        token = unseal(made.seal, made.session, made.start, TOKEN)
        return Played(StartedJob(made.session, made.start, token, "", LiveKitPlace(room="x")), self.fleet.url)

    async def rows(self) -> list[Any]:
        async with self.fleet.database.reading() as connection:
            return list((await connection.execute(select(jobs))).mappings())

    async def audited(self) -> list[dict[str, Any]]:
        async with self.fleet.database.reading() as connection:
            found = (await connection.execute(select(audit_table))).mappings()
            return [json.loads(row["detail"]) for row in found if row["action"] == "session.dispatched"]

    async def dispatched_again(self) -> bool:
        """Whether the pool has dispatched something; time goes by."""
        self.clock.ahead += 0.1
        self.fleet.wake()
        return bool(self.server.dispatched)

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(8):
            while not await holds():  # noqa: ASYNC110 - the other side's state
                await asyncio.sleep(0.01)


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    url = f"sqlite:///{folder / 'joyvl.db'}"
    defaults = Settings(database_url=url, livekit_url=SERVER, _env_file=None)  # type: ignore[call-arg]
    clock = Clock()
    async with opening(url) as store:
        context = Context(store, Vault([VAULT_KEY]), defaults, Egress(), folder, clock, pool=True)
        server, audit, uploads = Server(), Audit(context), None
        pool = Pool(PoolOptions(SERVER, "key", SecretStr("secret"), TOKEN), clock, server)
        credentials = Credentials(context, audit)
        profiles = Profiles(context, audit, credentials)
        orders = Orders(context, profiles, uploads)  # type: ignore[arg-type]  # no test has a file
        fleet = Fleet(context, pool, orders)
        starts = Starts(context, orders, profiles, uploads)  # type: ignore[arg-type]
        attach(context, pool, fleet, Dispatches(context, audit, fleet, pool, starts))
        app = FastAPI()
        app.include_router(link_routes(fleet))
        app.include_router(pool_routes(pool))
        async with serving(app) as port:
            fleet.url = f"ws://127.0.0.1:{port}"
            made = Scene(fleet, pool, server, clock, profiles, credentials, fleet.url)
            tasks = [asyncio.create_task(fleet.run()), asyncio.create_task(made.link.run())]

            async def up() -> bool:
                return pool.free() == 2 and not fleet.standby

            try:
                await made.until(up)
                yield made
            finally:
                await fleet.close()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_dispatch_by_profile_becomes_a_session_with_its_order(tmp_path):
    async with scene(tmp_path) as at:
        profile = await at.profile(instructions=("Count the cars",), settings={"language": "zh"}, seconds=60)
        made = await at.ask("road", profile, instructions=("Greet people",), overrides={"talkativeness": 0.2})
        played = await at.takes(made)
        order = await played.hello()
        assert order["target"] == {"kind": "livekit", "room": "road", "identity": f"joyvl-{made.session}"}
        assert order["instructions"] == ["Count the cars", "Greet people"]
        assert (order["settings"]["language"], order["settings"]["talkativeness"]) == ("zh", 0.2)
        await played.begin(1)

        async def runs() -> bool:
            return [row["state"] for row in await at.rows()] == ["running"]

        await at.until(runs)
        (row,) = await at.rows()
        assert (row["runner"], row["start"], row["profile"], row["created_by"]) == ("pool", 1, profile, "system")
        assert at.server.dispatched == []  # nobody dispatched it again
        assert [(told["worker"], told["profile"]) for told in await at.audited()] == [("a", profile)]

        # Its process dies: from here on it is a session like any other.
        at.held.clear()
        await played.die()
        at.link.changed()

        await at.until(at.dispatched_again)
        ((metadata, room),) = at.server.dispatched
        assert (metadata.session, metadata.start, room) == (made.session, 2, "road")
        assert at.server.withdrawn == ["of somebody"]


async def test_one_that_its_worker_did_not_take_is_dispatched_by_the_pool(tmp_path):
    async with scene(tmp_path) as at:
        made = await at.ask("road", await at.profile())
        await at.until(at.dispatched_again)
        assert at.server.dispatched[0][0].session == made.session


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"profile": 99}, "There is no profile 99"),
        ({"overrides": {"talkativeness": 7}}, "talkativeness"),
        ({"overrides": {"keep": True}}, "keep is no setting of a profile"),
        ({"instructions": ("x" * 1_001,)}, "instructions"),
        ({"instructions": ("x",) * 32}, "at most 32"),
        ({"room": "wss://127.0.0.1:7881/road"}, "may not be reached"),
        ({"room": f"{SERVER}/road"}, "another LiveKit server"),  # a link is no name
        ({"room": ""}, "room"),
    ],
)
async def test_what_can_not_be_a_session_is_refused_and_leaves_nothing(tmp_path, more, says):
    async with scene(tmp_path) as at:
        profile = await at.profile(instructions=("Count the cars",))
        with pytest.raises(BadInputError, match=says):
            await at.ask(**{"room": "road", "profile": profile, **more})
        assert await at.rows() == []
        assert await at.audited() == []


async def test_a_room_gets_one_session_however_many_are_dispatched(tmp_path):
    async with scene(tmp_path) as at:
        profile = await at.profile()
        asked = await asyncio.gather(*(at.ask("road", profile) for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(each, StartMade) for each in asked) == 1
        refused = [str(each) for each in asked if isinstance(each, JoyVLError)]
        assert len(refused) == 4
        assert all("has a session already" in each for each in refused)
        assert (await at.ask("street", profile)).session not in refused[0]


async def test_a_profile_of_another_livekit_server_is_refused(tmp_path):
    async with scene(tmp_path) as at:
        there = {"url": "wss://93.184.216.34", "api_key": "key"}
        given = CredentialIn(name="There", kind="livekit", public=there, secret={"api_secret": "s3cret"})
        credential = await at.credentials.create(SYSTEM, given)
        profile = await at.profile(credentials={"livekit": credential.id})
        with pytest.raises(BadInputError, match="another LiveKit server"):
            await at.ask("road", profile)


async def test_a_control_plane_that_stands_by_leaves_it_to_others(tmp_path, monkeypatch):
    async with scene(tmp_path) as at:
        profile = await at.profile()
        monkeypatch.setattr(Fleet, "standby", "Another server looks after the sessions.")
        with pytest.raises(UnavailableError, match="Another server") as refused:
            await at.ask("road", profile)
        assert refused.value.retryable


async def test_without_a_line_nothing_is_waited_for(tmp_path):
    async with scene(tmp_path) as at:
        hello = WorkerHello(worker="b", slots=1)
        link = WorkerLink(ControlAddress(at.url, TOKEN), hello, WorkerReport, lambda: None)
        with pytest.raises(UnavailableError, match="not on the line") as refused:
            await link.start(StartWanted(id="1", room="road", dispatch="d", profile=1))
        assert refused.value.retryable


async def test_a_line_that_breaks_ends_what_is_asked(tmp_path):
    async with scene(tmp_path) as at:

        async def never(hello: WorkerHello, wanted: StartWanted) -> StartMade:
            at.link.end()
            await asyncio.Event().wait()
            raise AssertionError

        at.pool.listeners.start = never
        with pytest.raises(UnavailableError, match="closed the connection"):
            await at.ask("road", 1)
