"""Calls on a loop of their own: their ends, their progress, and that the session's loop goes on."""

import asyncio
import time

import pytest

from integrations.delegates.apart import Apart
from joyvl_core.asked import Answer
from joyvl_core.clock import run_virtual
from joyvl_core.errors import BadInputError, UnavailableError


def run(call, within=5.0, *, loop=asyncio.run):
    progress = []

    async def main():
        apart = Apart("delegate.test")
        try:
            return await apart.run(call, progress.append, within=within)
        finally:
            await apart.aclose()

    return loop(main()), progress


@pytest.mark.parametrize("loop", [asyncio.run, run_virtual])
def test_the_answer_comes_back_and_progress_on_the_way(loop):
    async def call(tell):
        for number in range(50):
            tell(f"step {number}")
        await asyncio.sleep(0.05)
        return Answer("yes")

    answer, progress = run(call, loop=loop)
    assert answer == Answer("yes")
    assert progress == ["step 0"]


def test_a_virtual_clock_stands_still_while_a_call_is_under_way():
    async def main():
        async def call(tell):
            await asyncio.sleep(0.2)
            return Answer("yes")

        before = asyncio.get_running_loop().time()
        await Apart("delegate.test").run(call, lambda _: None, within=5)
        return asyncio.get_running_loop().time() - before

    assert run_virtual(main()) == 0


@pytest.mark.parametrize("loop", [asyncio.run, run_virtual])
def test_what_takes_too_long_is_given_up(loop):
    ended = []

    async def call(tell):
        try:
            await asyncio.sleep(3_600)
        finally:
            ended.append(True)

    with pytest.raises(UnavailableError) as caught:
        run(call, within=0.1, loop=loop)
    assert caught.value.kind == "timeout"
    assert ended


def test_an_error_comes_back_as_it_is():
    async def call(tell):
        raise BadInputError("no", source="s", kind="k", hint="h")

    with pytest.raises(BadInputError, match="no"):
        run(call)


def test_an_sdk_that_cancels_itself_is_an_error_and_not_the_end_of_the_caller():
    async def call(tell):
        asyncio.current_task().cancel()
        await asyncio.sleep(1)

    with pytest.raises(UnavailableError) as caught:
        run(call)
    assert caught.value.kind == "unreachable"


def test_what_blocks_does_not_hold_up_the_session():
    async def call(tell):
        time.sleep(0.3)  # noqa: ASYNC251 - what an SDK does while it is imported
        return Answer("yes")

    async def main():
        beats = 0

        async def beat():
            nonlocal beats
            while True:
                await asyncio.sleep(0.01)
                beats += 1

        beating = asyncio.create_task(beat())
        await Apart("delegate.test").run(call, lambda _: None, within=5)
        beating.cancel()
        return beats

    assert asyncio.run(main()) > 3


def test_a_call_that_is_cancelled_before_it_begins_never_asks():
    asked = []

    async def call(tell):
        asked.append(True)
        await asyncio.sleep(3_600)

    async def main():
        apart = Apart("delegate.test")
        calls = [asyncio.create_task(apart.run(call, lambda _: None, within=60)) for _ in range(6)]
        await asyncio.sleep(0.2)
        for one in reversed(calls):  # those that wait for a thread first
            one.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(*calls, return_exceptions=True)
        await apart.aclose()
        return [one.cancelled() for one in calls]

    assert asyncio.run(main()) == [True] * 6
    assert len(asked) <= 4
