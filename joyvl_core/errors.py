"""Typed errors: few, each with what to do next."""

from __future__ import annotations


class JoyVLError(Exception):
    """Something went wrong that a person can act on.

    Attributes:
        source: The part that failed, e.g. `room.livekit`.
        kind: A short code, e.g. `unreachable`.
        hint: What to do next, in one line.
        retryable: Whether the same call may succeed later.
    """

    def __init__(self, message: str, *, source: str, kind: str, hint: str = "", retryable: bool = False) -> None:
        super().__init__(message)
        self.source = source
        self.kind = kind
        self.hint = hint
        self.retryable = retryable


class BadInputError(JoyVLError):
    """What a person typed or pointed to cannot be used: the command ends with exit code 2."""


class UnavailableError(JoyVLError):
    """A part that is needed is not there: a server, a program, an extra, a key."""


class StayFailedError(JoyVLError):
    """A stay that had begun came to a bad end."""
