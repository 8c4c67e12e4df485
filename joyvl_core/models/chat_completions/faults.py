"""What can be wrong with a model's server, told so that a person can act on it."""

from __future__ import annotations

import json
import re

import httpx

from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from joyvl_core.memory.recall import plain

SOURCE = "model.chat_completions"

_KEY = "Set JOYVL_MODEL_KEY to a key that this server accepts (OPENAI_API_KEY serves off this machine only)."
_LOOK = "Look whether it is the right server: `joyvl model check URL` tells what it can do."
_MISS = re.compile(r"cache miss", re.IGNORECASE)
_TOO_LONG = re.compile(r"context length|context window|too long|maximum.{0,40}tokens|max_model_len", re.IGNORECASE)
_LONGEST = 300


class CacheMissError(UnavailableError):
    """The server has lost the pixels of a picture that it was only named."""


class BusyError(UnavailableError):
    """The server has too much to do.

    Attributes:
        after: Seconds after which it wants to be asked again; None where it doesn't say.
    """

    after: float | None = None


class TooLongError(UnavailableError):
    """The prompt is longer than the server takes."""


class UnknownFieldError(UnavailableError):
    """The server does not take a field of the request."""


def refused(response: httpx.Response, body: bytes, model: str) -> JoyVLError:
    """What an answer that is no success means."""
    status, told = response.status_code, _message(body)
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return UnavailableError(f"the model's server refuses the key ({status})", source=SOURCE, kind="key", hint=_KEY)
    if status == httpx.codes.NOT_FOUND:
        return UnavailableError(
            f"the server knows no model {model!r} at this address",
            source=SOURCE,
            kind="unknown_model",
            hint="Set JOYVL_MODEL_NAME to one that it serves, and end JOYVL_MODEL_URL in /v1.",
        )
    if status in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY):
        kind: type[UnavailableError] = UnknownFieldError
        if _MISS.search(told):
            kind = CacheMissError
        elif _TOO_LONG.search(told):
            kind = TooLongError
        return kind(f"the server refuses the request: {told}", source=SOURCE, kind="refused", hint=_LOOK)
    if status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
        return _busy(status, told, response.headers.get("retry-after", ""))
    return UnavailableError(
        f"the model's server fails ({status}): {told}" if told else f"the model's server fails ({status})",
        source=SOURCE,
        kind="failing",
        hint="It is asked again; look at the server's own log.",
        retryable=True,
    )


def _busy(status: int, told: str, after: str) -> BusyError:
    error = BusyError(
        f"the model's server is busy ({status}): {told}" if told else f"the model's server is busy ({status})",
        source=SOURCE,
        kind="busy",
        hint="It is asked again; fewer sessions at once, or a larger quota, make it quicker.",
        retryable=True,
    )
    # Some servers write a date: what they mean by it is not worth a clock.
    error.after = float(after) if after.isascii() and after.isdecimal() else None
    return error


def unreachable(url: str, error: Exception) -> JoyVLError:
    """Nobody answers there."""
    return UnavailableError(
        f"the model's server at {httpx.URL(url).netloc.decode()} does not answer ({type(error).__name__})",
        source=SOURCE,
        kind="unreachable",
        hint="Start it (`joyvl model serve`), or set JOYVL_MODEL_URL.",
        retryable=True,
    )


def broken(what: str, *, kind: str = "broken") -> JoyVLError:
    """It answers, and not as it should."""
    return UnavailableError(
        f"the model's server: {plain(what, _LONGEST)}", source=SOURCE, kind=kind, hint=_LOOK, retryable=True
    )


def no_room(what: str) -> BadInputError:
    """The prompt cannot be made to fit."""
    return BadInputError(
        what,
        source=SOURCE,
        kind="no_room",
        hint="Give JOYVL_CONTEXT more tokens, or serve the model with a longer --max-model-len.",
    )


def _message(body: bytes) -> str:
    """What an error's body says, in one bounded line."""
    try:
        told = json.loads(body)
        told = told.get("error", told)
        text = told if isinstance(told, str) else str(told.get("message", ""))
    except (ValueError, AttributeError):
        text = "" if body.lstrip()[:1] in (b"<", b"") else body.decode("utf-8", "replace")
    return plain(" ".join(text.split()), _LONGEST)
