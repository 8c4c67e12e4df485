"""What the control plane remembers of itself: settings edited in the dashboard, and its own secrets."""

from __future__ import annotations

import base64

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from joyvl_core.errors import JoyVLError
from joyvl_core.store.database import insert_new
from web_dashboard.db.tables import credentials, preferences, webhooks
from web_dashboard.secret import new_token
from web_dashboard.services.context import Context

_SECRET = "secret."  # noqa: S105 - what names of secrets begin with
_CHECK = "secret.check"


class Preferences:
    """Values by name. For the control plane itself: whoever offers one to people asks whether they may."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def get(self, name: str) -> str | None:
        """The value, or None."""
        async with self._context.database.reading() as connection:
            chosen = select(preferences.c.value).where(preferences.c.name == name)
            value: str | None = await connection.scalar(chosen)
        return value

    async def put(self, name: str, value: str) -> None:
        """Sets it, whether or not it was there."""
        async with self._context.database.writing() as connection:
            await self._put(connection, name, value)

    async def remove(self, name: str) -> bool:
        """Removes it; False where it was not there."""
        async with self._context.database.writing() as connection:
            gone = await connection.execute(delete(preferences).where(preferences.c.name == name))
        return gone.rowcount > 0

    async def secret(self, name: str) -> str:
        """A random secret of that name, encrypted where it is kept; made when it is first asked for.

        Raises:
            UnavailableError: It was encrypted with another key.
        """
        key = _SECRET + name
        stored = await self.get(key)
        if stored is None:
            made = base64.b64encode(self._context.vault.encrypt(new_token().encode())).decode()
            async with self._context.database.writing() as connection:
                await connection.execute(insert_new(connection, preferences, ["name"]).values(name=key, value=made))
            # Another process may have been first: what is there counts.
            stored = await self.get(key) or made
        return self._context.vault.decrypt(base64.b64decode(stored)).decode()

    async def check_key(self) -> None:
        """Returns where the vault's key is the one that this database's secrets were encrypted with.

        Raises:
            UnavailableError: It is another.
        """
        await self.secret(_CHECK.removeprefix(_SECRET))

    async def forget_secrets(self) -> int:
        """Removes what was encrypted with a key that is lost; returns how many things those were."""
        gone = 0
        async with self._context.database.writing() as connection:
            gone += (
                await connection.execute(delete(preferences).where(preferences.c.name.startswith(_SECRET)))
            ).rowcount
            for table in (credentials, webhooks):
                rows = (await connection.execute(select(table.c.id, table.c.secret))).all()
                lost = [row.id for row in rows if not self._readable(row.secret)]
                for each in lost:
                    await connection.execute(delete(table).where(table.c.id == each))
                gone += len(lost)
        return gone

    async def _put(self, connection: AsyncConnection, name: str, value: str) -> None:
        await connection.execute(insert_new(connection, preferences, ["name"]).values(name=name, value=value))
        await connection.execute(update(preferences).where(preferences.c.name == name).values(value=value))

    def _readable(self, stored: bytes) -> bool:
        try:
            self._context.vault.decrypt(bytes(stored))
        except JoyVLError:
            return False
        return True
