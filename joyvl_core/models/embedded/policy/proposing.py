"""The policy's seam: percepts and time in, utterances worth saying out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from enum import IntEnum
from typing import Protocol, runtime_checkable

from joyvl_core.models.embedded.percepts import Percept, PerceptKind, Thing
from joyvl_core.models.embedded.wishes import Wish


class Priority(IntEnum):
    """What speaks over what."""

    COMMENTARY = 10
    TIME = 20
    READ = 30
    COUNT = 40
    ALERT = 50
    REPLY = 60


@dataclass(frozen=True, slots=True)
class Served:
    """A wish that is being served: the instruction it came from, and the session second it counts from."""

    id: str
    wish: Wish
    start: float
    wall_time: bool = False

    @property
    def language(self) -> str:
        return self.wish.language


@dataclass(frozen=True, slots=True)
class Moment:
    """What is so now.

    Attributes:
        now: Session second.
        wall: The same moment in unix seconds.
        present: What came into the pictures by itself and is there now, on every track.
        placed: What was put down and is there now.
        can_delegate: A question would be taken by somebody who can answer it.
    """

    now: float
    wall: float
    _: KW_ONLY
    present: tuple[Thing, ...] = ()
    placed: tuple[Thing, ...] = ()
    can_delegate: bool = False


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something worth saying.

    Attributes:
        born: Session second of the decision that it is worth saying.
        lifetime: Seconds after which it is stale.
        why: The reason, for people who look at the timeline.
        question: To be delegated; `text` is then the note that is spoken.
        replace: Utterances with the same key replace one another ("" never).
        total: It is a running total: said late rather than never, but only the newest one.
    """

    text: str
    priority: Priority
    born: float
    lifetime: float = 4.0
    instruction: str | None = None
    reply_to: str | None = None
    why: str = ""
    question: str = ""
    replace: str = ""
    total: bool = False


class Policy(Protocol):
    """Serves one standing wish. Owns what it must remember for that, and nothing else."""

    @property
    def kinds(self) -> frozenset[PerceptKind]:
        """The percepts it wants to hear of at once."""
        ...

    @property
    def done(self) -> bool:
        """The wish is fulfilled for good."""
        ...

    @property
    def total(self) -> int | None:
        """The running total of a wish that counts; None for others."""
        ...

    def propose(self, percepts: Sequence[Percept], moment: Moment) -> Sequence[Utterance]:
        """What is worth saying now, given what was newly seen."""
        ...

    def wake_at(self) -> float | None:
        """Session second at which it wants to be asked again, whatever is seen."""
        ...


@runtime_checkable
class GoesOn(Protocol):
    """A policy that can go on where one before it, in another process, came to its end."""

    def go_on_from(self, total: int) -> None:
        """What it counted so far. Called before anything is proposed."""
        ...


class WishPolicy:
    """What the policies share: the wish they serve, and the making of an utterance for it."""

    kinds: frozenset[PerceptKind] = frozenset()

    def __init__(self, served: Served) -> None:
        self.served = served
        self.done = False
        self.total: int | None = None

    @property
    def wish(self) -> Wish:
        return self.served.wish

    def wake_at(self) -> float | None:
        return None

    def wanted(self, percepts: Sequence[Percept]) -> list[Percept]:
        """Those of the kinds it serves that were not over before the wish was made."""
        return [p for p in percepts if p.kind in self.kinds and p.known >= self.served.start]

    def utter(
        self,
        text: str,
        priority: Priority,
        now: float,
        why: str,
        *,
        lifetime: float = 4.0,
        question: str = "",
        replace: str = "",
        total: bool = False,
    ) -> Utterance:
        """An utterance that serves this wish."""
        return Utterance(
            text,
            priority,
            now,
            lifetime=lifetime,
            instruction=self.served.id,
            why=why,
            question=question,
            replace=replace,
            total=total,
        )
