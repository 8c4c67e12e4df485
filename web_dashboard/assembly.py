"""Makes the services of an installation, and what runs beside them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.keeping import database_url
from bot.settings import Settings
from integrations.egress import Egress, hosts
from web_dashboard.db.opening import opening
from web_dashboard.db.vault import Vault
from web_dashboard.fleet import pool_opening
from web_dashboard.fleet.fleet import Fleet
from web_dashboard.fleet.launching import Launcher
from web_dashboard.fleet.orders import Orders
from web_dashboard.fleet.pool import Pool
from web_dashboard.fleet.processes import Processes
from web_dashboard.metrics import Metrics
from web_dashboard.secret import Passwords
from web_dashboard.services.alerts import Alerts
from web_dashboard.services.api_keys import ApiKeys
from web_dashboard.services.audit import Audit
from web_dashboard.services.context import Context, Services
from web_dashboard.services.credentials import Credentials
from web_dashboard.services.destinations import Destinations
from web_dashboard.services.dispatches import Dispatches
from web_dashboard.services.held import Held
from web_dashboard.services.history import History
from web_dashboard.services.known import Known
from web_dashboard.services.log_reading import LogReader
from web_dashboard.services.marks import Marks
from web_dashboard.services.openid import OpenId, OpenIdOptions
from web_dashboard.services.preferences import Preferences
from web_dashboard.services.profiles import Profiles
from web_dashboard.services.sessions import Sessions
from web_dashboard.services.shares import Shares
from web_dashboard.services.sign_in import SignIn
from web_dashboard.services.starting import Starts
from web_dashboard.services.system import System
from web_dashboard.services.uploads import Uploads
from web_dashboard.services.users import Users
from web_dashboard.services.webhook_sending import Sender
from web_dashboard.services.webhooks import Webhooks
from web_dashboard.settings import ServeSettings
from web_dashboard.tracing import Tracing

if TYPE_CHECKING:
    from joyvl_core.ports import TextEmbedder

KEY_FILE = "secret.key"


@dataclass(frozen=True, slots=True)
class Loop:
    """Something that runs as long as the server does."""

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """The services, the loops beside them (the fleet's comes first), and what is counted."""

    services: Services
    loops: tuple[Loop, ...]
    metrics: Metrics


@asynccontextmanager
async def opening_context(
    settings: ServeSettings,
    defaults: Settings,
    *,
    embedder: TextEmbedder | None = None,
    wall: Callable[[], float] = time.time,
) -> AsyncIterator[Context]:
    """Opens what the services stand on.

    Raises:
        JoyVLError: The database or the key can't be used.
    """
    folder = settings.data
    vault = Vault.open(settings.secret_key.get_secret_value(), folder / KEY_FILE)
    egress = Egress(hosts(settings.allow_hosts), "JOYVL_DASHBOARD_ALLOW_HOSTS")
    async with opening(database_url(defaults), embedder=embedder, wall=wall) as store:
        yield Context(store, vault, defaults, egress, folder, wall, pool=settings.pool)


def make_launcher(context: Context, settings: ServeSettings) -> Launcher:
    """Where sessions run: as processes of this machine, or in a pool of workers.

    Raises:
        BadInputError: The pool's settings can't be used.
    """
    if not settings.pool:
        return Processes(context.folder / "logs", at_most=settings.most_sessions)
    return pool_opening.open_pool(context, settings.worker_token, one_machine=settings.pool_one_machine)


def assemble(
    context: Context, settings: ServeSettings, launcher: Launcher, tracing: Tracing | None = None
) -> ControlPlane:
    """Makes the services, each with what it needs.

    Raises:
        BadInputError: A setting can't be used.
    """
    audit = Audit(context)
    known, passwords = Known(context.wall), Passwords()
    held = Held(known)
    credentials = Credentials(context, audit)
    profiles = Profiles(context, audit, credentials)
    uploads = Uploads(context, audit, limit=settings.max_upload, total=settings.max_uploads)
    orders = Orders(context, profiles, uploads)
    fleet = Fleet(context, launcher, orders, keep_running=settings.keep_running, tracing=tracing)
    starts = Starts(context, orders, profiles, uploads)
    sessions = Sessions(context, audit, fleet, starts)
    services = Services(
        context=context,
        fleet=fleet,
        alerts=Alerts(context, audit),
        api_keys=ApiKeys(context, audit, known),
        audit=audit,
        credentials=credentials,
        destinations=Destinations(context, audit, sessions),
        held=held,
        history=History(context, audit),
        marks=Marks(context, audit),
        profiles=profiles,
        sessions=sessions,
        shares=Shares(context, audit, settings.public_url),
        sign_in=SignIn(context, audit, known, passwords, _openid(context, settings)),
        system=System(context, audit, fleet),
        uploads=uploads,
        users=Users(context, audit, known, passwords),
        webhooks=Webhooks(context, audit),
    )
    sender = Sender(context, audit)
    metrics = Metrics(fleet, context.database, sender)
    fleet.when_happened(metrics.happened)
    loops = _loops(context, fleet, sender, held)
    if isinstance(launcher, Pool):
        dispatches = Dispatches(context, audit, fleet, launcher, starts)
        loops.append(Loop("pool", pool_opening.attach(context, launcher, fleet, dispatches).run))
    return ControlPlane(services, tuple(loops), metrics)


def _loops(context: Context, fleet: Fleet, sender: Sender, held: Held) -> list[Loop]:
    reader = LogReader(context, told=sender.due)
    fleet.when_changed(reader.changed)
    fleet.when_happened(reader.heard)
    loops = [Loop("fleet", fleet.run), Loop("log reader", reader.run), Loop("webhooks", sender.run)]
    loops.append(Loop("who is here", held.run))
    return loops


def _openid(context: Context, settings: ServeSettings) -> OpenId | None:
    if not settings.oidc_issuer:
        return None
    return OpenId(
        OpenIdOptions(
            issuer=settings.oidc_issuer.rstrip("/"),
            name=settings.oidc_name,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            scopes=settings.oidc_scopes,
            role_claim=settings.oidc_role_claim,
            roles=settings.roles,
            default_role=settings.oidc_default_role,
        ),
        context.wall,
    )


async def check_secrets(context: Context, *, forget: bool = False) -> int:
    """Looks whether the key fits the database; how many secrets were forgotten, where that is asked for.

    Raises:
        UnavailableError: It does not fit.
    """
    preferences = Preferences(context)
    gone = await preferences.forget_secrets() if forget else 0
    await preferences.check_key()
    return gone
