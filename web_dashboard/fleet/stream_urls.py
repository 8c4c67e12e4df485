"""Whether a stream's URL may be opened from here: public hosts, and those that this installation allows.

The name is resolved and each address checked. Of http and https the redirects are followed by hand, each checked in
the same way. The session's process opens the URL itself, later: what its decoder may still do is told in
docs/dashboard.md.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import httpx

from integrations.egress import Egress, GuardedTransport
from joyvl_core.errors import BadInputError, UnavailableError

SCHEMES = frozenset({"rtmp", "rtmps", "rtsp", "rtsps", "http", "https"})
MAX_REDIRECTS = 5
ANSWER_WITHIN = 5.0
"""Real seconds for each answer."""


async def check_stream(egress: Egress, url: str) -> None:
    """Returns where it may be opened.

    Raises:
        BadInputError: It may not: no stream's URL, or it leads to what is not public, now or by a redirect.
        UnavailableError: Its host has no address, or nobody answers there.
    """
    scheme = urlsplit(url).scheme.lower() if _printable(url) else ""
    if scheme not in SCHEMES:
        raise _refused("This is no URL of a stream.", "Give one that begins with rtmp, rtsp, http, or with their s.")
    host, port = _host(url)
    await check_host(egress, host, port)
    if scheme in ("http", "https"):
        await _follow(egress, url)


async def check_host(egress: Egress, host: str, port: int | None) -> None:
    """Returns where a host may be connected to, whatever the protocol.

    Raises:
        BadInputError: It may not.
        UnavailableError: It has no address.
    """
    bracketed = f"[{host}]" if ":" in host else host
    egress.check(f"http://{bracketed}{f':{port}' if port else ''}/")
    await egress.addresses("http", bracketed, port)


async def _follow(egress: Egress, url: str) -> None:
    async with httpx.AsyncClient(
        transport=GuardedTransport(egress), timeout=ANSWER_WITHIN, follow_redirects=False, trust_env=False
    ) as client:
        for _ in range(MAX_REDIRECTS + 1):
            host, port = _host(url)
            await check_host(egress, host, port)
            onward = await _redirect(client, url)
            if not onward:
                return
            url = urljoin(url, onward)
            if urlsplit(url).scheme.lower() not in ("http", "https"):
                raise _refused("The URL leads on to what is no web address.", "Give the stream's own URL.")
    raise _refused("The URL leads on and on.", "Give the stream's own URL.")


async def _redirect(client: httpx.AsyncClient, url: str) -> str:
    """Where the server sends on to; "" where it serves the URL itself. Nothing of the body is read."""
    try:
        async with client.stream("GET", url, headers={"Range": "bytes=0-0"}) as answer:
            return answer.headers.get("location", "") if answer.is_redirect else ""
    except httpx.InvalidURL:
        raise _refused("This is no URL of a stream.", "Check it.") from None
    except (httpx.HTTPError, UnicodeError):
        raise UnavailableError(
            f"{_host(url)[0][:80]} does not answer.",
            source="sessions",
            kind="unreachable",
            hint="Is the sender on, and its address right?",
            retryable=True,
        ) from None


def _host(url: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise _refused("The URL has no host.", "Give one like rtsp://camera.example/street.")
    return host, port


def _printable(url: str) -> bool:
    return url.isprintable() and " " not in url


def _refused(message: str, hint: str) -> BadInputError:
    return BadInputError(message, source="sessions", kind="refused", hint=hint)
