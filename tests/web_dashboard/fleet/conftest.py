"""A fleet over a real database and real WebSockets, with processes that are played."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.web_dashboard.fleet.playing import Stage, stage


@pytest.fixture
def anyio_backend() -> str:
    """What runs the tests that are coroutines."""
    return "asyncio"


@pytest.fixture
def staged(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Stage]]:
    """Makes a fleet with scripted processes: `async with staged() as stage`."""

    @asynccontextmanager
    async def make(**changes: object) -> AsyncIterator[Stage]:
        async with stage(tmp_path, **changes) as made:
            yield made

    return make
