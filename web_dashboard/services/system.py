"""What works here and what is missing, each with its fix; and where sessions run."""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from bot.diagnosis import Finding, Verdict, examine
from joyvl_core.errors import JoyVLError
from joyvl_core.threads import in_thread
from web_dashboard.db.tables import deliveries, jobs
from web_dashboard.fleet.states import PLACED
from web_dashboard.permissions import Actor, Permission
from web_dashboard.schemas.system import Findings, FindingView, MachineView

if TYPE_CHECKING:
    from web_dashboard.fleet.fleet import Fleet
    from web_dashboard.services.audit import Audit
    from web_dashboard.services.context import Context

KEPT_FOR = 60.0
"""Seconds that what was found of this machine counts."""
_INTEGRITY_KEPT_FOR = 600.0
_LITTLE_DISK = 1024**3
_VAULT_PROBE = b"probe"


class System:
    """This installation itself."""

    def __init__(self, context: Context, audit: Audit, fleet: Fleet) -> None:
        self._context = context
        self._audit = audit
        self._fleet = fleet
        self._looking = asyncio.Lock()
        self._machine: tuple[float, tuple[Finding, ...]] = (float("-inf"), ())
        self._integrity: tuple[float, Finding] | None = None

    async def findings(self, actor: Actor) -> Findings:
        """What works and what doesn't; this machine is looked at again after a minute."""
        actor.require(Permission.SYSTEM_READ)
        async with self._looking:
            now = self._context.wall()
            if now - self._machine[0] > KEPT_FOR:
                self._machine = (now, await in_thread(lambda: tuple(examine(self._context.defaults))))
            wall, machine = self._machine
            own = [
                await self._database(),
                await self._whole(),
                await in_thread(self._disk),
                await self._vault(),
                self._sessions(),
                await self._webhooks(),
            ]
        return Findings(wall=wall, version=_version(), findings=tuple(map(_view, (*own, *machine))))

    async def workers(self, actor: Actor) -> tuple[MachineView, ...]:
        """This machine, where sessions run on it; the workers of a pool are `services.workers`'."""
        actor.require(Permission.SYSTEM_READ)
        if self._context.pool:
            return ()
        placed = [state.value for state in PLACED]
        counted = select(func.count()).select_from(jobs).where(jobs.c.state.in_(placed))
        async with self._context.database.reading() as connection:
            running = int(await connection.scalar(counted) or 0)
        room = self._fleet.launcher.capacity(running)
        return (
            MachineView(
                name="this machine",
                kind="processes",
                state="full" if room.free <= 0 else "ready",
                sessions=running,
                slots=running + max(0, room.free),
                detail=room.reason,
            ),
        )

    async def _database(self) -> Finding:
        try:
            async with self._context.database.writing() as connection:
                await connection.execute(select(func.count()).select_from(jobs))
        except JoyVLError as error:
            return Finding("Database", Verdict.MISSING, str(error), error.hint, needed=True)
        kind = "SQLite" if self._context.database.is_sqlite else "PostgreSQL"
        return Finding("Database", Verdict.OK, f"{kind} can be read and written", needed=True)

    async def _whole(self) -> Finding:
        """Whether the file is whole. PostgreSQL looks after that itself."""
        if not self._context.database.is_sqlite:
            return Finding("Integrity", Verdict.OK, "PostgreSQL checks its own pages")
        now = self._context.wall()
        if self._integrity is None or now - self._integrity[0] > _INTEGRITY_KEPT_FOR:
            try:
                async with self._context.database.reading() as connection:
                    said = (await connection.execute(text("PRAGMA quick_check(1)"))).scalar()
                    strangers = (await connection.execute(text("PRAGMA foreign_key_check"))).first()
            except JoyVLError as error:
                return Finding("Integrity", Verdict.MISSING, str(error), error.hint, needed=True)
            if said == "ok" and strangers is None:
                found = Finding("Integrity", Verdict.OK, "the database is whole")
            else:
                what = str(said)[:200] if said != "ok" else "rows refer to what is not there"
                found = Finding("Integrity", Verdict.MISSING, what, "Restore a backup of the database.", needed=True)
            self._integrity = (now, found)
        return self._integrity[1]

    def _disk(self) -> Finding:
        try:
            disk = os.statvfs(self._context.folder)
        except OSError as error:
            return Finding("Disk", Verdict.MISSING, f"{error.strerror}", "Make the data folder readable.")
        free = disk.f_bavail * disk.f_frsize
        detail = f"{free / 1024**3:.1f} GB are free"
        if free < _LITTLE_DISK:
            return Finding("Disk", Verdict.PARTLY, detail, "Free some space: uploads and logs need it.")
        return Finding("Disk", Verdict.OK, detail)

    async def _vault(self) -> Finding:
        # Imported here: it needs what this package gives.
        from web_dashboard.services.preferences import Preferences

        try:
            await Preferences(self._context).check_key()
            self._context.vault.decrypt(self._context.vault.encrypt(_VAULT_PROBE))
        except JoyVLError as error:
            return Finding("Secrets", Verdict.MISSING, str(error), error.hint, needed=True)
        return Finding("Secrets", Verdict.OK, "credentials can be read with this key")

    def _sessions(self) -> Finding:
        if self._fleet.trouble:
            return Finding("Sessions", Verdict.MISSING, self._fleet.trouble, "See the server's log.", needed=True)
        if why := self._fleet.standby:
            return Finding("Sessions", Verdict.PARTLY, why, "Use that one, or end it and wait ten seconds.")
        lives = self._fleet.lives()
        connected = sum(live.connected for live in lives)
        if connected < len(lives):
            detail = f"{connected} of {len(lives)} sessions are on the line"
            return Finding("Sessions", Verdict.PARTLY, detail, "Look at those that are lost or starting.")
        return Finding("Sessions", Verdict.OK, f"{connected} are on the line")

    async def _webhooks(self) -> Finding:
        failed = select(func.count()).select_from(deliveries).where(deliveries.c.state == "failed")
        late = (
            select(func.count())
            .select_from(deliveries)
            .where(deliveries.c.state == "waiting", deliveries.c.attempts > 1)
        )
        try:
            async with self._context.database.reading() as connection:
                lost, waiting = int(await connection.scalar(failed) or 0), int(await connection.scalar(late) or 0)
        except JoyVLError as error:
            return Finding("Webhooks", Verdict.MISSING, str(error), error.hint)
        if lost or waiting:
            detail = f"{lost} deliveries failed, {waiting} are being tried again"
            return Finding("Webhooks", Verdict.PARTLY, detail, "Look at the webhook's deliveries.")
        return Finding("Webhooks", Verdict.OK, "everything was delivered")


def _view(finding: Finding) -> FindingView:
    return FindingView(
        part=finding.part,
        verdict=finding.verdict.value,
        detail=finding.detail,
        fix=finding.fix,
        needed=finding.needed,
    )


def _version() -> str:
    try:
        return version("joyvl")
    except PackageNotFoundError:
        return "unknown"
