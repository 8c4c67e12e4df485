"""Errors as the API answers them: a kind, a message, and what to do."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from web_dashboard.answers import RefusalError
from web_dashboard.limiting import LimitedError
from web_dashboard.permissions import ConflictError, ForbiddenError, UnknownError
from web_dashboard.services.sign_in import NotSignedInError

_LOG = logging.getLogger(__name__)
_STATUS: Final[tuple[tuple[type[JoyVLError], HTTPStatus], ...]] = (
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (UnknownError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (NotSignedInError, HTTPStatus.UNAUTHORIZED),
    (LimitedError, HTTPStatus.TOO_MANY_REQUESTS),
    (BadInputError, HTTPStatus.BAD_REQUEST),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
)
_KINDS: Final = {"too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "rate": HTTPStatus.TOO_MANY_REQUESTS}
_MOST_FIELDS = 20


class Problem(BaseModel):
    """Why a request was not answered."""

    kind: str = Field(examples=["unknown"])
    message: str = Field(examples=["There is no such session."])
    hint: str = Field("", examples=["It may have been erased."])


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Problem, "description": "What was sent can't be used"},
    401: {"model": Problem, "description": "Nobody is signed in"},
    403: {"model": Problem, "description": "Not permitted"},
    404: {"model": Problem, "description": "There is nothing of that name"},
    409: {"model": Problem, "description": "It clashes with what is there"},
    413: {"model": Problem, "description": "Too large"},
    422: {"model": Problem, "description": "What was sent is not of the right form"},
    429: {"model": Problem, "description": "Too often; Retry-After says how long to wait"},
    503: {"model": Problem, "description": "A part that is needed is away"},
}
"""What any route may answer instead."""


def add_error_handlers(app: FastAPI) -> None:
    """Every error leaves as a `Problem`."""
    app.add_exception_handler(JoyVLError, _typed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def status_of(error: JoyVLError) -> HTTPStatus:
    """The status that an error is answered with."""
    if error.kind in _KINDS:
        return _KINDS[error.kind]
    return next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.SERVICE_UNAVAILABLE)


def _answer(status: int, kind: str, message: str, hint: str = "", headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"kind": kind, "message": message, "hint": hint}, status, headers)


async def _typed(_: Request, error: Exception) -> Response:
    assert isinstance(error, JoyVLError)  # noqa: S101 - what it is registered for
    headers = {"retry-after": str(error.after)} if isinstance(error, LimitedError) else None
    return _answer(status_of(error), error.kind, str(error), error.hint, headers)


async def _invalid(_: Request, error: Exception) -> Response:
    """Says which field and why. What was sent is not repeated: it may be a secret."""
    assert isinstance(error, RequestValidationError | ValidationError)  # noqa: S101 - what it is registered for
    told = [
        f"{'.'.join(str(part) for part in each['loc'] if part != 'body')[:100] or 'body'}: {each['msg'][:200]}"
        for each in error.errors()[:_MOST_FIELDS]
    ]
    return _answer(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "; ".join(told), "The API's description names each field."
    )


async def _http(_: Request, error: Exception) -> Response:
    if isinstance(error, RefusalError):
        return error.response()
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers) if error.headers else None
    return _answer(status, status.phrase.lower().replace(" ", "_"), str(error.detail)[:300], "", headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    _LOG.error("%s failed", request.scope.get("route", request.url.path), exc_info=error)
    return _answer(
        HTTPStatus.INTERNAL_SERVER_ERROR, "failed", "Something went wrong here.", "The server's log says what."
    )
