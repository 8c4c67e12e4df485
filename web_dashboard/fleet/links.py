"""Where the sessions' processes connect: each is known by the token of its start, and by nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import TYPE_CHECKING

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bot.link import frames
from bot.link.messages import (
    MAX_MESSAGE,
    PATH,
    Begun,
    Dismissed,
    Happened,
    Heartbeat,
    Hello,
    Over,
    Reply,
    Upward,
    Welcome,
    read_upward,
)
from joyvl_core.errors import JoyVLError
from web_dashboard.fleet import jobs
from web_dashboard.fleet.connection import SLOW, Connection
from web_dashboard.fleet.hub import Live
from web_dashboard.fleet.jobs import Job
from web_dashboard.fleet.states import PLACED, State

if TYPE_CHECKING:
    from web_dashboard.fleet.fleet import Fleet

HELLO_WITHIN = 5.0
"""Seconds in which a connection must have said hello."""
_NORMAL, _JUNK, _TOO_BIG = 1000, 1003, 1009
_MAX_UNKNOWN = 64
"""Connections that have not said hello at the same time."""


class JunkError(ValueError):
    """What came is no message."""

    def __init__(self, code: int = _JUNK) -> None:
        super().__init__("what came is no message")
        self.code = code


def link_routes(fleet: Fleet) -> APIRouter:
    """The endpoint of the sessions' processes."""
    router = APIRouter()
    door = asyncio.Semaphore(_MAX_UNKNOWN)

    @router.websocket(PATH)
    async def link(socket: WebSocket) -> None:
        await socket.accept()
        code = SLOW
        try:
            async with door:
                hello = await _hello(socket)
                found = await _admit(fleet, socket, hello)
            if isinstance(found, int):
                code = found
            else:
                code = await _serve(fleet, socket, hello, *found)
        except JunkError as error:
            fleet.counts.junk += 1
            code = error.code
        except (WebSocketDisconnect, TimeoutError):
            code = _NORMAL
        except JoyVLError:  # the database, for now: the process tries again
            code = SLOW
        finally:
            if socket.application_state is not WebSocketState.DISCONNECTED:
                with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
                    await socket.close(code)

    return router


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


async def _hello(socket: WebSocket) -> Hello:
    async with asyncio.timeout(HELLO_WITHIN):
        text = await _receive(socket)
    message = _read(text) if isinstance(text, str) else None
    if not isinstance(message, Hello):
        raise JunkError
    return message


async def _admit(fleet: Fleet, socket: WebSocket, hello: Hello) -> tuple[Job, Live] | int:
    """The job that the process belongs to; else the code to close with."""
    if fleet.standby:
        return SLOW
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    job = await jobs.by_token(fleet.database, digest(token)) if scheme.lower() == "bearer" and token else None
    live = None
    if job is not None and job.id == hello.session and job.start == hello.start and job.state in PLACED:
        # One that has not begun has nothing to stop: it is sent away.
        live = fleet.admit(job) if hello.epoch is not None or job.state is State.STARTING else None
    if job is None or live is None:
        fleet.counts.dismissed += 1
        await socket.send_text(Dismissed(reason="not_wanted").model_dump_json())
        return _NORMAL
    return job, live


async def _serve(fleet: Fleet, socket: WebSocket, hello: Hello, job: Job, live: Live) -> int:
    """Serves a link to its end; returns the code to close with."""
    connection = Connection(socket)
    if hello.epoch is None:
        try:
            connection.send(await fleet.order(job.id))
        except JoyVLError as error:
            fleet.refused(live, error)
            await socket.send_text(Dismissed(reason=error.kind[:200]).model_dump_json())
            return _NORMAL
    else:
        connection.send(Welcome())
    if fleet.admit(job) is None:  # it was given up while its order was made
        return _NORMAL
    fleet.linked(live, connection, hello)
    tasks = [
        asyncio.create_task(_listen(fleet, socket, live, connection), name=f"link {live.session}"),
        asyncio.create_task(connection.run(), name=f"link {live.session}, sending"),
        asyncio.create_task(connection.closed.wait(), name=f"link {live.session}, end"),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return connection.code if connection.closed.is_set() else _NORMAL
    finally:
        connection.close(_NORMAL)
        fleet.unlinked(live, connection)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await connection.flush()


async def _listen(fleet: Fleet, socket: WebSocket, live: Live, connection: Connection) -> None:
    while True:
        data = await _receive(socket)
        if live.connection is not connection:
            return
        fleet.heard(live)
        if isinstance(data, str):
            _take(fleet, live, connection, _read(data))
        else:
            _show(live, data)


def _take(fleet: Fleet, live: Live, connection: Connection, message: Upward) -> None:
    match message:
        case Happened():
            fleet.happened(live, message.event)
        case Heartbeat():
            live.heartbeat = message
        case Reply():
            connection.replied(message)
        case Begun():
            fleet.begun(live, message)
        case Over():
            live.over = message
            fleet.wake()
        case Hello():
            raise JunkError


def _show(live: Live, data: bytes) -> None:
    try:
        frame = frames.unpack(data)
    except ValueError:
        raise JunkError from None
    if isinstance(frame, frames.LivePicture):
        live.saw(frame)
    else:
        live.heard_sound(frame)


async def _receive(socket: WebSocket) -> str | bytes:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", _NORMAL))
    data: str | bytes = message.get("text") or message.get("bytes") or ""
    if len(data) > MAX_MESSAGE:
        raise JunkError(_TOO_BIG)
    return data


def _read(text: str) -> Upward:
    try:
        return read_upward(text)
    except ValidationError:
        raise JunkError from None
