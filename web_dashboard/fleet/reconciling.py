"""What to do about one job: decided from its row and from what is seen of its process, and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from bot.link.messages import DEAD_AFTER, Over
from web_dashboard.fleet.jobs import Job
from web_dashboard.fleet.states import State, Wanted

MAX_FAILURES = 5
"""Starts that may fail within `jobs.FAILING_FOR`; after that nothing is tried any more."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a session is started again; doubled with each failure."""
TERMINATE_AFTER, KILL_AFTER = 5.0, 8.0
"""Seconds after which a session that was asked to stop is told by a signal, and then killed."""
GO_WITHIN = 3.0
"""Seconds that a process gets to end after it said that its stay is over."""

PASSING = frozenset(
    {
        "unreachable",
        "crashed",
        "reconnect_timeout",
        "unstable",
        "source_gone",
        "source_lost",
        "source_stalled",
        "busy",
        "full",
        "failed",
        "timeout",
    }
)
"""Reasons of a failed stay after which trying again may help."""


class Do(Enum):
    """What the fleet does next about a job."""

    WAIT = auto()
    START = auto()
    RUN = auto()  # it has begun
    STOP = auto()  # from now on it is stopping
    ASK = auto()  # to stop, over its link
    TERMINATE = auto()
    KILL = auto()  # and wait until it is gone
    LOSE = auto()  # kill it, and start it again after a while
    REQUEUE = auto()  # kill it, and start it again at once: nothing went wrong
    REST = auto()  # kill what is left of it; nothing more is done


@dataclass(frozen=True, slots=True)
class Step:
    """What to do, and why, in words for people. `state`: which rest it comes to. `counted`: it was a failure."""

    do: Do
    reason: str = ""
    remedy: str = ""
    state: State = State.ENDED
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of a job's newest start.

    Attributes:
        heard: Unix seconds of its last word; None before the first.
        begun: Its session is open in the store.
        connected: It is on the line.
        over: How it ended, where it said so.
        alive: Whether its process runs; None where nobody can tell.
        farewell: How its process ended, in words.
        listening_since: Unix seconds since which its words would have been heard.
        moving_since: Unix seconds since which it is being moved elsewhere; None where it isn't.
    """

    heard: float | None = None
    begun: bool = False
    connected: bool = False
    over: Over | None = None
    alive: bool | None = None
    farewell: str = ""
    listening_since: float = 0.0
    moving_since: float | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a launcher's starts may be silent: before their hello, and after it."""

    hello_within: float = 60.0
    silent_for: float = DEAD_AFTER


def decide(job: Job, seen: Seen, now: float, patience: Patience) -> Step:
    """The next step. It is the same for a control plane that has just come up as for one that saw it all."""
    if job.state in (State.QUEUED, State.LOST):
        return _not_placed(job, seen, now)
    leaving_since = _leaving_since(job, seen)
    if seen.over is not None and not (seen.alive and now - (seen.heard or now) < GO_WITHIN):
        return _after(seen.over, job, seen)
    if seen.alive is False:
        return _gone(job, seen)
    if job.wanted is Wanted.STOPPED and job.state is not State.STOPPING:
        return Step(Do.STOP)
    if leaving_since is not None:
        return _leaving(job, seen, now - leaving_since)
    if (quiet := _quiet(job, seen, now)) > _longest_quiet(job, seen, patience):
        return _silent(job, seen, quiet)
    if job.state is State.STARTING and seen.begun:
        return Step(Do.RUN)
    return Step(Do.WAIT)


def pause(failures: int) -> float:
    """Seconds before the next start, after so many that failed."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** max(0, failures - 1)) if failures else 0.0


def _not_placed(job: Job, seen: Seen, now: float) -> Step:
    if job.placement and seen.alive:
        return Step(Do.KILL)
    if job.wanted is Wanted.STOPPED:
        return Step(Do.REST, "It was stopped.")
    return Step(Do.START if now >= job.not_before else Do.WAIT)


def _leaving_since(job: Job, seen: Seen) -> float | None:
    if job.state is State.STOPPING:
        return job.since
    return seen.moving_since


def _after(over: Over, job: Job, seen: Seen) -> Step:
    if job.wanted is Wanted.STOPPED:
        return Step(Do.REST, "It was stopped.")
    if seen.moving_since is not None:
        return Step(Do.REQUEUE, "It moves elsewhere.")
    if over.state == "left":
        return Step(Do.REST, f"It left: {spoken(over.reason)}.", over.remedy)
    if over.reason in PASSING:
        return Step(Do.LOSE, f"Its stay failed: {spoken(over.reason)}.", over.remedy)
    return Step(Do.REST, f"Its stay failed: {spoken(over.reason)}.", over.remedy, State.FAILED)


def _gone(job: Job, seen: Seen) -> Step:
    if job.wanted is Wanted.STOPPED:
        return Step(Do.REST, "It was stopped.")
    if seen.moving_since is not None:
        return Step(Do.REQUEUE, "It moves elsewhere.")
    if seen.heard is None and seen.listening_since > job.since:
        # It went while nobody watched, with the machine perhaps: that says nothing about it.
        return Step(Do.LOSE, "Its process was gone when the server came up.", counted=False)
    how = f" ({seen.farewell})" if seen.farewell else ""
    what = "Its process ended" if seen.begun else "It could not start: its process ended"
    return Step(Do.LOSE, f"{what}{how}.", "It is started again by itself; its log tells more.")


def _leaving(job: Job, seen: Seen, since: float) -> Step:
    if since >= KILL_AFTER:
        if job.wanted is Wanted.STOPPED:
            return Step(Do.REST, "It was stopped, and had to be killed.")
        return Step(Do.REQUEUE, "It moves elsewhere.")
    if since >= TERMINATE_AFTER or not seen.connected:
        return Step(Do.TERMINATE)
    return Step(Do.ASK)


def _quiet(job: Job, seen: Seen, now: float) -> float:
    return now - max(job.since, seen.listening_since, seen.heard or 0.0)


def _longest_quiet(job: Job, seen: Seen, patience: Patience) -> float:
    if job.state is State.STARTING and (seen.heard is not None or seen.listening_since <= job.since):
        return patience.hello_within
    return patience.silent_for if seen.alive else DEAD_AFTER


def _silent(job: Job, seen: Seen, quiet: float) -> Step:
    if job.state is State.STARTING:
        return Step(
            Do.LOSE, f"It did not begin within {quiet:.0f} s.", "It is started again; is the machine overloaded?"
        )
    return Step(
        Do.LOSE, f"Nothing was heard of it for {quiet:.0f} s.", "It is started again by itself; its log tells more."
    )


def spoken(code: str) -> str:
    """A reason's code as words; what is no code stays as it is."""
    if code in _WORDS:
        return _WORDS[code]
    return (code.replace("_", " ") if code.islower() else code.rstrip(".")) or "no reason was given"


_WORDS = {
    "alone": "nobody else was in the room",
    "asked": "somebody asked it to",
    "ended": "the stream is over",
    "duration": "its time was up",
    "cancelled": "it was told to",
    "removed": "somebody removed it from the room",
    "room_deleted": "the room was deleted",
    "room_closed": "the room was closed",
    "orphaned": "it heard nothing of the control plane",
    "unreachable": "the other side cannot be reached",
    "duplicate_identity": "somebody else joined under its identity",
    "source_gone": "the sender is gone",
}
