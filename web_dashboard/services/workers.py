"""The workers of the pool, for people who look after them."""

from __future__ import annotations

from joyvl_core.errors import BadInputError
from web_dashboard.fleet.fleet import Fleet
from web_dashboard.fleet.pool import Pool
from web_dashboard.fleet.pool_workers import Known
from web_dashboard.permissions import Actor, Permission
from web_dashboard.schemas.workers import WorkerView
from web_dashboard.services.audit import Audit
from web_dashboard.services.context import Context


class Workers:
    """Lists workers and drains them."""

    def __init__(self, context: Context, audit: Audit, fleet: Fleet) -> None:
        self._context = context
        self._audit = audit
        self._fleet = fleet

    async def list(self, actor: Actor) -> list[WorkerView]:
        """The workers that live; none where sessions run as processes of this machine."""
        actor.require(Permission.SYSTEM_READ)
        launcher = self._fleet.launcher
        living = launcher.workers.living() if isinstance(launcher, Pool) else ()
        return [_view(known) for known in sorted(living, key=lambda known: known.hello.worker)]

    async def drain(self, actor: Actor, worker: str) -> WorkerView:
        """Has a worker accept nothing more: its sessions are moved away one by one, and then it ends.

        Raises:
            BadInputError: There is no pool.
            UnknownError: There is no such worker.
        """
        actor.require(Permission.SYSTEM_WRITE)
        launcher = self._fleet.launcher
        if not isinstance(launcher, Pool):
            raise BadInputError(
                "Sessions run on this machine, not on workers.",
                source="workers",
                kind="no_pool",
                hint="Start the server with --pool.",
            )
        known = launcher.drain(worker)
        await self._audit.write(actor, "worker.drained", worker, {"sessions": len(known.holds())})
        return _view(known)


def _view(known: Known) -> WorkerView:
    report = known.report
    return WorkerView(
        id=known.hello.worker,
        host=known.hello.host,
        version=known.hello.version,
        slots=known.hello.slots,
        taken=report.taken if report else 0,
        sessions=sorted(session for session, _ in known.holds()),
        draining=known.draining,
        connected=known.left is None,
        cpu=report.cpu if report else 0.0,
        rss=report.rss if report else 0,
        since=known.since,
        heard=known.heard,
    )
