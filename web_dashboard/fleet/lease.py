"""Of several control planes on one database one reconciles: the one that holds this lease."""

from __future__ import annotations

import os
import secrets
import socket
from typing import Annotated

import psutil
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import select, update

from joyvl_core.store.database import Database, insert_new
from web_dashboard.db.tables import preferences

NAME = "fleet.lease"
RENEW_EVERY = 2.0
"""Seconds between two renewals."""
HELD_FOR = 10.0
"""Seconds after the last renewal in which nobody else takes it."""

_SAME = 5.0
"""Seconds by which a process's start may seem to differ, as the machine's clock is set right."""


class Held(BaseModel):
    """Who holds it, and until when (unix seconds). The process, so that one that was killed is not waited for."""

    holder: Annotated[str, Field(max_length=100)]
    host: Annotated[str, Field(max_length=300)] = ""
    pid: int = 0
    created: float = 0.0
    until: float = 0.0


class Lease:
    """This control plane's side of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        me = psutil.Process()
        self._me = Held(
            holder=secrets.token_hex(8), host=socket.gethostname(), pid=os.getpid(), created=me.create_time()
        )
        self._until = 0.0
        self.other = ""

    def held(self, now: float) -> bool:
        """Whether it is this control plane's at this moment."""
        return now < self._until

    async def renew(self, now: float) -> bool:
        """Takes the lease, or goes on with it; whether it is held now. `other` names who has it else.

        Raises:
            UnavailableError: The database can't be used.
        """
        mine = self._me.model_copy(update={"until": now + HELD_FOR}).model_dump_json()
        row = preferences.c.name == NAME
        async with self._database.writing() as connection:
            await connection.execute(insert_new(connection, preferences, ("name",)), {"name": NAME, "value": "{}"})
            found = (await connection.execute(select(preferences.c.value).where(row))).scalar_one()
            standing = _read(found)
            if standing is not None and standing.holder != self._me.holder and self._stands(standing, now):
                self._until, self.other = 0.0, f"{standing.host}, process {standing.pid}"
                return False
            # By what was read: of two that take it at once one finds it changed.
            changed = update(preferences).where(row, preferences.c.value == found).values(value=mine)
            taken = (await connection.execute(changed)).rowcount == 1
        self._until, self.other = (now + HELD_FOR, "") if taken else (0.0, "another server")
        return taken

    async def release(self) -> None:
        """Leaves it to the next."""
        self._until = 0.0
        async with self._database.writing() as connection:
            found = (
                await connection.execute(select(preferences.c.value).where(preferences.c.name == NAME))
            ).scalar_one_or_none()
            standing = _read(found or "")
            if standing is not None and standing.holder == self._me.holder:
                free = update(preferences).where(preferences.c.name == NAME, preferences.c.value == found)
                await connection.execute(free.values(value="{}"))

    def _stands(self, standing: Held, now: float) -> bool:
        if now >= standing.until:
            return False
        return standing.host != self._me.host or is_running(standing.pid, standing.created) is not False


def is_running(pid: int, created: float) -> bool:
    """Whether a process of this machine runs: this very one, not another that got its number since."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < _SAME and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _read(value: str) -> Held | None:
    try:
        return Held.model_validate_json(value)
    except ValidationError:
        return None
