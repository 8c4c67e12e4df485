"""What a served model costs its client: time and bytes of each turn, against sending every picture with every turn.

    python -m tests.bench client

Three ways: the codec with pictures sent once (a server that knows them by name, as vLLM does), the codec on a server
that wants all pictures of the chunk each time, and every picture whole each time, as the released system sends them.
Making the JPEG, writing the request down, and sending it are timed by themselves; who receives is another process.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import cv2

from joyvl_core.codec import I_BYTES, P_BYTES, encode_jpeg
from joyvl_core.media import Frame
from joyvl_core.models.chat_completions.chunk import Chunk, Shot, Turn
from joyvl_core.models.chat_completions.client import ChatClient
from joyvl_core.models.chat_completions.prompts import load_prompts
from joyvl_core.models.chat_completions.wording import marker
from joyvl_core.observation import FrameKind
from tests.bench.bench_codec import CARS, CLIPS
from tests.bench.shown import POLICIES, Second, shown
from tests.clips import sampled

TURNS = 100
TOLD_AT = (1, 10, 50, 100)
FIELDS = b'{"model":"x","stream":true,"messages":'
SILENCE = b'data: {"choices":[{"delta":{"content":"</silence>"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(SILENCE) + SILENCE


@dataclass(frozen=True)
class Way:
    """How turns are sent. `policy`: of the pictures. `names`: the server knows pictures by name."""

    name: str
    policy: str
    names: bool


WAYS = (
    Way("codec, pictures sent once", "codec", names=True),
    Way("codec, pictures every time", "codec", names=False),
    Way("whole pictures every time", "dense", names=False),
)


@dataclass
class Cost:
    """Of each turn, in milliseconds and bytes."""

    encode: list[float] = field(default_factory=list)
    write: list[float] = field(default_factory=list)
    send: list[float] = field(default_factory=list)
    size: list[int] = field(default_factory=list)


async def measured(way: Way, seconds: Iterable[Second], url: str) -> Cost:
    """Sends a chunk of turns, one a second of the clip."""
    cost, client = Cost(), ChatClient(url, model="x")
    chunk = Chunk(load_prompts("joyvl", "en").system, "Count the cars", names=way.names)
    for n, second in enumerate(seconds):
        began = time.perf_counter()
        shots: tuple[Shot, ...] = ()
        if second.picture is not None:
            most = P_BYTES if second.kind is FrameKind.P else I_BYTES
            shots = (Shot(f"bench-{n}", "cam", encode_jpeg(second.picture, most_bytes=most), 0),)
        encoded = time.perf_counter()
        turn = Turn(n, marker(n), shots)
        body = FIELDS + chunk.messages(turn) + b"}"
        written = time.perf_counter()
        async for _ in client.stream(body, deadline=60.0):
            pass
        sent = time.perf_counter()
        turn.answer = "</silence>"
        chunk.add(turn, None)
        cost.encode.append((encoded - began) * 1e3)
        cost.write.append((written - encoded) * 1e3)
        cost.send.append((sent - written) * 1e3)
        cost.size.append(len(body))
    await client.aclose()
    return cost


@contextmanager
def receiver() -> Iterator[str]:
    """A process that takes requests and answers each with silence; yields its address."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_receive, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/v1"
    finally:
        process.terminate()
        process.join()


def _receive(report: Connection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        report.send(listening.getsockname()[1])
        while True:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                _serve(connection)


def _serve(connection: socket.socket) -> None:
    waiting = b""
    while True:
        while b"\r\n\r\n" not in waiting:
            if not (piece := connection.recv(1 << 20)):
                return
            waiting += piece
        head, _, waiting = waiting.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        left = size - len(waiting)
        while left > 0:
            left -= len(connection.recv(1 << 20))
        waiting = b""
        connection.sendall(ANSWER)


def row(name: str, way: Way, cost: Cost) -> str:
    """One way of sending one clip."""
    at = [cost.size[min(n, len(cost.size)) - 1] for n in TOLD_AT]
    last = [statistics.fmean(times[-20:]) for times in (cost.encode, cost.write, cost.send)]
    kilobytes = " | ".join(f"{size / 1e3:,.1f}" for size in at)
    times = " | ".join(f"{ms:.1f}" for ms in (*last, sum(last)))
    return f"| {name} | {way.name} | {kilobytes} | {max(cost.size) / 1e3:,.1f} | {times} |"


def clip_table(name: str, frames: Iterable[Frame], turns: int = TURNS) -> list[str]:
    """A clip, again from its beginning until there are enough turns, sent in every way."""
    taken = list(frames)
    rows = []
    with receiver() as url:
        for way in WAYS:
            seconds = [second for _, second in zip(range(turns), _again(taken, way.policy), strict=False)]
            rows.append(row(name, way, asyncio.run(measured(way, seconds, url))))
    return rows


def _again(frames: list[Frame], policy: str) -> Iterator[Second]:
    length = frames[-1].t + 1.0
    looped = (Frame(frame.track, frame.picture, frame.t + n * length) for n in range(TURNS) for frame in frames)
    return shown(looped, POLICIES[policy])


def main() -> None:
    cv2.setNumThreads(1)
    print("| clip | way | KB at turn 1 | 10 | 50 | 100 | most | encode, ms | write | send | together |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, source in CLIPS.items():
        if name.startswith("cars") and not CARS.is_file():
            continue
        for line in clip_table(name, sampled(source(), 1.0)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
