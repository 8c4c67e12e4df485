"""Opens the pool of an installation, and makes it known to the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from bot.keeping import database_url
from joyvl_core.errors import BadInputError
from web_dashboard.fleet.pool import Pool, PoolOptions, check_database
from web_dashboard.fleet.pool_draining import Draining, hears

if TYPE_CHECKING:
    from web_dashboard.fleet.fleet import Fleet
    from web_dashboard.services.context import Context
    from web_dashboard.services.dispatches import Dispatches

TOKEN = "JOYVL_WORKER_TOKEN"  # noqa: S105 - the name of a variable
MIN_TOKEN = 20


def open_pool(context: Context, token: SecretStr, *, agent: str = "joyvl", one_machine: bool = False) -> Pool:
    """The pool that this installation's settings describe.

    Args:
        context: What the services share.
        token: What workers show, and what seals what is dispatched to them: the same here and on each worker.
        agent: The name that the workers listen to.
        one_machine: All workers run on this machine: they may share a file as database.

    Raises:
        BadInputError: The token is too short, the LiveKit server's key is missing, or the database is a file.
    """
    if len(token.get_secret_value()) < MIN_TOKEN:
        raise BadInputError(
            f"A pool of workers needs a token of at least {MIN_TOKEN} characters.",
            source="fleet.pool",
            kind="no_token",
            hint=f"Set {TOKEN} to the same here and on each worker; make one with: openssl rand -base64 32",
        )
    settings = context.defaults
    check_database(database_url(settings), one_machine=one_machine)
    options = PoolOptions(
        url=settings.livekit_url,
        key=settings.livekit_api_key,
        secret=settings.livekit_api_secret,
        token=token,
        agent=agent,
    )
    return Pool(options, context.wall)


def attach(context: Context, pool: Pool, fleet: Fleet, dispatches: Dispatches) -> Draining:
    """Makes pool and fleet know each other. What is returned has a `run` of its own, beside the fleet's."""
    pool.listeners.start = dispatches.start
    pool.listeners.hears = hears(fleet.live)
    pool.listeners.wake = fleet.wake
    return Draining(context, pool, fleet)
