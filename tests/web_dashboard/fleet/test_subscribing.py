"""Who listens to a session."""

from __future__ import annotations

import asyncio

import pytest

from web_dashboard.fleet.subscribing import Channel

pytestmark = pytest.mark.anyio


async def test_each_listener_gets_everything_from_when_it_came():
    channel: Channel[int] = Channel(10)
    channel.put(0)
    with channel.subscribe() as one:
        channel.put(1)
        async with channel.subscribe() as two:
            channel.put(2)
            channel.end()
            assert [item async for item in one] == [1, 2]
            assert [item async for item in two] == [2]
    assert not channel


async def test_a_slow_listener_misses_the_oldest_and_holds_up_nobody():
    channel: Channel[int] = Channel(3)
    with channel.subscribe() as slow:
        for n in range(10):
            channel.put(n)
        assert slow.missed == 7
        channel.end()
        assert [item async for item in slow] == [7, 8, 9]


async def test_a_listener_that_waits_is_woken_by_the_end():
    channel: Channel[int] = Channel(3)
    with channel.subscribe() as waiting:
        task = asyncio.create_task(anext(waiting, None))
        await asyncio.sleep(0)
        channel.end()
        assert await asyncio.wait_for(task, 5) is None
