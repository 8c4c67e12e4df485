"""What a service answered, or did instead, as typed errors; and which of them are worth another try."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from joyvl_core.errors import JoyVLError, UnavailableError
from joyvl_core.text import tidy

T = TypeVar("T")

TRIES = 3
PAUSE = 0.5
"""Seconds before the second try; before the third it is twice as long."""
_LONGEST = 300
_SHORTEST_SECRET = 6
"""Shorter ones would be found in every other word."""


class BusyError(UnavailableError):
    """The service can't answer now. `after` are the seconds it asks to be left alone, where it says so."""

    def __init__(self, message: str, *, source: str, kind: str, hint: str, after: float | None = None) -> None:
        super().__init__(message, source=source, kind=kind, hint=hint, retryable=True)
        self.after = after


@dataclass(frozen=True, slots=True)
class Service:
    """Who is asked, as errors name it.

    Attributes:
        source: The part, e.g. `delegate.openai`.
        name: The service in words.
        key: The variable that holds its key or secret.
        address: The variable that holds its address.
        model: The variable that holds the model's name, where it has models.
        secrets: What never stands in an error, whoever wrote it.
    """

    source: str
    name: str
    key: str
    address: str
    model: str = ""
    secrets: tuple[str, ...] = ()

    def words(self, text: str) -> str:
        """Somebody else's words, bounded, on one line, and without the secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "***") if len(secret) >= _SHORTEST_SECRET else text
        return tidy(re.sub(r"\s+", " ", text).strip(), _LONGEST)

    def status(self, code: int, said: str = "", after: float | None = None) -> UnavailableError:
        """The error that an HTTP status means. `said`: what the service said about it."""
        words = self.words(said)
        tail = f": {words}" if words else ""
        if code in {401, 403}:
            return self.error(f"{self.name} does not accept the key ({code})", "unauthorized", f"Check {self.key}.")
        if code == 404:
            return self.error(
                f"{self.name} knows no such {'model or address' if self.model else 'address'}{tail}",
                "not_found",
                f"Check {' and '.join(filter(None, (self.model, self.address)))}.",
            )
        if code == 429 or code >= 500:
            kind = "rate_limited" if code == 429 else "server_error"
            hint = f"Wait, or look at the limits and the state of {self.name}."
            return BusyError(f"{self.name} answers {code}", source=self.source, kind=kind, hint=hint, after=after)
        return self.error(
            f"{self.name} refuses the question ({code}){tail}",
            "refused",
            f"Look whether {self.name} takes pictures, and whether the model's name is right.",
        )

    def garbled(self, what: str) -> UnavailableError:
        """The error of an answer that is none."""
        return self.error(f"{self.name} answered {what}", "garbled", f"Look whether {self.address} is right.")

    def unreachable(self, error: BaseException | None = None) -> BusyError:
        """The error of a service that can't be connected to, or hung up. `error`: what happened, where it is known."""
        why = _why(error) if error is not None else ""
        return BusyError(
            f"{self.name} cannot be reached{why and ': '}{why}",
            source=self.source,
            kind="unreachable",
            hint=f"Look whether it runs, and whether {self.address} is right.",
        )

    def error(self, message: str, kind: str, hint: str) -> UnavailableError:
        """An error of this service that another try would not mend."""
        return UnavailableError(message, source=self.source, kind=kind, hint=hint)


def _why(error: BaseException) -> str:
    """Why a connection was not made, in words; "" where that is not known."""
    kinds = {
        ssl.SSLCertVerificationError: "its certificate is not accepted",
        ssl.SSLError: "TLS is not understood there",
        socket.gaierror: "the name has no address",
        ConnectionRefusedError: "nobody listens there",
    }
    chain = list(causes(error))
    return next((words for kind, words in kinds.items() if any(isinstance(one, kind) for one in chain)), "")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header; None where it has none, or a date."""
    value = headers.get("retry-after", "")
    return float(value) if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", value.strip()) else None


async def persistently(ask: Callable[[], Awaitable[T]], *, until: float) -> T:
    """Asks up to `TRIES` times, with growing pauses, or those the service asks for.

    Args:
        ask: Raises `BusyError` where another try may help.
        until: The loop's time at which the answer must be there; no pause goes beyond it.

    Raises:
        JoyVLError: The last error.
    """
    loop = asyncio.get_running_loop()
    for number in range(TRIES - 1):
        try:
            return await ask()
        except BusyError as error:
            pause = max(PAUSE * 2**number, error.after or 0.0)
            if loop.time() + pause >= until:
                raise
        await asyncio.sleep(pause)
    return await ask()


def causes(error: BaseException) -> Iterable[BaseException]:
    """The error, what is inside it where it is a group, and what it came from."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [*getattr(one, "exceptions", ()), *filter(None, (one.__cause__, one.__context__))]


def typed(error: BaseException) -> JoyVLError | None:
    """The typed error that an SDK has wrapped into its own, if there is one."""
    return next((one for one in causes(error) if isinstance(one, JoyVLError)), None)


def sdk_failure(error: Exception, service: Service, *, begun: bool) -> JoyVLError:
    """What an SDK raised, typed. `begun`: words had come already, so another try would pay for them again."""
    if (known := typed(error)) is not None:
        return known
    names = {type(one).__name__ for one in causes(error)}
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and response is not None:
        failure: JoyVLError = service.status(status, _said(error), retry_after(response.headers))
    elif "TooMuchError" in names:
        failure = service.garbled("with more than can be an answer")
    elif names & {"APITimeoutError", "APIConnectionError"} or any("HTTPError" in _bases(one) for one in causes(error)):
        failure = service.unreachable(error)
    elif isinstance(error, ValueError | TypeError | AttributeError | LookupError):
        failure = service.garbled("something that is no answer of a model")
    else:
        failure = service.error(
            f"{service.name} failed: {service.words(str(error)) or type(error).__name__}", "failed", "Ask again."
        )
    return service.error("the answer broke off", "broken_off", "Ask again.") if begun and failure.retryable else failure


def _said(error: Exception) -> str:
    """The message in an error's body, wherever the service puts it."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else {}
    return str(inner.get("message", "")) if isinstance(inner, dict) else ""


def _bases(error: BaseException) -> set[str]:
    return {base.__name__ for base in type(error).__mro__}
