"""A room as people give it: by its name, or by a link that they were sent."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

from joyvl_core.errors import BadInputError

MAX_ROOM = 128
_SCHEME = re.compile(r"(https?|wss?)://", re.IGNORECASE)
_QUERIES = ("room", "roomName", "room_name")
_SERVERS = ("liveKitUrl", "livekit_url", "server")
_BEFORE_A_ROOM = frozenset({"rooms", "room", "r", "meet", "join", "call"})


def read_room(given: str, url: str = "") -> tuple[str, str]:
    """The room's name, and its server where the link names one.

    Taken are a plain name, `https://meet.example/rooms/name`, `https://meet.example/?room=name`, and a server's
    own address with the room behind it, `wss://livekit.example/name`.

    Args:
        given: What a person typed.
        url: The server, where it was given beside it: it stands above the link's.

    Returns:
        The name, and the server's address or "".

    Raises:
        BadInputError: No name of a room is in it.
    """
    text = given.strip()
    if not _SCHEME.match(text):
        return _checked(text), url
    try:
        parts = urlsplit(text)
        host, asked = parts.hostname, parse_qs(parts.query, max_num_fields=50)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise _none() from None
    if not host:
        raise _none()
    named = next((asked[name][0] for name in _QUERIES if asked.get(name)), None)
    steps = [unquote(step) for step in parts.path.split("/") if step]
    if named is None and steps and not (len(steps) == 1 and steps[0].lower() in _BEFORE_A_ROOM):
        named = _behind(steps)
    if named is None:
        raise _none()
    server = next((asked[name][0] for name in _SERVERS if asked.get(name)), "")
    if not re.match(r"wss?://", server):
        server = f"{parts.scheme.lower()}://{_bracketed(host)}{port}" if parts.scheme.lower() in ("ws", "wss") else ""
    return _checked(named), url or server


def _behind(steps: list[str]) -> str:
    """The step after the one that announces a room; else the last."""
    for number, step in enumerate(steps[:-1]):
        if step.lower() in _BEFORE_A_ROOM:
            return steps[number + 1]
    return steps[-1]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _checked(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_ROOM or not name.isprintable():
        raise _none()
    return name


def _none() -> BadInputError:
    return BadInputError(
        "No name of a room is in this.",
        source="sessions",
        kind="room",
        hint=f"Give the room's name (at most {MAX_ROOM} characters), or a link to it like https://meet.example/rooms/name.",
    )
