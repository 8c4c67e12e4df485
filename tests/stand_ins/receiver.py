"""An HTTP server on loopback that answers as it is told, and remembers what it was sent.

    with receiver() as server:
        server.answers = [Answer(503, {"retry-after": "7"}), Answer(200)]
        ... post to server.url ...
        assert server.seen[0].body

The last answer is given again and again.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """`hold`: it is given only once the receiver is released."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hold: bool = False


@dataclass(frozen=True)
class Posted:
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class Receiver:
    """What a test holds of the server."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [Answer()]
        self.seen: list[Posted] = []
        self.released = threading.Event()
        self.arrived = threading.Event()
        self._lock = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/in"

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, posted: Posted) -> Answer:
        with self._lock:
            self.seen.append(posted)
            self._lock.notify_all()
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.arrived.set()
        if answer.hold:
            self.released.wait(20)
        return answer

    def wait_for(self, count: int, within: float = 20.0) -> None:
        """Returns once so many requests have come."""
        with self._lock:
            assert self._lock.wait_for(lambda: len(self.seen) >= count, within), f"{len(self.seen)} requests came"

    @contextlib.contextmanager
    def running(self) -> Iterator[Receiver]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.released.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = owner.take(Posted(self.command, self.path, headers, self.rfile.read(length)))
                with contextlib.suppress(OSError):  # whoever asked may have gone
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)

            do_GET = do_POST = answer  # noqa: N815 - names that the server calls

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
                return

        return Handler


@contextlib.contextmanager
def receiver(*answers: Answer) -> Iterator[Receiver]:
    """A server that runs for the block."""
    made = Receiver()
    if answers:
        made.answers = list(answers)
    with made.running():
        yield made
