"""What works on this machine and what is missing: one finding a part, each with its fix."""

from __future__ import annotations

import asyncio
import importlib
import platform
import shutil
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from bot.settings import Settings
from joyvl_core.errors import JoyVLError

CONNECT_WITHIN = 3.0
_BUILT_SERVER = Path(".tools/bin/livekit-server")


class Verdict(StrEnum):
    """Whether a part works, works in part, or is missing."""

    OK = "ok"
    PARTLY = "partly"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one part. `needed`: nothing works without it."""

    part: str
    verdict: Verdict
    detail: str
    fix: str = ""
    needed: bool = False


def examine(settings: Settings) -> Iterable[Finding]:
    """Looks at every part in turn; yields as it goes, because some take a second."""
    yield _python()
    for check in (_seeing, _understanding, _reading, _decoding, _browser_calls):
        yield _guarded(check)
    yield _hearing(settings)
    yield from _programs()
    yield _camera()
    yield _livekit_server()
    yield _livekit(settings)
    yield _delegate(settings)
    yield _kept_sessions(settings)
    if settings.model != "embedded":
        yield _served_model(settings)


def _python() -> Finding:
    return Finding("Python", Verdict.OK, platform.python_version(), needed=True)


def _guarded(check: Callable[[], Finding]) -> Finding:
    """A check that fails, for whatever reason, is a finding too."""
    try:
        return check()
    except Exception as error:  # a broken installation can raise anything on import
        part = check.__name__.strip("_").replace("_", " ").capitalize()
        return Finding(
            part, Verdict.MISSING, f"{type(error).__name__}: {error}"[:200], "Install again: make demo.", needed=True
        )


def _seeing() -> Finding:
    from joyvl_core.media import Frame, RgbPicture
    from joyvl_core.models.embedded.perception import Perception

    perception = Perception()
    grey = np.full((180, 320, 3), 90, np.uint8)
    for step in range(3):
        perception.look(Frame("doctor", RgbPicture(grey), step * 0.1))
    return Finding("Seeing", Verdict.OK, "the embedded perception looks at pictures", needed=True)


def _understanding() -> Finding:
    from joyvl_core.models.embedded.understanding import Understanding

    reading = Understanding().read("count the cars that pass")
    return Finding("Understanding", Verdict.OK, f"“count the cars that pass” → {reading.understood}", needed=True)


def _reading() -> Finding:
    importlib.import_module("rapidocr")
    return Finding("Reading text", Verdict.OK, "English and Chinese (rapidocr)")


def _decoding() -> Finding:
    av = importlib.import_module("av")
    return Finding("Video", Verdict.OK, f"PyAV {av.__version__}: files, HLS, RTMP, RTSP", needed=True)


def _browser_calls() -> Finding:
    aiortc = importlib.import_module("aiortc")
    return Finding("Browser calls", Verdict.OK, f"aiortc {aiortc.__version__}")


def _hearing(settings: Settings) -> Finding:
    from bot.assembly import make_vad

    try:
        make_vad(settings)()
    except Exception as error:  # a broken installation can raise anything on import
        fix = error.hint if isinstance(error, JoyVLError) else "Install again: make demo."
        return Finding("Hearing", Verdict.PARTLY, f"nobody is heard speaking: {error}"[:200], fix)
    return Finding("Hearing", Verdict.OK, f"tells when somebody speaks ({settings.voice_activity})")


def _programs() -> Iterable[Finding]:
    for part, program, use in (
        ("English voice", "flite", "the bot speaks English"),
        ("Chinese voice", "espeak-ng", "the bot speaks Chinese and other languages"),
    ):
        path = shutil.which(program)
        if path:
            yield Finding(part, Verdict.OK, f"{use} ({path})")
        else:
            yield Finding(part, Verdict.PARTLY, f"{program} is not installed: chat only", f"apt install {program}")


def _camera() -> Finding:
    devices = sorted(str(path) for path in Path("/dev").glob("video[0-9]*"))
    if devices:
        return Finding("Local camera", Verdict.OK, ", ".join(devices[:4]))
    return Finding("Local camera", Verdict.PARTLY, "none on this machine", "Plug one in, or use the call page's scene.")


def _livekit_server() -> Finding:
    path = shutil.which("livekit-server") or shutil.which(str(_BUILT_SERVER))
    if path:
        return Finding("LiveKit server", Verdict.OK, path)
    return Finding(
        "LiveKit server",
        Verdict.PARTLY,
        "none here; only needed to host rooms on this machine",
        "See docs/livekit.md, or use a server elsewhere.",
    )


def _livekit(settings: Settings) -> Finding:
    credentials = settings.livekit_token.get_secret_value() or (
        settings.livekit_api_key and settings.livekit_api_secret.get_secret_value()
    )
    if not credentials:
        return Finding(
            "LiveKit rooms",
            Verdict.PARTLY,
            "no key configured",
            "Set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to join rooms.",
        )
    try:
        address = urlsplit(settings.livekit_url)
        where = f"{address.hostname}:{address.port or (443 if address.scheme in {'wss', 'https'} else 80)}"
    except ValueError:
        return Finding("LiveKit rooms", Verdict.MISSING, "LIVEKIT_URL is no address", "Check LIVEKIT_URL.")
    try:
        host, _, port = where.rpartition(":")
        socket.create_connection((host, int(port)), CONNECT_WITHIN).close()
    except OSError as error:
        return Finding("LiveKit rooms", Verdict.MISSING, f"{where} does not answer: {error}", "Check LIVEKIT_URL.")
    return Finding("LiveKit rooms", Verdict.OK, f"{where} answers")


def _delegate(settings: Settings) -> Finding:
    from bot.assembly import make_delegate

    try:
        delegate = make_delegate(settings)
    except JoyVLError as error:
        return Finding("Delegate", Verdict.MISSING, str(error), error.hint)
    if delegate is None:
        return Finding("Delegate", Verdict.PARTLY, "none: hard questions get no answer", "Set JOYVL_DELEGATE.")
    asyncio.run(delegate.aclose())
    return Finding("Delegate", Verdict.OK, delegate.name)


def _kept_sessions(settings: Settings) -> Finding:
    from bot.keeping import check_database

    try:
        asyncio.run(check_database(settings))
    except JoyVLError as error:
        return Finding("Kept sessions", Verdict.PARTLY, str(error), error.hint or "Start with --no-keep.")
    return Finding("Kept sessions", Verdict.OK, "the database can be written")


def _served_model(settings: Settings) -> Finding:
    from bot.assembly import ready_model

    async def ask() -> None:
        async with ready_model(settings):
            pass

    try:
        asyncio.run(ask())
    except JoyVLError as error:
        return Finding("Served model", Verdict.MISSING, str(error), error.hint, needed=True)
    return Finding("Served model", Verdict.OK, "it answers; `joyvl model check` tells what it can do", needed=True)
