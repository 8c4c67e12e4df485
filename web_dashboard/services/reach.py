"""Which addresses of people's may be used: public ones, those that are allowed, and this installation's own."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from integrations.egress import Egress
from joyvl_core.errors import BadInputError, UnavailableError

_RESOLVE_WITHIN = 5.0
_AS_HTTP = {"ws": "http", "wss": "https"}


def origin(url: str) -> str:
    """Scheme, host and port of a URL, for comparing; "" where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "ws": 80, "https": 443, "wss": 443}.get(parts.scheme, 0)
        return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else ""
    except ValueError:
        return ""


async def check_reach(egress: Egress, url: str, what: str, *, own: str = "") -> None:
    """Returns where the address may be used. A name without an address passes: connecting to it will tell.

    Args:
        egress: Decides.
        url: http, https, ws or wss.
        what: The field, for the error.
        own: This installation's address for the same thing: whoever runs it has allowed that one.

    Raises:
        BadInputError: It may not.
    """
    if own and origin(url) == origin(own):
        return
    scheme, colon, rest = url.partition(":")
    asked = f"{_AS_HTTP.get(scheme.lower(), scheme)}{colon}{rest}"
    try:
        parsed = egress.check(asked)
        async with asyncio.timeout(_RESOLVE_WITHIN):
            await egress.addresses(parsed.scheme, parsed.raw_host.decode("ascii", "replace"), parsed.port)
    except (UnavailableError, TimeoutError):
        return
    except BadInputError as error:
        raise BadInputError(f"{what}: {error}", source="settings", kind="refused", hint=error.hint) from None
