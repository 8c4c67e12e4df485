"""From what a person typed to what the decoder may open, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from joyvl_core.errors import BadInputError

SOURCE = "room.livestream"

MAX_LENGTH = 4_096
"""Longest address taken, in characters."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
_KNOWN = "a file, http(s)://, rtmp(s)://, rtsp(s):// or camera:0"


class Pace(Enum):
    """What decides when a picture is shown."""

    FIXED = "the file's own time"
    ELASTIC = "the stream's own time, later where it is late: it arrives in bursts"
    ARRIVAL = "its arrival: the sender keeps the time"


@dataclass(frozen=True, slots=True)
class Address:
    """Something to watch.

    Attributes:
        url: What the decoder opens; may hold credentials.
        live: Whether more may come after the end; None where only the stream itself tells.
        protocols: The only protocols it may use, nested ones too.
        format: The only container format; None to find out.
        options: Settings of the decoder.
    """

    url: str = field(repr=False)
    pace: Pace
    live: bool | None
    protocols: str
    format: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def public_name(text: str) -> str:
    """The address as people may see it: no credentials, no query; a file by its name alone."""
    scheme = _scheme(text)
    if scheme in ("", "file", "camera"):
        return Path(text.removeprefix("file:")).name[:MAX_LENGTH] or "nothing"
    if scheme not in _NETWORK or "://" not in text:
        return f"{scheme}:"
    try:
        parts = urlsplit(text)
        host = f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
    except ValueError:
        return f"{scheme}://"
    # An @ behind the first slash belongs to a password with a slash in it.
    path = "" if "@" in parts.path else parts.path
    return f"{scheme}://{host}{path}"[:MAX_LENGTH]


def locate(text: str) -> Address:
    """Reads an address as a person typed it. Looks whether a file or a camera is there; opens nothing.

    Raises:
        BadInputError: It is none of the kinds known, or not there.
    """
    scheme = _scheme(text)
    if len(text) > MAX_LENGTH:
        raise _bad("The address is too long.", "bad_address", "Give a shorter one.")
    if scheme in ("", "file"):
        return _file(text.removeprefix("file://").removeprefix("file:"))
    if scheme == "camera":
        return _camera(text.partition(":")[2])
    if scheme not in _NETWORK:
        raise _bad(f"{scheme}: is not a kind of source known here.", "unknown_scheme", f"Give {_KNOWN}.")
    if _UNPRINTABLE.search(text) or not _has_host(text):
        raise _bad(f"{public_name(text)} is not a full address.", "bad_address", f"Write {scheme}://host/path.")
    return _NETWORK[scheme](text)


def _scheme(text: str) -> str:
    """The scheme in lower case; empty for a path, also for one with a colon in its name."""
    found = _SCHEME.match(text)
    if not found or _exists(text):
        return ""
    return found[1].lower()


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long, or with a zero byte
        return False


def _has_host(text: str) -> bool:
    try:
        parts: SplitResult = urlsplit(text)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _file(text: str) -> Address:
    path, name = Path(text), public_name(text)
    if not text or not _exists(text):
        raise _bad(f"There is no file {name}.", "no_such_file", "Check its path.")
    if not path.is_file():
        raise _bad(f"{name} is not a file.", "not_a_file", f"Give {_KNOWN}.")
    if path.stat().st_size == 0:
        raise _bad(f"{name} is empty.", "empty_file", "Check that it was copied whole.")
    return Address(f"file:{path.absolute()}", Pace.FIXED, live=False, protocols="file,crypto")


def _camera(text: str) -> Address:
    device = Path(f"/dev/video{text}")
    if not re.fullmatch(r"\d{1,2}", text) or not device.exists():
        here = sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video[0-9]*"))
        raise _bad(
            f"There is no camera {text[:20]}.",
            "no_camera",
            f"Cameras here: {', '.join(here)}." if here else "No camera is attached to this machine.",
        )
    return Address(str(device), Pace.ARRIVAL, live=True, protocols="file", format="video4linux2")


_AT_ONCE = {"fflags": "nobuffer", "flags": "low_delay", "probesize": "500000", "analyzeduration": "500000"}
"""The default of several seconds of analysis would be added to the delay of every picture."""


def _http(url: str) -> Address:
    # Two segments behind the newest: the third, which is the default, adds its length to the delay.
    return Address(url, Pace.ELASTIC, None, "http,https,tcp,tls,crypto", options={"live_start_index": "-2"})


def _rtmp(url: str) -> Address:
    return Address(url, Pace.ARRIVAL, live=True, protocols="rtmp,rtmps,tcp,tls", format="live_flv", options=_AT_ONCE)


def _rtsp(url: str) -> Address:
    options = {**_AT_ONCE, "rtsp_transport": "tcp"}
    return Address(url, Pace.ARRIVAL, True, "rtsp,rtsps,rtp,srtp,udp,tcp,tls", format="rtsp", options=options)


_NETWORK = {"http": _http, "https": _http, "rtmp": _rtmp, "rtmps": _rtmp, "rtsp": _rtsp, "rtsps": _rtsp}


def _bad(message: str, kind: str, hint: str) -> BadInputError:
    return BadInputError(message, source=SOURCE, kind=kind, hint=hint)
