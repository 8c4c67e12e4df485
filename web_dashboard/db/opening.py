"""Opens the database with the tables of both: the core's store, and the control plane's own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from joyvl_core.ports import TextEmbedder
from joyvl_core.store import Store
from web_dashboard.db.tables import HEAD

BRANCH = "dashboard"
"""Label of the control plane's branch of migrations."""


@asynccontextmanager
async def opening(
    url: str, *, embedder: TextEmbedder | None = None, wall: Callable[[], float] = time.time
) -> AsyncIterator[Store]:
    """Opens the store and brings the control plane's tables up to date, too.

    Args:
        url: `sqlite:///path/to/file.db` or `postgresql://user:password@host/database`.
        embedder: As for `Store.open`.
        wall: Unix seconds of this moment.

    Raises:
        BadInputError: The URL can't be used.
        UnavailableError: The database can't be reached, or belongs to a newer version.
    """
    async with Store.open(url, embedder=embedder, wall=wall) as store:
        await store.database.migrate(BRANCH, HEAD)
        yield store
