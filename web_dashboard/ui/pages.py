"""Which modules hold pages; importing one makes its pages."""

from __future__ import annotations

import importlib
from typing import Final

MODULES: Final = (
    "overview",
    "session.page",
    "alerts",
    "profiles",
    "profile",
    "destinations",
    "credentials",
    "webhooks",
    "keys",
    "users",
    "account",
    "audit",
    "system",
)


def load() -> None:
    """Makes all pages."""
    for module in MODULES:
        importlib.import_module(f"web_dashboard.ui.{module}")
