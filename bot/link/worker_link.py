"""A worker's link to the control plane: it reports, is told to drain, and asks for sessions that others dispatched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr, ValidationError

from bot.link.worker_messages import (
    MAX_MESSAGE,
    PATH,
    REPORT_EVERY,
    Drain,
    StartMade,
    StartRefused,
    StartWanted,
    WorkerGoodbye,
    WorkerHello,
    WorkerReport,
    read_to_worker,
)
from joyvl_core.errors import BadInputError, UnavailableError

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_BACK_OFF = (0.2, 0.5, 1.0, 2.0)
_OPEN_WITHIN = 5.0
_SEND_WITHIN = 5.0
_ANSWERED_WITHIN = 5.0  # the LiveKit server waits ten seconds for the worker's own answer
_REFUSED_AGAIN_AFTER = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ControlAddress:
    """Where the control plane is, `http(s)://` or `ws(s)://`, and the token that workers show it.

    Raises:
        BadInputError: It is no such address, or the token is missing.
    """

    url: str
    token: SecretStr

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            fits = parts.scheme in {"ws", "wss", "http", "https"} and bool(parts.hostname)
        except ValueError:
            fits = False
        if not fits:
            raise BadInputError(
                f"not an address of a control plane: {self.url!r}",
                source="worker",
                kind="bad_url",
                hint="Give it as https://host or http://host:port (--control, JOYVL_WORKER_CONTROL).",
            )
        if not self.token.get_secret_value():
            raise BadInputError(
                "The control plane lets nobody in without a token.",
                source="worker",
                kind="no_token",
                hint="Set JOYVL_WORKER_TOKEN; the dashboard's system page shows how to get one.",
            )

    def base(self) -> str:
        """The address for WebSockets, without a path of theirs."""
        parts = urlsplit(self.url)
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


class WorkerLink:
    """Keeps a connection to the control plane, and makes it again whenever it is lost.

    Args:
        address: Where to.
        hello: What the worker says of itself on every connection.
        report: Tells what is so now.
        on_drain: The control plane wants the worker to accept nothing more.
    """

    def __init__(
        self,
        address: ControlAddress,
        hello: WorkerHello,
        report: Callable[[], WorkerReport],
        on_drain: Callable[[], None],
    ) -> None:
        self._address = address
        self._hello = hello
        self._report = report
        self._on_drain = on_drain
        self._changed = asyncio.Event()
        self._ending = asyncio.Event()
        self._socket: ClientConnection | None = None
        self._asked: dict[str, asyncio.Future[StartMade]] = {}

    def changed(self) -> None:
        """Reports at once: a slot was taken or given back."""
        self._changed.set()

    def end(self) -> None:
        """Makes `run` say goodbye and return."""
        self._ending.set()
        self._changed.set()

    async def start(self, wanted: StartWanted) -> StartMade:
        """Asks for a session, and waits for the answer.

        Raises:
            BadInputError: The control plane refuses it.
            UnavailableError: It can't tell, or is not on the line.
        """
        from websockets.exceptions import ConnectionClosed

        if self._socket is None:
            raise _no_answer("is not on the line")
        answer = asyncio.get_running_loop().create_future()
        self._asked[wanted.id] = answer
        try:
            async with asyncio.timeout(_ANSWERED_WITHIN):
                await self._socket.send(wanted.model_dump_json())
                return await answer
        except (TimeoutError, ConnectionClosed):
            raise _no_answer("does not answer") from None
        finally:
            del self._asked[wanted.id]

    async def run(self) -> None:
        """Reports until `end` is called."""
        from websockets.exceptions import InvalidStatus, WebSocketException

        attempt = 0
        told = ""
        while not self._ending.is_set():
            wait = _BACK_OFF[min(attempt, len(_BACK_OFF) - 1)]
            began = asyncio.get_running_loop().time()
            trouble = "it closes the connection"
            try:
                await self._connected()
            except InvalidStatus as refusal:
                trouble, wait = f"it refuses this worker (HTTP {refusal.response.status_code})", _REFUSED_AGAIN_AFTER
            except (OSError, TimeoutError, WebSocketException) as error:
                trouble = str(error) or type(error).__name__
            if asyncio.get_running_loop().time() - began > REPORT_EVERY:
                attempt, told = 0, ""
            if trouble != told and not self._ending.is_set():  # once, however often it is tried
                _log.warning("no link to the control plane: %s; sessions go on without it", trouble[:200])
                told = trouble
            attempt += 1
            await _happens(self._ending, wait)

    async def _connected(self) -> None:
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed

        headers = {"Authorization": f"Bearer {self._address.token.get_secret_value()}"}
        async with connect(
            self._address.base() + PATH,
            additional_headers=headers,
            max_size=MAX_MESSAGE,
            open_timeout=_OPEN_WITHIN,
            close_timeout=1.0,
            proxy=None,
        ) as socket:
            await socket.send(self._hello.model_dump_json())
            self._socket = socket
            reading = asyncio.create_task(self._read(socket), name="worker-link-read")
            try:
                while not self._ending.is_set() and not reading.done():
                    self._changed.clear()
                    await asyncio.wait_for(socket.send(self._report().model_dump_json()), _SEND_WITHIN)
                    await _happens(self._changed, REPORT_EVERY)
                if self._ending.is_set():
                    await asyncio.wait_for(socket.send(WorkerGoodbye().model_dump_json()), 1.0)
            except ConnectionClosed as closed:
                _log.info("the link to the control plane has closed: %s", closed)
            finally:
                self._socket = None
                for answer in self._asked.values():
                    if not answer.done():
                        answer.set_exception(_no_answer("has closed the connection"))
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, socket: ClientConnection) -> None:
        async for text in socket:
            try:
                message = read_to_worker(text)
            except ValidationError:
                _log.info("a message from the control plane that this version does not know")
                continue
            if isinstance(message, Drain):
                self._on_drain()
            else:
                self._answered(message)
        self._changed.set()  # the connection is gone: no need to wait for the next report

    def _answered(self, message: StartMade | StartRefused) -> None:
        answer = self._asked.get(message.id)
        if answer is None or answer.done():
            return  # it came too late
        if isinstance(message, StartMade):
            answer.set_result(message)
            return
        refusal = UnavailableError if message.retryable else BadInputError
        answer.set_exception(
            refusal(message.reason, source="worker", kind="refused", hint=message.hint, retryable=message.retryable)
        )


def _no_answer(why: str) -> UnavailableError:
    return UnavailableError(
        f"The control plane {why}.",
        source="worker",
        kind="no_control",
        hint="Look whether it runs, and at the address that --control gives.",
        retryable=True,
    )


async def _happens(event: asyncio.Event, within: float) -> None:
    try:
        async with asyncio.timeout(within):
            await event.wait()
    except TimeoutError:
        return
