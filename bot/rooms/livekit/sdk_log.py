"""What the SDK's native engine says goes into our own log, not to a person's terminal."""

from __future__ import annotations

import logging

from bot.rooms.livekit.outcomes import without_tokens

_log = logging.getLogger(__name__)


class _Native(logging.Filter):
    """Diverts the native engine's records, one level of urgency down, with tokens masked.

    It warns on each step of each reconnection, which the room reports itself as states with reasons.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.module != "_ffi_client":
            return True
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s", without_tokens(record.getMessage())[:2_000])
        return False


def divert() -> None:
    """Takes effect for the process. May be called more than once."""
    sdk = logging.getLogger("livekit")
    if not any(isinstance(known, _Native) for known in sdk.filters):
        sdk.addFilter(_Native())
