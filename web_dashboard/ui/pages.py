"""Which modules hold pages; importing one makes its pages."""

from __future__ import annotations

import importlib
from typing import Final

MODULES: Final = ("overview",)


def load() -> None:
    """Makes all pages."""
    for module in MODULES:
        importlib.import_module(f"web_dashboard.ui.{module}")
