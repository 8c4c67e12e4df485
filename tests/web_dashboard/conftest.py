"""What tests of the control plane share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.web_dashboard.planes import Plane, planes

OpenPlane = Callable[..., AbstractAsyncContextManager[Plane]]


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the machine that runs the tests count for nothing."""
    for name in ("JOYVL_SECRET_KEY", "JOYVL_WORKER_TOKEN", "JOYVL_DASHBOARD_OIDC_ISSUER", "JOYVL_DASHBOARD_HOSTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def open_plane(tmp_path: Path) -> OpenPlane:
    """Opens a control plane on a database of the test's own: `async with open_plane() as plane`."""

    def opened(**changes: Any) -> AbstractAsyncContextManager[Plane]:
        return planes(tmp_path, **changes)

    return opened
