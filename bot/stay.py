"""What every command that takes part in something shares: a log with its outputs, signals, an end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from bot.timeline import Timeline
from joyvl_core.clock import Clock
from joyvl_core.errors import BadInputError, StayFailedError
from joyvl_core.events import EventLog
from joyvl_core.ports import RoomState, RoomStatus

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

LEAVE_WITHIN = 1.6
"""Seconds a stay gets to end by itself after Ctrl-C before it is cancelled."""


def open_log(clock: Clock, jsonl: str | None) -> tuple[EventLog, Timeline | None]:
    """A log that is shown as a timeline, or with `jsonl` `-` goes to stdout alone.

    Args:
        clock: The session's clock.
        jsonl: A file to append to, `-` for stdout, None for no file.

    Raises:
        BadInputError: The file cannot be written.
    """
    log = EventLog(clock)
    if jsonl == "-":
        log.to_stream(sys.stdout)
        return log, None
    if jsonl is not None:
        try:
            log.to_file(Path(jsonl))
        except OSError as error:
            raise BadInputError(
                f"{jsonl} cannot be written: {error.strerror}.", source="log", kind="unwritable", hint="Name a file."
            ) from error
    timeline = Timeline(Console(highlight=False), Console(stderr=True, highlight=False))
    log.subscribe(timeline.show)
    return log, timeline


async def until_interrupted(stay: Coroutine[Any, Any, T], leave: Callable[[], Awaitable[None]]) -> T | None:
    """Awaits a stay; Ctrl-C or SIGTERM makes it leave, and cancels it if it does not within 2 s.

    Returns:
        What the stay returned; None when it was interrupted.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(stay, name="stay")
    asked = asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, asked.set)
    waiting = asyncio.create_task(asked.wait(), name="signals")
    try:
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return await task
        with contextlib.suppress(Exception):  # whatever goes wrong in leaving, the program ends
            await asyncio.wait_for(leave(), LEAVE_WITHIN / 2)
        await asyncio.wait([task], timeout=LEAVE_WITHIN / 2)
        return None
    finally:
        for ending in (task, waiting):
            ending.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def check_end(ended: RoomStatus | None) -> None:
    """Says how a stay ended.

    Raises:
        StayFailedError: It ended because it failed.
        KeyboardInterrupt: It was interrupted.
    """
    if ended is None:
        raise KeyboardInterrupt
    if ended.state is RoomState.FAILED:
        raise StayFailedError(
            f"The stay failed: {ended.reason}.", source="room", kind=ended.reason, hint=ended.remedy, retryable=True
        )
