"""Where workers connect: they report, are told to drain, and ask for sessions that others dispatched to them."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bot.link.worker_messages import (
    DEAD_AFTER,
    MAX_MESSAGE,
    PATH,
    Drain,
    FromWorker,
    StartRefused,
    StartWanted,
    ToWorker,
    WorkerGoodbye,
    WorkerHello,
    WorkerReport,
    read_from_worker,
)
from joyvl_core.errors import JoyVLError
from web_dashboard.fleet.pool import Pool

_NORMAL, _JUNK, _REFUSED, _LATER = 1000, 1003, 1008, 1013
_HELLO_WITHIN = 5.0
_SEND_WITHIN = 5.0
_MAX_ASKED = 16
"""Sessions that one worker asks for at the same time."""
_MAX_UNSENT = 2 * _MAX_ASKED

_log = logging.getLogger("joyvl.fleet")


class _Closed(Exception):  # noqa: N818 - no error: how a connection ends
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def pool_routes(pool: Pool) -> APIRouter:
    """The endpoint of the pool's workers: it asks for their token itself."""
    router = APIRouter()

    @router.websocket(PATH)
    async def link(socket: WebSocket) -> None:
        scheme, _, token = socket.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not pool.admits(token):
            await socket.close(_REFUSED)  # before it is accepted: HTTP 403
            return
        await socket.accept()
        code = _NORMAL
        try:
            await _serve(pool, socket)
        except _Closed as closed:
            code = closed.code
        except WebSocketDisconnect:
            pass
        except TimeoutError:
            code = _LATER
        finally:
            if socket.application_state is not WebSocketState.DISCONNECTED:
                with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
                    await socket.close(code)

    return router


async def _serve(pool: Pool, socket: WebSocket) -> None:
    hello = await _receive(socket, _HELLO_WITHIN)
    if not isinstance(hello, WorkerHello):
        raise _Closed(_JUNK)
    line = _Line(pool, hello)
    tell_drain = line.drain
    if not pool.joined(hello, tell_drain):
        raise _Closed(_LATER)
    _log.info("worker %s is connected: %s places", hello.worker, hello.slots)
    telling = asyncio.create_task(line.run(socket), name=f"worker link {hello.worker}")
    try:
        while True:
            message = await _receive(socket, DEAD_AFTER)
            if isinstance(message, WorkerReport):
                pool.reported(hello, message)
            elif isinstance(message, StartWanted):
                line.ask(message)
            elif isinstance(message, WorkerGoodbye):
                pool.ended(hello.worker)
                return
            else:
                raise _Closed(_JUNK)
    finally:
        pool.left(hello.worker, tell_drain)
        await line.settle()
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        _log.info("worker %s is not connected any more", hello.worker)


class _Line:
    """What one worker is told, and what it has asked for."""

    def __init__(self, pool: Pool, hello: WorkerHello) -> None:
        self._pool = pool
        self._hello = hello
        self._unsent: asyncio.Queue[ToWorker] = asyncio.Queue(_MAX_UNSENT)
        self._asked: set[asyncio.Task[None]] = set()

    def drain(self) -> None:
        self._send(Drain())

    def ask(self, wanted: StartWanted) -> None:
        """Answers later: reports go on meanwhile."""
        if len(self._asked) >= _MAX_ASKED:
            self._send(StartRefused(id=wanted.id, reason="Too many are asked for at once.", retryable=True))
            return
        task = asyncio.create_task(self._answer(wanted), name=f"start for {self._hello.worker}")
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def run(self, socket: WebSocket) -> None:
        """Sends, until it is cancelled or the socket breaks: whoever reads it notices, too."""
        with contextlib.suppress(Exception):
            while True:
                message = await self._unsent.get()
                async with asyncio.timeout(_SEND_WITHIN):
                    await socket.send_text(message.model_dump_json())

    async def settle(self) -> None:
        """Waits for what was begun: a session that is added is audited, too."""
        await asyncio.gather(*self._asked, return_exceptions=True)

    async def _answer(self, wanted: StartWanted) -> None:
        try:
            self._send(await self._pool.listeners.start(self._hello, wanted))
        except JoyVLError as error:
            _log.warning("worker %s gets no session for %r: %s", self._hello.worker, wanted.room[:80], error)
            refused = StartRefused(
                id=wanted.id, reason=str(error)[:1_000], hint=error.hint[:1_000], retryable=error.retryable
            )
            self._send(refused)
        except Exception:  # a mistake of ours: the line, and all others, go on
            _log.exception("a session could not be made for worker %s", self._hello.worker)
            self._send(StartRefused(id=wanted.id, reason="The control plane failed: its log tells more."))

    def _send(self, message: ToWorker) -> None:
        with contextlib.suppress(asyncio.QueueFull):  # the socket is stuck: reading it ends soon
            self._unsent.put_nowait(message)


async def _receive(socket: WebSocket, within: float) -> FromWorker:
    async with asyncio.timeout(within):
        message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", _NORMAL))
    text = message.get("text") or ""
    if len(text) > MAX_MESSAGE:
        raise _Closed(_JUNK)
    try:
        return read_from_worker(text)
    except ValidationError:
        raise _Closed(_JUNK) from None
