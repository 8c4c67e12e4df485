"""Public pages: static files under a strict policy, filled with a few values that are escaped."""

from __future__ import annotations

import html
import json
import logging
import mimetypes
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, Response

from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from web_dashboard.limiting import LimitedError
from web_dashboard.permissions import ConflictError, ForbiddenError, UnknownError

_log = logging.getLogger(__name__)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; frame-src {frames}; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
)
_HEADERS = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-robots-tag": "noindex, nofollow",
    "cache-control": "no-cache",
}
_TOLD = frozenset({"call", "shares", "limits"})
"""Sources of errors that are about what the person at the page did."""
_NO_DEVICES = "camera=(), microphone=(), display-capture=(), geolocation=()"
_DEVICES = "camera=(self), microphone=(self), display-capture=(self), geolocation=()"
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css"}
_DASHBOARD = Path(str(files("web_dashboard") / "pages"))
FOLDERS: dict[str, Path] = {
    "overlay": _DASHBOARD / "overlay",
    "shared_call": _DASHBOARD / "shared_call",
    "call": Path(str(files("bot") / "pages" / "call")),
}


def headers(*, devices: bool = False, framed: bool = False, frames: bool = False) -> dict[str, str]:
    """The headers of a public page.

    Args:
        devices: It may ask for the camera, the microphone and the screen.
        framed: A page of this server may show it in a frame.
        frames: It shows one of this server's pages in a frame.
    """
    policy = _POLICY.format(frames="'self'" if frames else "'none'", ancestors="'self'" if framed else "'none'")
    return {
        **_HEADERS,
        "content-security-policy": policy,
        "permissions-policy": _DEVICES if devices else _NO_DEVICES,
        "x-frame-options": "SAMEORIGIN" if framed else "DENY",
    }


@cache
def _template(folder: str, name: str) -> str:
    return (FOLDERS[folder] / name).read_text(encoding="utf-8")


def page(
    folder: str, name: str, values: Mapping[str, Any] | None = None, *, status: int = 200, **policy: bool
) -> HTMLResponse:
    """A page with `{{name}}` replaced by each value: text as it is, anything else as JSON, escaped for an attribute."""
    text = _template(folder, name)
    for key, value in (values or {}).items():
        given = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        text = text.replace("{{" + key + "}}", html.escape(given, quote=True))
    return HTMLResponse(text, status_code=status, headers=headers(**policy))


def asset(folder: str, name: str) -> Response:
    """A file that a public page loads; 404 for any other name."""
    path = FOLDERS[folder] / name
    if path.suffix not in _TYPES or name not in _names(folder):
        return Response(status_code=404, headers=headers())
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0]
    return Response(_content(folder, name), media_type=kind, headers=headers())


@cache
def _names(folder: str) -> frozenset[str]:
    return frozenset(path.name for path in FOLDERS[folder].iterdir() if path.is_file())


@cache
def _content(folder: str, name: str) -> bytes:
    return (FOLDERS[folder] / name).read_bytes()


def gone_page() -> HTMLResponse:
    """What everybody sees whose link does not work."""
    return page("shared_call", "gone.html", status=404)


def refusal(error: JoyVLError) -> JSONResponse:
    """An error as the pages' scripts read it. What is none of a stranger's business is in the server's log alone."""
    if error.source not in _TOLD:
        _log.warning("a public page could not be served: %s", error)
        error = UnavailableError(
            "The bot can't be reached right now.", source="public", kind="unavailable", hint="Try again later."
        )
    body = {"kind": error.kind, "message": str(error), "hint": error.hint}
    return JSONResponse(body, status_code=_status(error), headers=headers())


def _status(error: JoyVLError) -> int:
    if isinstance(error, LimitedError):
        return 429
    for kind, status in ((BadInputError, 400), (ForbiddenError, 403), (UnknownError, 404), (ConflictError, 409)):
        if isinstance(error, kind):
            return status
    return 503


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from."""
    return connection.client.host if connection.client else "127.0.0.1"
