"""The states of a session as the control plane sees it, and what may follow what."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a session stands."""

    QUEUED = "queued"  # wanted, and not started yet: its reason says what it waits for
    STARTING = "starting"  # its process was started, and has not begun
    RUNNING = "running"
    LOST = "lost"  # its process is gone, and not by itself: it is started again after a while
    STOPPING = "stopping"
    ENDED = "ended"
    FAILED = "failed"  # nothing is tried any more: its remedy says what a person can do


AT_REST = frozenset({State.ENDED, State.FAILED})
UNDER_WAY = frozenset(State) - AT_REST
PLACED = frozenset({State.STARTING, State.RUNNING, State.STOPPING})
"""States in which there is a process, or may be."""

FOLLOWS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.STARTING, State.ENDED, State.FAILED}),
    State.STARTING: frozenset({State.RUNNING, State.LOST, State.STOPPING, State.QUEUED, State.ENDED, State.FAILED}),
    State.RUNNING: frozenset({State.LOST, State.STOPPING, State.QUEUED, State.ENDED, State.FAILED}),
    State.LOST: frozenset({State.STARTING, State.QUEUED, State.ENDED, State.FAILED}),
    State.STOPPING: frozenset({State.ENDED, State.FAILED, State.QUEUED}),
    State.ENDED: frozenset({State.QUEUED}),
    State.FAILED: frozenset({State.QUEUED}),
}


class Wanted(StrEnum):
    """What people want of a session."""

    RUNNING = "running"
    STOPPED = "stopped"
