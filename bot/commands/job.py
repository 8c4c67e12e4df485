"""`joyvl job`: one session as a process of its own, started by the control plane."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from joyvl_core.errors import BadInputError

END_WITHIN = 1.9
"""Seconds after SIGTERM at which the process ends, whatever some thread is still busy with."""
_LONGEST = 65_536
_LINES_A_MINUTE = 120


class JobIn(BaseModel):
    """What stands on stdin: the control plane's address, and as which session to report there."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: Annotated[str, Field(min_length=1, max_length=2_000)]
    token: SecretStr
    session: Annotated[str, Field(min_length=1, max_length=200)]
    start: Annotated[int, Field(ge=0)]


def job(debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False) -> None:
    """Lives one session for `joyvl serve`, which starts it; nothing for people to type.

    Reads one JSON object from stdin: `{"url", "token", "session", "start"}`. Ends with 0 when the session has left,
    1 when it came to a bad end, 2 when it could not begin.
    """
    given = read(sys.stdin.buffer.read(_LONGEST + 1))
    with contextlib.suppress(OSError):  # it leads one already
        os.setpgid(0, 0)
    _quiet(debug)
    import cv2

    cv2.setNumThreads(1)
    asyncio.run(_live(given))


def read(data: bytes) -> JobIn:
    """What was given on stdin.

    Raises:
        BadInputError: It is not what is expected. It is not repeated: it holds a token.
    """
    try:
        if len(data) > _LONGEST:
            raise ValueError("too long")
        return JobIn.model_validate_json(data)
    except ValidationError as error:
        wrong = ", ".join(".".join(str(part) for part in each["loc"]) or "all of it" for each in error.errors())
    except ValueError:
        wrong = "it is too long"
    raise BadInputError(
        f"stdin does not say which session to live: {wrong[:200]}.",
        source="job",
        kind="stdin",
        hint="`joyvl serve` starts these; for a room of your own there is `joyvl join`.",
    )


async def _live(given: JobIn) -> None:
    from bot.job import LinkAddress, live_job

    leaving = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _leave, leaving)
    address = LinkAddress(given.url, given.token.get_secret_value(), given.session, given.start)
    await live_job(address, leaving=leaving)


def _leave(leaving: asyncio.Event) -> None:
    leaving.set()
    # Python waits at its end for threads, which nobody can cancel: a decoder, a model that is being read.
    last_resort = threading.Timer(END_WITHIN, os._exit, (0,))
    last_resort.daemon = True
    last_resort.start()


def _quiet(debug: bool) -> None:
    """Its log is the session's; stderr gets what is odd, and not without end."""
    handler = logging.StreamHandler()
    handler.addFilter(_Bounded())
    logging.basicConfig(
        level=logging.INFO if debug else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=[handler],
    )


class _Bounded(logging.Filter):
    """Lets so many lines a minute through."""

    def __init__(self) -> None:
        super().__init__()
        self._minute, self._lines = 0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        minute = int(record.created // 60)
        if minute != self._minute:
            self._minute, self._lines = minute, 0
        self._lines += 1
        return self._lines <= _LINES_A_MINUTE
