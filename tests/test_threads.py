import asyncio
import threading

import pytest

from joyvl_core.threads import in_thread


def test_it_returns_what_the_work_returns_or_raises():
    assert asyncio.run(in_thread(pow, 2, 5)) == 32
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(divmod, 1, 0))


@pytest.mark.parametrize("error", [None, ValueError("late")])
def test_a_cancelled_caller_ends_after_its_thread(error):
    begun, release, ended = threading.Event(), threading.Event(), []

    def work():
        begun.set()
        release.wait(5)
        ended.append(True)
        if error:
            raise error

    async def main():
        caller = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(begun.wait, 5)
        caller.cancel()
        await asyncio.sleep(0.01)
        assert not caller.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert ended

    asyncio.run(main())
