"""The log's line of one tick."""

from __future__ import annotations

from joyvl_core.actions import Delegate, Speak, name_of, render
from joyvl_core.events import Gate, TickEvent, TrackCost
from joyvl_core.observation import Decision, FrameKind, Observation

_COST = {FrameKind.NONE: 0, FrameKind.SKIP: 1, FrameKind.P: 2, FrameKind.I: 3}


def tick_event(
    observation: Observation, decision: Decision, *, gate: Gate | None, ticket: str | None, latency: float
) -> TickEvent:
    """What happened in a tick.

    Args:
        observation: What the model was shown.
        decision: What it decided.
        gate: What held the decision back.
        ticket: The ticket it opens.
        latency: Seconds from its earliest trigger to the decision.

    Raises:
        pydantic.ValidationError: The decision is not of the types it must be.
    """
    decided = name_of(decision.action)
    delegated = decision.action if isinstance(decision.action, Delegate) else None
    tracks = observation.tracks if decision.tracks is None else decision.tracks
    costs = tuple(TrackCost(id=v.id, frame=v.kind, tokens=v.tokens, age_ms=v.age_ms) for v in tracks)
    return TickEvent(
        wall=observation.wall,
        t=observation.t,
        n=observation.n,
        triggers=observation.triggers,
        action="silence" if gate else decided,
        decided=decided,
        gate=gate,
        text=decision.action.text if isinstance(decision.action, Speak) else delegated.note if delegated else "",
        raw=decision.raw or render(decision.action),
        note=delegated.note if delegated else None,
        question=delegated.question if delegated else None,
        ticket=ticket,
        instruction=decision.instruction,
        reply_to=decision.reply_to,
        p_silence=decision.p_silence,
        latency_ms=max(0.0, latency) * 1_000,
        tracks=costs,
        frame=max((cost.frame for cost in costs), key=_COST.__getitem__, default=FrameKind.NONE),
        tokens=sum(cost.tokens for cost in costs),
    )
