"""Where workers connect: they report, and are told to drain."""

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
    WorkerGoodbye,
    WorkerHello,
    WorkerReport,
    read_from_worker,
)
from web_dashboard.fleet.pool import Pool

_NORMAL, _JUNK, _REFUSED, _LATER = 1000, 1003, 1008, 1013
_HELLO_WITHIN = 5.0
_SEND_WITHIN = 5.0

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
    draining = asyncio.Event()
    tell_drain = draining.set
    if not pool.joined(hello, tell_drain):
        raise _Closed(_LATER)
    _log.info("worker %s is connected: %s places", hello.worker, hello.slots)
    telling = asyncio.create_task(_tell(socket, draining), name=f"worker link {hello.worker}")
    try:
        while True:
            message = await _receive(socket, DEAD_AFTER)
            if isinstance(message, WorkerReport):
                pool.reported(hello, message)
            elif isinstance(message, WorkerGoodbye):
                pool.ended(hello.worker)
                return
            else:
                raise _Closed(_JUNK)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        pool.left(hello.worker, tell_drain)
        _log.info("worker %s is not connected any more", hello.worker)


async def _tell(socket: WebSocket, draining: asyncio.Event) -> None:
    await draining.wait()
    with contextlib.suppress(Exception):  # the socket broke: whoever reads it notices, too
        async with asyncio.timeout(_SEND_WITHIN):
            await socket.send_text(Drain().model_dump_json())


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
