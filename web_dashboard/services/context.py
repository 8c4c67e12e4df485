"""What the services share, and the services together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from joyvl_core.store import Store
from joyvl_core.store.database import Database

if TYPE_CHECKING:
    from bot.settings import Settings
    from integrations.egress import Egress
    from web_dashboard.db.vault import Vault
    from web_dashboard.fleet.fleet import Fleet
    from web_dashboard.services.alerts import Alerts
    from web_dashboard.services.api_keys import ApiKeys
    from web_dashboard.services.audit import Audit
    from web_dashboard.services.credentials import Credentials
    from web_dashboard.services.destinations import Destinations
    from web_dashboard.services.held import Held
    from web_dashboard.services.history import History
    from web_dashboard.services.marks import Marks
    from web_dashboard.services.profiles import Profiles
    from web_dashboard.services.sessions import Sessions
    from web_dashboard.services.shares import Shares
    from web_dashboard.services.sign_in import SignIn
    from web_dashboard.services.system import System
    from web_dashboard.services.uploads import Uploads
    from web_dashboard.services.users import Users
    from web_dashboard.services.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Context:
    """What the services stand on.

    Attributes:
        store: The core's store: sessions, their logs and memory.
        vault: Encrypts what is secret, and keeps the control plane's own secrets.
        defaults: The settings of this installation; a profile's stand above them.
        egress: Decides which URLs of people's may be reached.
        folder: For uploads and the processes' logs.
        wall: Unix seconds of this moment.
        pool: Sessions run in a pool of workers; else as processes of this machine.
    """

    store: Store
    vault: Vault
    defaults: Settings
    egress: Egress
    folder: Path
    wall: Callable[[], float]
    pool: bool = False

    @property
    def database(self) -> Database:
        """The database of the store; the control plane's own tables are in it too."""
        return self.store.database


@dataclass(frozen=True, slots=True)
class Services:
    """All services. Pages and routes get them through this."""

    context: Context
    fleet: Fleet
    alerts: Alerts
    api_keys: ApiKeys
    audit: Audit
    credentials: Credentials
    destinations: Destinations
    held: Held
    history: History
    marks: Marks
    profiles: Profiles
    sessions: Sessions
    shares: Shares
    sign_in: SignIn
    system: System
    uploads: Uploads
    users: Users
    webhooks: Webhooks
