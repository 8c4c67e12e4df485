"""How full a model's memory is, for people who look on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


@runtime_checkable
class Tiered(Protocol):
    """A model whose memory has tiers."""

    def tiers(self) -> Mapping[str, int]:
        """Items by tier: working (turns), mid_term (summaries), long_term (blocks)."""
        ...
