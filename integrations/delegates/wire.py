"""The HTTP client that SDKs on httpx2 are given: no redirects, bounded answers, and only where it may go."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import httpx2

from integrations.egress import Egress

MAX_ANSWER = 4_000_000
"""Most bytes of one response."""


class TooMuchError(httpx2.ReadError):
    """A response without end, or one in an encoding that hides its size."""


class _Bounded(httpx2.AsyncByteStream):
    """A response's body, up to a bound."""

    def __init__(self, inner: httpx2.AsyncByteStream, most: int) -> None:
        self._inner = inner
        self._left = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise TooMuchError("the answer has no end")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _bound(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise TooMuchError("the answer is compressed, which was not asked for")
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Bounded(response.stream, MAX_ANSWER)


class _Guarded(httpx2.AsyncBaseTransport):
    """Sends each request to an address that was checked for it; see `integrations.egress.GuardedTransport`."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._inner = httpx2.AsyncHTTPTransport(limits=httpx2.Limits(max_connections=8, max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url, host = request.url, request.url.raw_host.decode("ascii", "replace")
        request.extensions = {**request.extensions, "sni_hostname": host}
        *others, last = await self._egress.addresses(url.scheme, host, url.port)
        for address in others:
            request.url = url.copy_with(host=address)
            with contextlib.suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                return await self._inner.handle_async_request(request)
        request.url = url.copy_with(host=last)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def http_client(
    within: float, *, egress: Egress | None = None, headers: dict[str, str] | None = None
) -> httpx2.AsyncClient:
    """A client for one call.

    Args:
        within: Seconds that connecting, and each wait for bytes, may take at most.
        egress: Where it may go; None goes anywhere, through the environment's proxy where there is one.
        headers: Sent with every request.
    """
    return httpx2.AsyncClient(
        transport=None if egress is None else _Guarded(egress),
        timeout=httpx2.Timeout(within, connect=min(within, 10.0)),
        follow_redirects=False,
        headers={"accept-encoding": "identity", **(headers or {})},
        event_hooks={"response": [_bound]},
    )
