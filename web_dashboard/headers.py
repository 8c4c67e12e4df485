"""What browsers are told about every answer."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders

STRICT_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""For pages of our own making: nothing inline, nothing from elsewhere."""
DATA_CSP: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For what is no page."""
PAGE_CSP: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; frame-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""For NiceGUI's pages, which come with inline scripts and compile their templates in the browser."""

_ALWAYS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), display-capture=(), geolocation=()",
}
_HSTS: Final = "max-age=31536000"
_DATA: Final = ("/api/", "/healthz", "/readyz", "/metrics", "/link/", "/hooks/")
_STRICT: Final = ("/call/", "/overlay/", "/sign-in", "/setup", "/static/", "/api/v1/docs")


def seal(headers: MutableHeaders, path: str, *, secure: bool) -> None:
    """Adds what every answer carries; what a route has set itself stays."""
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    strict = path.startswith(_STRICT)
    data = path.startswith(_DATA) and not strict
    headers.setdefault("content-security-policy", STRICT_CSP if strict else DATA_CSP if data else PAGE_CSP)
    if data:
        headers.setdefault("cache-control", "no-store")
    if secure:
        headers.setdefault("strict-transport-security", _HSTS)
