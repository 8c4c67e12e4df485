"""What every command that takes part in something shares: a log with its outputs, signals, an end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from bot.timeline import Timeline
from joyvl_core.clock import Clock
from joyvl_core.errors import BadInputError, StayFailedError
from joyvl_core.events import AnyEvent, EventLog, StatusEvent
from joyvl_core.ports import RoomState, RoomStatus

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

LEAVE_WITHIN = 1.2
"""Seconds a stay gets to end by itself after Ctrl-C before it is cancelled."""
END_WITHIN = 1.6
"""Seconds after Ctrl-C at which the program ends, whatever some thread is still busy with."""
EXIT_INTERRUPTED = 130


class Outputs:
    """Where a session's log goes: to the terminal as a timeline, to a file too, or to stdout alone.

    Args:
        clock: The session's clock.
        jsonl: A file to append to, `-` for stdout and nothing else, None for no file.
        timeline: Whether a person reads along at a terminal.

    Attributes:
        log: The log.
        unread: Set once nobody reads stdout any more (`… | head -1`).

    Raises:
        BadInputError: The file cannot be written.
    """

    def __init__(self, clock: Clock, jsonl: str | None, *, timeline: bool = True) -> None:
        self.log = EventLog(clock)
        self.unread = asyncio.Event()
        self._timeline: Timeline | None = None
        if jsonl == "-":
            if reconfigure := getattr(sys.stdout, "reconfigure", None):
                reconfigure(encoding="utf-8")
            self.log.to_stream(sys.stdout)
            self.log.subscribe(self._notice_end)
            return
        if jsonl is not None:
            self._open(jsonl)
        if not timeline:
            return
        self._timeline = Timeline(_Pipe(self._give_up), Console(stderr=True, highlight=False))
        self.log.subscribe(self._timeline.show)

    def close(self) -> None:
        """Ends the timeline and closes the file."""
        if self._timeline:
            self._timeline.finish()
        self.log.close()

    def _open(self, path: str) -> None:
        try:
            self.log.to_file(Path(path))
        except OSError as error:
            raise BadInputError(
                f"{path} cannot be written: {error.strerror}.", source="log", kind="unwritable", hint="Name a file."
            ) from error

    def _notice_end(self, event: AnyEvent) -> None:
        if isinstance(event, StatusEvent) and event.state == "log.failed":
            self._give_up()

    def _give_up(self) -> None:
        self.unread.set()
        # What is still buffered must go somewhere, or Python complains about it at its end.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Pipe(Console):
    """A console on stdout that falls silent when nobody reads it any more."""

    def __init__(self, gone: Callable[[], None]) -> None:
        super().__init__(highlight=False)
        self._gone = gone

    def on_broken_pipe(self) -> None:
        self.quiet = True
        self._gone()


async def until_interrupted(
    stay: Coroutine[Any, Any, T], leave: Callable[[], Awaitable[None]], unread: asyncio.Event | None = None
) -> T | None:
    """Awaits a stay; Ctrl-C or SIGTERM makes it leave, and cancels it if it does not in time.

    Args:
        stay: What to await.
        leave: Makes it end.
        unread: Makes it leave too, when set: nobody reads what it writes.

    Returns:
        What the stay returned; None when it was left because nobody reads it.

    Raises:
        KeyboardInterrupt: It was interrupted.
    """
    loop = asyncio.get_running_loop()
    interrupted, unread = asyncio.Event(), unread or asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, _interrupt, interrupted)
    task = asyncio.create_task(stay, name="stay")
    waiting = [asyncio.create_task(event.wait()) for event in (interrupted, unread)]
    try:
        await asyncio.wait([task, *waiting], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return await task
        with contextlib.suppress(Exception):  # whatever goes wrong in leaving, the program ends
            await asyncio.wait_for(leave(), LEAVE_WITHIN / 2)
        await asyncio.wait([task], timeout=LEAVE_WITHIN / 2)
        if interrupted.is_set():
            raise KeyboardInterrupt
        return None
    finally:
        for ending in (task, *waiting):
            ending.cancel()
        await asyncio.gather(task, *waiting, return_exceptions=True)
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _interrupt(interrupted: asyncio.Event) -> None:
    interrupted.set()
    # Python waits at its end for threads, which nobody can cancel: reading a picture, resolving a name.
    last_resort = threading.Timer(END_WITHIN, os._exit, (EXIT_INTERRUPTED,))
    last_resort.daemon = True
    last_resort.start()


def check_end(ended: RoomStatus | None) -> None:
    """Says how a stay ended.

    Raises:
        StayFailedError: It ended because it failed.
    """
    if ended is not None and ended.state is RoomState.FAILED:
        raise StayFailedError(
            f"The stay failed: {ended.reason}.", source="room", kind=ended.reason, hint=ended.remedy, retryable=True
        )
