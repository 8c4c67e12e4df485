"""What can go wrong while a session is kept, in words that a person can act on."""

from __future__ import annotations

from joyvl_core.errors import UnavailableError


def crowded(what: str, so: str) -> UnavailableError:
    """More waits to be written than there is room for."""
    return UnavailableError(
        f"The database is too slow, too many {what} wait to be written: {so}.",
        source="store",
        kind="crowded",
        hint="Look at the database's disk and its load.",
        retryable=True,
    )


def not_taken() -> UnavailableError:
    """Something that had to be kept found no room."""
    return UnavailableError(
        "What was to be kept found no room: the database is too slow, or the session has ended.",
        source="store",
        kind="crowded",
        hint="Look at the database's disk and its load.",
        retryable=True,
    )


def unexpected(error: Exception) -> UnavailableError:
    """A batch failed for a reason that nobody thought of. Its words may quote what people said: they stay out."""
    return UnavailableError(
        f"The database refused a batch: {type(error).__name__}.",
        source="store",
        kind="refused",
        hint="Look at the database's own log.",
        retryable=True,
    )


def late(seconds: float) -> UnavailableError:
    """The database takes too long."""
    return UnavailableError(
        f"The database did not take what must not be lost within {seconds:.0f} s.",
        source="store",
        kind="late",
        hint="Look at the database's disk and its load.",
        retryable=True,
    )


def twice(n: int) -> UnavailableError:
    """A tick that is stored already, or can't be."""
    return UnavailableError(
        f"Tick {n} came out of order: it is not stored a second time.",
        source="store",
        kind="twice",
        hint="One log a session, its ticks counted up.",
    )
