"""Services that delegates talk to, on loopback: their real wire formats, and all that may go wrong with them.

    with DelegateServer("openai") as server:
        server.behaviour = Behaviour.SLOW
        ... ask at server.url ...
        assert server.seen[-1].pictures

A server runs in a thread, so it serves any loop. What it does can be changed between requests and is safe to set
from a test in a room as well.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import uvicorn

Dialect = Literal["openai", "anthropic", "webhook", "mcp"]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Behaviour(StrEnum):
    """What a server does with a question."""

    GOOD = "good"
    SLOW = "slow"
    """Good, after `seconds`; the webhook and the MCP tool tell of progress on the way."""
    HANGING = "hanging"
    """Takes the question and never answers."""
    UNAUTHORIZED = "unauthorized"
    BUSY = "busy"
    """429 with Retry-After for the first `refusals` requests, then good."""
    FAILING = "failing"
    """500 for the first `refusals` requests, then good."""
    HTML = "html"
    HALF = "half"
    """The answer stops in the middle, and the response ends as if it were whole."""
    BROKEN_OFF = "broken off"
    """The answer stops in the middle, and the connection ends."""
    GARBLED = "garbled"
    HUGE = "huge"
    """An answer without end."""
    REDIRECT = "redirect"


@dataclass(slots=True)
class Seen:
    """A request, as the server understood it."""

    path: str
    headers: dict[str, str]
    raw: bytes
    question: str = ""
    pictures: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class DelegateServer:
    """One service on a free port of 127.0.0.1; with TLS where it is given a file with a key and a certificate.

    Attributes:
        behaviour: What it does from now on.
        text: The good answer.
        seconds: How long SLOW takes.
        refusals: How many requests BUSY and FAILING turn away.
        retry_after: What BUSY asks for, in seconds.
        usage: Tokens in and out that it reports; None reports none.
        seen: The questions so far, oldest first. An MCP server's other requests are not among them.
        asked: Set once a request has come.
        gone: Set once a client hung up in the middle of an answer.
    """

    def __init__(
        self,
        dialect: Dialect,
        behaviour: Behaviour = Behaviour.GOOD,
        *,
        text: str = "A red car.",
        certificate: Path | None = None,
    ) -> None:
        self.dialect = dialect
        self.port = 0
        self._certificate = certificate
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.reset(behaviour, text=text)

    def reset(self, behaviour: Behaviour = Behaviour.GOOD, *, text: str = "A red car.") -> None:
        """As if nobody had asked yet."""
        self.behaviour = behaviour
        self.text = text
        self.seconds = 0.3
        self.refusals = 1
        self.retry_after = "0.1"
        self.usage: tuple[int, int] | None = (1_200, 40)
        self.seen: list[Seen] = []
        self.asked = threading.Event()
        self.gone = threading.Event()

    @property
    def url(self) -> str:
        """What a delegate of its dialect is given."""
        paths = {"openai": "/v1", "anthropic": "", "webhook": "/ask", "mcp": "/mcp"}
        return f"http://127.0.0.1:{self.port}{paths[self.dialect]}"

    def __enter__(self) -> DelegateServer:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        app: Any = _App(self)
        if self.dialect == "mcp":
            from tests.stand_ins.mcp_server import mcp_app  # it takes a second to import

            app = mcp_app(self)
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1, ssl_certfile=self._certificate)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name=f"{self.dialect} server"
        )
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(10)

    def turns_away(self) -> bool:
        """Whether this request is one of those that BUSY and FAILING refuse."""
        self.refusals -= 1
        return self.refusals >= 0


class _App:
    """The services that are one request and one response."""

    def __init__(self, server: DelegateServer) -> None:
        self._server = server
        self._polls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        seen = Seen(scope["path"], _headers(scope), await read(receive))
        if scope["method"] == "POST":
            _READ[self._server.dialect](seen)
            self._server.seen.append(seen)
        answering = asyncio.ensure_future(self._answer(scope, send, seen))
        await until_gone(answering, receive, self._server)

    async def _answer(self, scope: Scope, send: Send, seen: Seen) -> None:
        server = self._server
        if await refused(server, send):
            return
        if server.dialect == "webhook":
            await self._webhook(scope, send)
            return
        if server.behaviour is Behaviour.SLOW:
            await asyncio.sleep(server.seconds)
        await start(send, 200, {"content-type": "text/event-stream"})
        for event in self._events():
            await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
        if server.behaviour is Behaviour.BROKEN_OFF:
            raise ConnectionError("broken off")
        await send({"type": "http.response.body", "body": b""})

    def _events(self) -> Iterator[str]:
        server = self._server
        words = [word + " " for word in server.text.split(" ")]
        if server.behaviour is Behaviour.HUGE:
            words = ["word " * 20_000] * 400
        head, tail = _STREAMS[server.dialect](server.usage)
        delta = _DELTAS[server.dialect]
        half = server.behaviour in {Behaviour.HALF, Behaviour.BROKEN_OFF}
        if server.behaviour is Behaviour.GARBLED:
            yield 'event: message_start\ndata: {"type": "message_start", "choices": \n\n'
            return
        yield from head
        for word in words[: max(1, len(words) // 2)] if half else words:
            yield delta(word)
        if not half:
            yield from tail

    async def _webhook(self, scope: Scope, send: Send) -> None:
        server = self._server
        if server.behaviour is Behaviour.SLOW:
            self._polls = 0 if scope["method"] == "POST" else self._polls + 1
            if self._polls < 3:
                said = {"status": "/status/1", "progress": f"step {self._polls + 1} of 3", "after": server.seconds / 3}
                await _json(send, 202, said)
                return
        content: dict[str, Any] = {"text": server.text}
        if server.usage is not None:
            content |= {"tokens": sum(server.usage), "cost": 0.25}
        if server.behaviour is Behaviour.HUGE:
            content["text"] = "word " * 2_000_000
        raw = json.dumps(content).encode()
        if server.behaviour is Behaviour.GARBLED:
            raw = b'{"text": 17, "tokens": -4'
        half = server.behaviour in {Behaviour.HALF, Behaviour.BROKEN_OFF}
        await start(send, 200, {"content-type": "application/json"})
        await send({"type": "http.response.body", "body": raw[: len(raw) // 2] if half else raw, "more_body": True})
        if server.behaviour is Behaviour.BROKEN_OFF:
            raise ConnectionError("broken off")
        await send({"type": "http.response.body", "body": b""})


# --- what all have in common ----------------------------------------------------------------


async def refused(server: DelegateServer, send: Send) -> bool:
    """Answers what needs no question: True when it did."""
    server.asked.set()
    match server.behaviour:
        case Behaviour.HANGING:
            await asyncio.sleep(3_600)
        case Behaviour.UNAUTHORIZED:
            # A careless service quotes the key.
            await _json(send, 401, {"error": {"message": "wrong key: sk-very-secret", "type": "auth"}})
            return True
        case Behaviour.BUSY if server.turns_away():
            await _json(send, 429, {"error": {"message": "slow down"}}, {"retry-after": server.retry_after})
            return True
        case Behaviour.FAILING if server.turns_away():
            await _json(send, 500, {"error": {"message": "out of order"}})
            return True
        case Behaviour.HTML:
            await start(send, 200, {"content-type": "text/html"})
            await send({"type": "http.response.body", "body": b"<html><body>It works!</body></html>"})
            return True
        case Behaviour.REDIRECT:
            await start(send, 307, {"location": "http://127.0.0.1:9/elsewhere"})
            await send({"type": "http.response.body", "body": b""})
            return True
        case _:
            pass
    return False


async def until_gone(answering: asyncio.Future[Any], receive: Receive, server: DelegateServer) -> None:
    """Answers, or gives up when the client has hung up."""
    leaving = asyncio.ensure_future(receive())
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            server.gone.set()
            answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
        if not answering.cancelled() and (error := answering.exception()) is not None:
            raise error  # the server ends the connection without an end of the response
    finally:
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode().lower(): value.decode() for name, value in scope["headers"]}


async def start(send: Send, status: int, headers: dict[str, str]) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _json(send: Send, status: int, content: object, headers: dict[str, str] | None = None) -> None:
    await start(send, status, {"content-type": "application/json", **(headers or {})})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


# --- the dialects ---------------------------------------------------------------------------


def _read_openai(seen: Seen) -> None:
    for part in seen.body["messages"][-1]["content"]:
        if part["type"] == "text":
            seen.question = part["text"]
        else:
            seen.pictures.append(base64.b64decode(part["image_url"]["url"].partition("base64,")[2]))


def _read_anthropic(seen: Seen) -> None:
    for part in seen.body["messages"][-1]["content"]:
        if part["type"] == "text":
            seen.question = part["text"]
        else:
            seen.pictures.append(base64.b64decode(part["source"]["data"]))


def _read_webhook(seen: Seen) -> None:
    seen.question = seen.body["question"]
    seen.pictures = [base64.b64decode(picture) for picture in seen.body["pictures"]]


_READ = {"openai": _read_openai, "anthropic": _read_anthropic, "webhook": _read_webhook}


def _chunk(**fields: Any) -> str:
    fixed = {"id": "c1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "eye"}
    return f"data: {json.dumps({**fixed, **fields})}\n\n"


def _openai_delta(text: str) -> str:
    return _chunk(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}])


def _openai_stream(usage: tuple[int, int] | None) -> tuple[list[str], list[str]]:
    head = [_chunk(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])]
    tail = [_chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])]
    if usage is not None:
        counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
        tail.append(_chunk(choices=[], usage=counted))
    return head, [*tail, "data: [DONE]\n\n"]


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


def _anthropic_delta(text: str) -> str:
    return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def _anthropic_stream(usage: tuple[int, int] | None) -> tuple[list[str], list[str]]:
    tokens_in, tokens_out = usage or (0, 0)
    message = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "eye",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": tokens_in, "output_tokens": 1},
    }
    head = [
        _event("message_start", message=message),
        _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        _event("ping"),
    ]
    tail = [
        _event("content_block_stop", index=0),
        _event(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": tokens_out},
        ),
        _event("message_stop"),
    ]
    return head, tail


_STREAMS = {"openai": _openai_stream, "anthropic": _anthropic_stream}
_DELTAS = {"openai": _openai_delta, "anthropic": _anthropic_delta}


@contextlib.contextmanager
def served(dialect: Dialect, behaviour: Behaviour = Behaviour.GOOD, **settings: Any) -> Iterator[DelegateServer]:
    """A server with some of its attributes set."""
    with DelegateServer(dialect, behaviour) as server:
        for name, value in settings.items():
            setattr(server, name, value)
        yield server
