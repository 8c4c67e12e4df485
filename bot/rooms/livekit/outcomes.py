"""Every way a stay goes on or ends: reason codes with their remedies, in one table.

joining ──connected──► joined ──alone, asked, removed, room_deleted, room_closed──► left
   │                    ▲  │
   │       reconnected, │  │ connection_lost
   │           rejoined │  ▼
   │                 reconnecting ──────alone, asked──► left
   ▼                    │
 failed ◄───────────────┴── reconnect_timeout, unstable, duplicate_identity, or why the server refused
"""

from __future__ import annotations

import re

from livekit import rtc

from bot.rooms.livekit.options import SOURCE
from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from joyvl_core.ports import RoomState, RoomStatus

CONNECTING = RoomStatus(RoomState.JOINING, "connecting")
CONNECTED = RoomStatus(RoomState.JOINED, "connected")
NO_VOICE = RoomStatus(
    RoomState.JOINED, "no_voice", "Nobody hears the bot: let its token publish a microphone (canPublishSources)."
)
CONNECTION_LOST = RoomStatus(
    RoomState.RECONNECTING, "connection_lost", "Nothing to do: the bot is getting back by itself."
)
RECONNECTED = RoomStatus(RoomState.JOINED, "reconnected")
REJOINED = RoomStatus(RoomState.JOINED, "rejoined")

ASKED = RoomStatus(RoomState.LEFT, "asked")
CRASHED = RoomStatus(RoomState.FAILED, "crashed", "This is a bug: run again with --debug and report what it prints.")
CANCELLED = RoomStatus(RoomState.LEFT, "cancelled")
ALONE = RoomStatus(RoomState.LEFT, "alone", "Invite the bot again, or let it wait longer (alone_after).")
REMOVED = RoomStatus(RoomState.LEFT, "removed", "Somebody removed the bot from the room; invite it again if wanted.")
ROOM_DELETED = RoomStatus(RoomState.LEFT, "room_deleted", "The room was deleted; join another one.")
ROOM_CLOSED = RoomStatus(RoomState.LEFT, "room_closed", "The server closed the room; join again once people are there.")

DUPLICATE_IDENTITY = RoomStatus(
    RoomState.FAILED,
    "duplicate_identity",
    "Somebody joined under the bot's identity: give each bot its own identity.",
)
RECONNECT_TIMEOUT = RoomStatus(
    RoomState.FAILED,
    "reconnect_timeout",
    "The connection did not come back: check the network, the server, and that its UDP or TURN port is open.",
)
UNSTABLE = RoomStatus(
    RoomState.FAILED, "unstable", "The server drops the bot again and again: look at the server's log, then join again."
)

_ENDINGS: dict[int, RoomStatus] = {
    rtc.DisconnectReason.DUPLICATE_IDENTITY: DUPLICATE_IDENTITY,
    rtc.DisconnectReason.PARTICIPANT_REMOVED: REMOVED,
    rtc.DisconnectReason.ROOM_DELETED: ROOM_DELETED,
    rtc.DisconnectReason.ROOM_CLOSED: ROOM_CLOSED,
}


def ending_of(reason: int) -> RoomStatus | None:
    """The end that a server's goodbye means; None where rejoining is right."""
    return _ENDINGS.get(reason)


_REFUSALS = (
    # what the server's or the SDK's answer contains; kind; what to do. The first that fits counts.
    ("expired", "token_expired", "Make a new access token."),
    ("invalid API key", "wrong_key", "Check LIVEKIT_API_KEY: the server does not know this key."),
    ("invalid authorization token", "bad_token", "Check LIVEKIT_TOKEN: it is no access token."),
    ("signature is invalid", "wrong_secret", "Check LIVEKIT_API_SECRET: it does not belong to the key."),
    ("invalid token", "bad_token", "Check LIVEKIT_API_SECRET, or the token: the server does not accept it."),
    ("no permissions", "not_allowed", "The token does not allow joining this room."),
    ("401", "not_allowed", "The server refused the token: check LIVEKIT_API_KEY and LIVEKIT_API_SECRET."),
    ("403", "not_allowed", "The token does not allow joining this room."),
    ("does not exist", "no_such_room", "The server creates no rooms by itself: create the room first."),
    ("404", "not_livekit", "No LiveKit server answers there: check the address (LIVEKIT_URL)."),
    ("parse the url", "bad_url", "Give the server's address as wss://host or ws://host:port (LIVEKIT_URL)."),
)
_TOKEN = re.compile(r"eyJ[\w-]*(\.[\w-]*)*")


def without_tokens(text: str) -> str:
    """The text with every access token in it masked: servers quote the token that they refuse."""
    return _TOKEN.sub("***", text)


def refusal(message: str) -> JoyVLError:
    """The SDK's words for a failed connection as an error with a remedy. `retryable` where waiting may help."""
    said = without_tokens(message).strip()[:300]
    for words, kind, hint in _REFUSALS:
        if words in message:
            return BadInputError(f"the LiveKit server refused: {said}", source=SOURCE, kind=kind, hint=hint)
    return unreachable(said)


def unreachable(said: str) -> UnavailableError:
    """Nobody answers at the address, for now."""
    return UnavailableError(
        f"no LiveKit server can be reached: {said}",
        source=SOURCE,
        kind="unreachable",
        hint="Check that the server runs and that the address is right (LIVEKIT_URL).",
        retryable=True,
    )


def failed(error: JoyVLError) -> RoomStatus:
    """The status that an error ends a stay with."""
    return RoomStatus(RoomState.FAILED, error.kind, error.hint)
