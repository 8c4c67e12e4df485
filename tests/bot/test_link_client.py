"""The session's end of a link, against a real WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from bot.link.client import WAITING, Link, LinkAddress, Patience
from bot.link.frames import LivePicture, LiveSound
from bot.link.messages import Dismissed, Happened, Heartbeat, Hello, Order, Over, StreamTarget, Welcome
from joyvl_core.errors import BadInputError, UnavailableError
from tests.e2e.livekit_people import until
from tests.stand_ins.control_plane import TOKEN, ControlPlane, control_plane

ORDER = Order(session="s", target=StreamTarget(source="a.mp4"))
QUICK = Patience(first=5.0, orphaned=5.0, soonest=0.01, latest=0.05)


class Side:
    """A session's end, and what it heard. `running`: it holds an epoch."""

    def __init__(self, url: str, *, patience: Patience = QUICK, token: str = TOKEN) -> None:
        self.heard: list[Any] = []
        self.running = False
        self.link = Link(LinkAddress(url, token, "s", 1), self.hello, self.heard.append, patience)

    def hello(self) -> Hello:
        return Hello(session="s", start=1, epoch=1 if self.running else None, recent=({"n": 7},) * self.running)


@contextlib.asynccontextmanager
async def linked(plane: ControlPlane, **options: Any) -> AsyncIterator[tuple[Side, asyncio.Task[str]]]:
    side = Side(plane.url, **options)
    task = asyncio.create_task(side.link.run())
    try:
        yield side, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def run(test: Callable[[ControlPlane], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), control_plane(ORDER) as plane:
            await test(plane)

    asyncio.run(main())


def test_the_first_hello_is_answered_with_the_order() -> None:
    async def test(plane: ControlPlane) -> None:
        async with linked(plane) as (side, _):
            await plane.until(lambda: plane.hellos)
            await until(lambda: side.heard)
            assert side.heard == [ORDER]
            assert plane.hellos[0].epoch is None

    run(test)


def test_a_control_plane_that_is_killed_is_found_again_and_told_the_newest() -> None:
    async def test(plane: ControlPlane) -> None:
        async with linked(plane) as (side, task):
            await until(lambda: side.link.connected)
            side.running = True
            await plane.kill()
            await until(lambda: not side.link.connected)
            side.link.send_text('{"kind":"happened","event":{"n":6}}')  # nobody hears it, and nothing waits
            await plane.start()
            await plane.until(lambda: len(plane.hellos) == 2)
            assert plane.hellos[1].epoch == 1
            assert plane.hellos[1].recent == ({"n": 7},)
            await until(lambda: side.heard[1:])
            assert side.heard[1:] == [Welcome()]
            side.link.send_text('{"kind":"happened","event":{"n":8}}')
            await plane.until(lambda: plane.of(Happened))
            assert [happened.event for happened in plane.of(Happened)] == [{"n": 8}]
            assert not task.done()

    run(test)


def test_one_that_never_answers_the_first_hello_ends_it() -> None:
    async def main() -> None:
        async def say_nothing(reader: Any, writer: Any) -> None:
            await reader.read(-1)

        server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        side = Side(f"ws://127.0.0.1:{port}", patience=Patience(first=0.3))
        with pytest.raises(UnavailableError) as ended:
            await side.link.run()
        assert ended.value.kind == "unreachable"
        server.close()

    asyncio.run(main())


def test_one_that_stays_away_makes_it_an_orphan() -> None:
    async def test(plane: ControlPlane) -> None:
        async with linked(plane, patience=Patience(first=5, orphaned=0.3, soonest=0.01)) as (side, task):
            await until(lambda: side.link.connected)
            await asyncio.sleep(0.4)  # as long as it is there nothing runs out
            assert not task.done()
            await plane.kill()
            assert await task == "orphaned"

    run(test)


def test_a_token_that_is_not_taken_ends_it_before_it_began() -> None:
    async def test(plane: ControlPlane) -> None:
        async with linked(plane, token="another") as (_, task):  # noqa: S106 - a test's
            with pytest.raises(UnavailableError) as ended:
                await task
            assert ended.value.kind == "refused"
            assert "another" not in f"{ended.value} {ended.value.hint}"

    run(test)


@pytest.mark.parametrize("later", [False, True])
def test_dismissed_it_ends_at_once(later: bool) -> None:
    async def test(plane: ControlPlane) -> None:
        if not later:
            plane.dismiss = Dismissed(reason="stopped")
        async with linked(plane) as (side, task):
            if later:
                await until(lambda: side.link.connected)
                await plane.tell(Dismissed(reason="stopped"))
            assert await asyncio.wait_for(task, 1) == "stopped"

    run(test)


@pytest.mark.parametrize("junk", ["", "{", '{"kind":"order"}', '{"kind":"nonsense"}', '"x"', "[" * 5_000])
def test_junk_is_passed_over(junk: str) -> None:
    async def test(plane: ControlPlane) -> None:
        async with linked(plane) as (side, task):
            await until(lambda: side.link.connected)
            await plane.tell(junk)
            await plane.tell(Welcome())
            await until(lambda: len(side.heard) == 2)
            assert not task.done()

    run(test)


def test_a_control_plane_that_reads_nothing_is_given_up_and_nothing_piles_up() -> None:
    async def test(plane: ControlPlane) -> None:
        async with linked(plane) as (side, _):
            await until(lambda: side.link.connected)
            plane.connections[-1].transport.pause_reading()
            line = '{"kind":"happened","event":{"text":"' + "x" * 20_000 + '"}}'
            for _ in range(WAITING * 2):
                side.link.send_text(line)
                if not side.link.connected:
                    break
                await asyncio.sleep(0)
            await plane.until(lambda: len(plane.hellos) == 2)

    run(test)


def test_of_pictures_that_cannot_go_only_the_newest_waits_and_of_sound_a_second() -> None:
    async def test(plane: ControlPlane) -> None:
        async with linked(plane) as (side, _):
            await until(lambda: side.link.connected)
            for number in range(100):
                side.link.show(LivePicture(number, "camera", b"jpeg"))
                side.link.show(LivePicture(number, "screen", b"jpeg"))
                side.link.play(LiveSound(8_000, bytes(2)))
            await plane.until(lambda: len(plane.pictures) == 2)
            assert [(picture.t, picture.track) for picture in plane.pictures] == [(99, "camera"), (99, "screen")]
            assert len(plane.sounds) == 50
            side.link.play(LiveSound(8_000, bytes(2)))
            side.link.play(LiveSound(8_000, b""))
            await plane.until(lambda: len(plane.sounds) > 50)
            assert [sound.samples for sound in plane.sounds[50:]] == [b""]

    run(test)


def test_the_end_is_told_on_the_next_connection_where_there_is_none() -> None:
    async def test(plane: ControlPlane) -> None:
        async with linked(plane) as (side, _):
            await until(lambda: side.link.connected)
            side.running = True
            await plane.kill()
            await until(lambda: not side.link.connected)
            telling = asyncio.create_task(side.link.farewell(Over(state="left", reason="ended"), 5.0))
            await asyncio.sleep(0.05)
            await plane.start()
            assert await telling
            await plane.until(lambda: plane.over)
            assert plane.over == Over(state="left", reason="ended")

    run(test)


def test_without_a_connection_nothing_is_kept_and_nobody_waits() -> None:
    async def main() -> None:
        side = Side("ws://127.0.0.1:9")
        side.link.send(Heartbeat(t=1.0))
        side.link.show(LivePicture(0.0, "camera", b"jpeg"))
        side.link.play(LiveSound(8_000, b""))
        assert not await side.link.farewell(Over(state="left", reason="ended"), 0.05)

    asyncio.run(main())


@pytest.mark.parametrize("url", ["", "ftp://host", "ws://", "ws://host:0", "ws://[", "host:80"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadInputError):
        LinkAddress(url, TOKEN, "s", 1)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://127.0.0.1:80", "ws://127.0.0.1:80/link/session"),
        ("https://joy.example/vl/", "wss://joy.example/vl/link/session"),
        ("wss://joy.example", "wss://joy.example/link/session"),
    ],
)
def test_where_the_websocket_is(url: str, endpoint: str) -> None:
    address = LinkAddress(url, TOKEN, "s", 1)
    assert address.endpoint == endpoint
    assert TOKEN not in repr(address)
