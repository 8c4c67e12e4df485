"""A job of a worker: one session, in a process of its own, inside the loop that livekit-agents runs there.

livekit-agents loads this module in every job's process, and hands the functions over by their names.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.link.sealing import unseal
from bot.link.worker_link import ControlAddress
from bot.link.worker_messages import JobMetadata, read_metadata
from joyvl_core.errors import JoyVLError

if TYPE_CHECKING:
    from livekit.agents import JobContext, JobProcess

PRELOADED = (
    "bot.job",
    "bot.rooms.livekit.room",
    "bot.rooms.livestream",
    "integrations.vad.silero",
    "joyvl_core.models.embedded.model",
    "joyvl_core.store.store",
    "alembic.command",
    "asyncpg",
    "cn2an",
    "text_to_num",
    "websockets.asyncio.client",
)
"""What is loaded once for all jobs' processes: each is then there in a fraction of the time, and of the memory."""
LEAVES_WITHIN = 8.0
"""Seconds to leave in; livekit-agents kills a job two seconds later."""

_HOME = "home"
_UNCONNECTED = ("The job task completed without establishing", "The room connection was not established within")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Home:
    """The worker that a job belongs to, and its control plane, if there is one."""

    worker: str
    control: ControlAddress | None


def prepare(process: JobProcess, *, home: Home) -> None:
    """What a job's process does before it has a job."""
    import cv2

    cv2.setNumThreads(1)
    process.userdata[_HOME] = home
    # The room is joined by our own connection, with its own reconnections; livekit-agents' is never used.
    logging.getLogger("livekit.agents").addFilter(lambda record: not record.getMessage().startswith(_UNCONNECTED))


async def run_job(context: JobContext) -> None:
    """Starts the stay and returns: livekit-agents waits for that before it tells a job to leave.

    The stay ends the job, and the job's end (its dispatch deleted, its worker ended) ends the stay.
    """
    leaving = asyncio.Event()
    stay = asyncio.create_task(_stay(context, leaving), name="stay")

    async def leave(reason: str) -> None:
        if not stay.done():
            _log.info("leaving: %s", reason)
        leaving.set()
        await asyncio.wait({stay}, timeout=LEAVES_WITHIN)
        stay.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):  # told where it happened
            await stay

    context.add_shutdown_callback(leave)
    stay.add_done_callback(lambda _: context.shutdown("the stay is over"))


async def _stay(context: JobContext, leaving: asyncio.Event) -> None:
    metadata = read_metadata(context.job.metadata)  # it was looked at before the job was accepted
    try:
        if metadata.linked:
            await _session(metadata, context.proc.userdata[_HOME], leaving)
        else:
            from bot.dispatched import take_part

            await take_part(metadata, context.job.room.name, leaving)
    except JoyVLError as error:
        _log.error("the stay failed: %s %s", error, error.hint)
    except Exception:
        _log.exception("the stay failed")


async def _session(metadata: JobMetadata, home: Home, leaving: asyncio.Event) -> None:
    """A session of the control plane's, which tells it over the link what to do."""
    from bot.job import LinkAddress, live_job

    if home.control is None:  # such a dispatch is not accepted
        raise AssertionError
    token = unseal(metadata.seal, metadata.session, metadata.start, home.control.token)
    # Where the order comes from is the worker's to know: an order may name programs to start.
    link = LinkAddress(
        url=home.control.base(), token=token, session=metadata.session, start=metadata.start, worker=home.worker
    )
    await live_job(link, leaving=leaving)
