"""Where a stream may lead, for URLs of people who don't run this machine."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.rooms.livestream.address import SOURCE
from joyvl_core.errors import BadInputError

if TYPE_CHECKING:
    from integrations.egress import Egress

_PROXIED = frozenset({"http", "https"})
_CHECKED = frozenset({"rtmp", "rtmps", "rtsp", "rtsps"})


def _parts(source: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(source)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError:
        scheme, host, port = "", "", None
    if not host or scheme not in _PROXIED | _CHECKED:
        raise BadInputError("This is no URL of a stream.", source=SOURCE, kind="refused", hint="Give a full address.")
    return scheme, host, port


@asynccontextmanager
async def checked(source: str, egress: Egress | None) -> AsyncIterator[str]:
    """Yields the proxy that the decoder is to use for this source; "" for none.

    What goes by http and https, redirects and parts of a playlist too, goes through a proxy that checks each
    connection. Of rtmp and rtsp the host is checked right before it is opened; the decoder resolves its name again.

    Raises:
        BadInputError: It may not be opened.
        UnavailableError: Its host has no address.
    """
    if egress is None:
        yield ""
        return
    scheme, host, port = _parts(source)
    if scheme in _CHECKED:
        await egress.addresses("http", f"[{host}]" if ":" in host else host, port)
        yield ""
    else:
        # An HTTP client takes its time to load: only a stream that is guarded waits for it.
        from integrations.egress_proxy import egress_proxy

        # The decoder's library would go around the proxy for hosts that this names.
        os.environ.pop("no_proxy", None)
        async with egress_proxy(egress) as proxy:
            yield proxy
