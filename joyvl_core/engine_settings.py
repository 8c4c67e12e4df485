"""How the loop runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from joyvl_core.acts.gates import GateSettings
from joyvl_core.codec import CodecSettings
from joyvl_core.delegation import DelegationSettings
from joyvl_core.watching import LookRates


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How the loop runs.

    Attributes:
        interval: Seconds between ticks when nothing happens.
        floor: Least seconds between two ticks.
        events: Whether events bring ticks forward.
        deadline: Seconds the model may think before the tick counts as silence.
        ttl: Seconds after which an act that was not said yet is stale.
        delegate_pictures: How many recent pictures go along with a delegated question.
        talkativeness: The dial at the start, 0 to 1: 0.5 leaves the model to itself.
        session: The session's id, for delegates; "" where it has none.
        linger: Seconds that delegations under way get at the session's end, so that their results are kept.
    """

    interval: float = 1.0
    floor: float = 0.2
    events: bool = True
    deadline: float = 20.0
    ttl: float = 6.0
    delegate_pictures: int = 4
    language: str = "en"
    talkativeness: float = 0.5
    session: str = ""
    linger: float = 0.0
    codec: CodecSettings = field(default_factory=CodecSettings)
    gates: GateSettings = field(default_factory=GateSettings)
    rates: LookRates = field(default_factory=LookRates)
    delegation: DelegationSettings = field(default_factory=DelegationSettings)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the loop is.

    Attributes:
        ticks: Ticks made so far.
        skipped: Regular ticks that were missed, because the model was late.
        next_tick: Session second of the next regular tick.
        tokens: Tokens that pictures cost so far.
        tokens_dense: What they would have cost, had each been sent whole.
    """

    ticks: int
    skipped: int
    next_tick: float
    tokens: int
    tokens_dense: int
