"""A worker: offers slots to a LiveKit server, and runs a job in a process of its own for each that is taken.

livekit-agents hands jobs out and runs their processes. It neither starts one again nor tells what became of it: the
control plane does, by the links.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import secrets
import socket
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from pydantic import SecretStr, ValidationError

from bot.link.sealing import unseal
from bot.link.worker_link import ControlAddress, WorkerLink
from bot.link.worker_messages import Held, JobMetadata, StartWanted, WorkerHello, WorkerReport, read_metadata
from bot.worker_job import LEAVES_WITHIN, PRELOADED, Home, prepare, run_job
from bot.worker_slots import Meter, Slots
from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError

if TYPE_CHECKING:
    from livekit.agents import AgentServer, JobRequest

AGENT = "joyvl"
"""The name that jobs are dispatched to."""
_INITIALIZED_WITHIN = 60.0  # a busy machine loads slowly
_LOOKS_EVERY = 0.25
_FULL_FOR_THE_SERVER = 0.65  # it offers nothing to a worker whose load is 0.7 or more
_GOODBYE_WITHIN = 1.5
_FOREVER = 1_000_000_000  # livekit-agents gives its server up after so many tries in a row

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """A worker.

    Attributes:
        url: The LiveKit server; `api_key` and `api_secret` are its key.
        slots: Most sessions at once.
        agent: The name that jobs are dispatched to.
        control: The control plane, if there is one.
        drains_within: Seconds that its sessions get, when it is to end, to be moved elsewhere or to end by themselves.
        id: What the control plane knows it by.
    """

    url: str
    api_key: str
    api_secret: SecretStr
    slots: int = 8
    agent: str = AGENT
    control: ControlAddress | None = None
    drains_within: float = 300.0
    id: str = field(default_factory=lambda: f"{socket.gethostname()[:60]}-{secrets.token_hex(2)}")


class Worker:
    """A worker's life: registered, drained, ended. Signals are the caller's.

    Args:
        options: What it is.

    Raises:
        UnavailableError: livekit-agents is not installed.
    """

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._server = _make_server(options)
        self._server.rtc_session(agent_name=options.agent, on_request=self._on_request)(run_job)
        self._draining = asyncio.Event()
        self._changed = asyncio.Event()
        self._registered = asyncio.Event()
        self._started = False
        self._link: WorkerLink | None = None
        self._meter = Meter()
        self.slots = Slots(options.slots, self._running, self._tell)
        if options.control:
            hello = WorkerHello(
                worker=options.id,
                host=socket.gethostname(),
                pid=os.getpid(),
                version=version("joyvl"),
                agent=options.agent,
                slots=options.slots,
            )
            self._link = WorkerLink(options.control, hello, self.report, self.drain)

    def drain(self) -> None:
        """Accepts nothing more, and ends once its slots are empty, or after `drains_within`."""
        if not self.slots.draining:
            _log.info("draining: %s sessions are in its slots", len(self.slots.taken()))
        self.slots.draining = True
        self._draining.set()
        self._tell()

    def report(self) -> WorkerReport:
        """What is so now."""
        taken = self.slots.taken()
        held = tuple(Held(session=each.session, start=each.start) for each in taken.values() if each.linked)
        cpu, rss = self._meter.now
        return WorkerReport(sessions=held, taken=len(taken), draining=self.slots.draining, cpu=cpu, rss=rss)

    async def run(self) -> None:
        """Works until it was drained, or is cancelled: then its sessions leave their rooms first.

        Raises:
            UnavailableError: The LiveKit server refuses it.
        """
        serving = asyncio.create_task(self._serve(), name="agent-server")
        watching = asyncio.create_task(self._watch(), name="worker-watch")
        drained = asyncio.create_task(self._drained(), name="worker-drained")
        link = asyncio.create_task(self._report_to(self._link), name="worker-link") if self._link else None
        needed = [serving, watching, drained, *([link] if link else [])]
        try:
            done, _ = await asyncio.wait(needed, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _cancelled(drained, watching)
            if self._started:
                await self._server.aclose()  # its jobs leave their rooms
            await _cancelled(serving)
            if self._link and link:
                self._link.end()
                await asyncio.wait([link], timeout=_GOODBYE_WITHIN)
                await _cancelled(link)

    async def _serve(self) -> None:
        self._server.once("worker_started", self._on_started)
        self._server.once("worker_registered", lambda *_: self._registered.set())
        try:
            await self._server.run(devmode=False)
        except Exception as error:  # it raises plain ones
            raise UnavailableError(
                f"The worker ended: {str(error)[:300] or type(error).__name__}",
                source="worker",
                kind="server",
                hint="Look at LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
                retryable=True,
            ) from error

    async def _report_to(self, link: WorkerLink) -> None:
        # What is dispatched before the LiveKit server knows the worker is lost: nobody hears of its slots until then.
        await self._registered.wait()
        await link.run()

    async def _on_request(self, request: JobRequest) -> None:
        try:
            metadata = self._read(request.job.metadata)
            if self.slots.free() < 1:
                await request.reject(terminate=False)
                return
            with self.slots.accepting(request.id, metadata) as becomes:
                if metadata.profile is not None:
                    becomes(metadata := await self._session(request, metadata, metadata.profile))
                await request.accept(identity=f"joyvl-{metadata.session}" if metadata.session else "")
        except JoyVLError as error:
            _log.error("a dispatch to %r is refused: %s %s", request.room.name, error, error.hint)
            await request.reject(terminate=not error.retryable)  # whether another worker could do better

    async def _session(self, request: JobRequest, given: JobMetadata, profile: int) -> JobMetadata:
        """Has the control plane make a session of a dispatch that names a profile; the job is that session then."""
        if self._link is None:
            raise _alone("It names a profile: profiles are the control plane's, and this worker has none.")
        wanted = StartWanted(
            id=request.id,
            room=request.room.name,
            dispatch=request.job.dispatch_id,
            profile=profile,
            instructions=given.instructions,
            overrides=given.overrides,
        )
        made = await self._link.start(wanted)
        metadata = JobMetadata(session=made.session, start=made.start, seal=made.seal)
        # What the job's process reads is this message; the dispatch stays at the LiveKit server as it was made.
        request.job.metadata = metadata.model_dump_json(exclude_defaults=True)
        return metadata

    def _read(self, text: str) -> JobMetadata:
        try:
            metadata = read_metadata(text)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise BadInputError(
                f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip(),
                source="worker",
                kind="metadata",
                hint="Look at the metadata of the dispatch.",
            ) from None  # the original quotes what was given
        if metadata.linked:
            control = self._options.control
            if control is None:
                raise _alone("It is a control plane's session, and this worker has no control plane.")
            unseal(metadata.seal, metadata.session, metadata.start, control.token)
        return metadata

    async def _drained(self) -> None:
        await self._draining.wait()
        # Tells the LiveKit server, which offers nothing to it then; it waits for the jobs as long as it is let.
        telling = asyncio.create_task(self._server.drain(timeout=None), name="agent-server-drain")
        try:
            async with asyncio.timeout(self._options.drains_within):
                while self.slots.taken():
                    await self._changed.wait()
        except TimeoutError:
            _log.warning("%s sessions leave: they were not moved in time", len(self.slots.taken()))
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _watch(self) -> None:
        """Notices jobs that have ended, and what all of it takes."""
        before: set[str] = set()
        while True:
            await asyncio.sleep(_LOOKS_EVERY)
            if (now := set(self.slots.taken())) != before:
                before = now
                self._tell()
                self._changed.set()
            self._changed.clear()
            await self._meter.look()

    def _running(self) -> list[str]:
        return [info.job.id for info in self._server.active_jobs] if self._started else []

    def _on_started(self) -> None:
        self._started = True
        _log.info("worker %s: %s slots for %r", self._options.id, self._options.slots, self._options.agent)

    def _tell(self) -> None:
        if self._link:
            self._link.changed()


def _alone(why: str) -> BadInputError:
    return BadInputError(why, source="worker", kind="no_control", hint="Start the worker with --control.")


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _make_server(options: WorkerOptions) -> AgentServer:
    # Its models of speech, loaded once more in each process, would be most of the worker's memory.
    os.environ.setdefault("LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE", "0")
    try:
        from livekit.agents import AgentServer, JobExecutorType
    except ImportError as error:
        raise UnavailableError(
            "Workers need livekit-agents, which is not installed.",
            source="worker",
            kind="missing_extra",
            hint='Install it: pip install "joyvl[worker]"',
        ) from error

    return AgentServer(
        job_executor_type=JobExecutorType.PROCESS,
        ws_url=options.url,
        api_key=options.api_key,
        api_secret=options.api_secret.get_secret_value(),
        # The server's own choice by load loses jobs in a burst: admission is by slots alone.
        load_fnc=partial(_load, options.slots),
        load_threshold=math.inf,
        num_idle_processes=1,
        setup_fnc=partial(prepare, home=Home(options.id, options.control)),
        preload_modules=list(PRELOADED),
        initialize_process_timeout=_INITIALIZED_WITHIN,
        shutdown_process_timeout=LEAVES_WITHIN + 2.0,
        job_memory_warn_mb=4_000,
        max_retry=_FOREVER,
        # Its page of health: on no fixed port, and for this machine alone.
        host="127.0.0.1",
        port=0,
    )


def _load(slots: int, server: AgentServer) -> float:
    """The share of slots that are taken, scaled: full is 1, and everything else below what the server calls full."""
    taken = len(server.active_jobs)
    return 1.0 if taken >= slots else _FULL_FOR_THE_SERVER * taken / slots
