"""The port to where sessions run: processes of this machine, or a pool of workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from web_dashboard.schemas.places import AnyPlace

Placement = dict[str, Any]
"""How a launcher finds again what it started, after a restart of the control plane too: plain JSON, no secret."""


@dataclass(frozen=True, slots=True)
class StartedJob:
    """One start of a session.

    Attributes:
        session: Its id.
        start: Which start of the session it is, from 1.
        token: By which the process is known on its link. It goes to the process alone: never into a log,
            a command line or an environment.
        url: Where links are taken, e.g. `ws://127.0.0.1:8788`; "" where the launcher knows better.
        place: Where the session goes.
    """

    session: str
    start: int
    token: str = field(repr=False)
    url: str
    place: AnyPlace


class Capacity(NamedTuple):
    """How many more sessions may be started now, and where none may: why not, in words for people."""

    free: int
    reason: str = ""


class Launcher(Protocol):
    """Starts sessions and ends them. It neither decides when, nor starts anything again by itself.

    Attributes:
        name: What is written to `jobs.runner`: process or pool.
        hello_within: Seconds in which a start must have said hello; after that it is killed and tried again.
        silent_for: Seconds without a word after which one that `alive` does not know to be dead is killed.
        starts_at_once: Most sessions that are starting at the same time.
    """

    name: str
    hello_within: float
    silent_for: float
    starts_at_once: int

    def capacity(self, placed: int) -> Capacity:
        """How many more may be started. `placed`: sessions that are starting, running or stopping now."""
        ...

    async def start(self, job: StartedJob) -> Placement:
        """Starts it, and returns as soon as it can be found again; its hello comes later.

        Raises:
            JoyVLError: It can't be started; retryable where a later try may do.
        """
        ...

    async def alive(self, placement: Placement) -> bool | None:
        """Whether it runs; None where that can't be known from here. False is certain: it may be started again."""
        ...

    async def kill(self, placement: Placement, *, gently: bool = False) -> None:
        """Ends it: at once, or gently, so that it leaves its room first (2 s). What is gone is no error.

        It never touches what it did not start.
        """
        ...

    def farewell(self, placement: Placement) -> str:
        """How it ended, in words, where that is known; else ""."""
        ...

    async def close(self) -> None:
        """Lets go of its own resources; what it started is not touched."""
        ...
