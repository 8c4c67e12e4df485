"""What may be reached from here by a URL that a person gave: public hosts, and those that a setting names.

A name is resolved, every address it has is checked, and the connection is made to an address that was checked: a
name that resolves differently a moment later (DNS rebinding) leads nowhere. Redirects are not followed, and no
connection is used twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import httpx

from joyvl_core.errors import BadInputError, UnavailableError

_SOURCE = "egress"
_PORTS = {"http": 80, "https": 443}
_ANY_PORT = {None, *range(1, 65_536)}
_MAX_URL = 2_000
MAX_ADDRESSES = 4
"""Most addresses of a name that are tried, one after the other."""

_NUMBER = re.compile(r"(0x[0-9a-f]*|\d+)$", re.IGNORECASE)
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")

Resolve = Callable[[str, int], Awaitable[Iterable[str]]]
"""The addresses of a host, for a port. Raises OSError where it has none."""


async def system_resolve(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def hosts(text: str) -> frozenset[str]:
    """The hosts of a comma-separated setting, in lower case."""
    return frozenset(host.strip().lower().strip("[]") for host in text.split(",") if host.strip())


@dataclass(frozen=True, slots=True)
class Egress:
    """Decides where a connection may go.

    Attributes:
        allow: Hosts, as they stand in the URL and in lower case, that may be reached whatever their addresses.
        setting: The variable that holds them, for errors.
        resolve: Finds the addresses of a name.
    """

    allow: frozenset[str] = frozenset()
    setting: str = ""
    resolve: Resolve = field(default=system_resolve)

    def check(self, url: str) -> httpx.URL:
        """Reads a URL; its addresses are checked when it is connected to.

        Raises:
            BadInputError: It is not one that can be used.
        """
        try:
            parsed = httpx.URL(url) if len(url) <= _MAX_URL else None
        except (httpx.InvalidURL, UnicodeError, ValueError):  # the parser lets some of its own errors through
            parsed = None
        if parsed is None or parsed.scheme not in _PORTS or not parsed.host or parsed.port not in _ANY_PORT:
            raise _refused("This is no http or https URL.", "Give one like https://example.org/path.")
        if parsed.userinfo:
            raise _refused("The URL has a name or a password in it.", "Take it out: there is a setting for secrets.")
        if parsed.host.lower() not in self.allow:
            self._admit(parsed.host, _refusal_of_form(_ascii_host(parsed.raw_host)))
        return parsed

    async def addresses(self, scheme: str, host: str, port: int | None) -> list[str]:
        """The addresses to connect to in the place of a host, checked at this very moment; at most `MAX_ADDRESSES`.

        Raises:
            BadInputError: It may not be reached; one address that is not public is enough.
            UnavailableError: It has no address.
        """
        if scheme not in _PORTS:
            raise _refused("This is no http or https URL.", "Give one like https://example.org/path.")
        allowed = host.lower() in self.allow
        if not allowed:
            self._admit(host, _refusal_of_form(host))
        try:
            found = list(dict.fromkeys(await self.resolve(host.strip("[]"), port or _PORTS[scheme])))
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise UnavailableError(
                f"{host[:80]} has no address.",
                source=_SOURCE,
                kind="unreachable",
                hint="Check the name in the URL.",
                retryable=True,
            )
        if not allowed:
            self._admit(host, next(filter(None, map(refusal, found)), ""))
        return found[:MAX_ADDRESSES]

    def _admit(self, host: str, why: str) -> None:
        """Refuses a host where there is a reason why. The host alone is named: the rest of a URL may hold a secret."""
        if why:
            meant = f"; name it in {self.setting} if this one is meant" if self.setting else ""
            raise _refused(f"{host[:80]} may not be reached: {why}.", f"Only public hosts are reached{meant}.")


def refusal(address: str) -> str:
    """Why an address may not be connected to; "" where it may."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "it is no address"
    return next((why for one in (parsed, *_inside(parsed)) if (why := _refusal_of(one))), "")


def _refusal_of(address: IPv4Address | IPv6Address) -> str:
    kinds = {
        "a loopback address": address.is_loopback,
        "a link-local address": address.is_link_local,
        "a multicast address": address.is_multicast,
        "an unspecified address": address.is_unspecified,
        "a private address": address.is_private or getattr(address, "is_site_local", False),
        "a reserved address": address.is_reserved or any(address in net for net in _NAT64[1:]),
        "not a public address": not address.is_global,
        "an address of one network only": isinstance(address, IPv6Address) and address.scope_id is not None,
    }
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return ""  # judged by the address inside it
    if isinstance(address, IPv6Address) and address in _NAT64[0]:
        return ""  # the same
    return next((f"it is {kind}" for kind, holds in kinds.items() if holds), "")


def _inside(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64[0] or (address in _COMPATIBLE and int(address) > 1):
        found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return [one for one in found if one is not None]


def _refusal_of_form(host: str) -> str:
    """Why a host may not be written like this; "" where it may.

    Resolvers read `2130706433`, `0x7f.1` and `0177.0.0.1` as 127.0.0.1; nobody writes a public host like that.
    """
    bare = host.strip("[]")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        labels = bare.rstrip(".").split(".")
        if _NUMBER.match(labels[-1]):
            return "it is an address in an unusual form"
        if not re.fullmatch(r"[a-z0-9_.-]{1,253}", bare, re.IGNORECASE):
            return "it is no name of a host"
        return ""
    return refusal(bare)


def _ascii_host(raw: bytes) -> str:
    return raw.decode("ascii", "replace")


def _refused(message: str, hint: str) -> BadInputError:
    return BadInputError(message, source=_SOURCE, kind="refused", hint=hint)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends each request to an address that was checked for it.

    The name stays in the Host header and in the TLS handshake, so certificates are checked against it.
    """

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        # A kept connection would be found again by its address alone, whatever name it was opened for.
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=8, max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url, host = request.url, _ascii_host(request.url.raw_host)
        request.extensions = {**request.extensions, "sni_hostname": host}
        *others, last = await self._egress.addresses(url.scheme, host, url.port)
        for address in others:
            request.url = url.copy_with(host=address)
            with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._inner.handle_async_request(request)
        request.url = url.copy_with(host=last)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()
