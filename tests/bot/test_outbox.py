import asyncio

from bot.outbox import Outbox
from joyvl_core.clock import run_virtual


def send(use, waiting=64):
    """Runs `use(outbox, sent)` beside an outbox; returns what was sent and what was reported."""
    sent, reported = [], []

    async def main():
        outbox = Outbox(reported.append, waiting=waiting)
        running = asyncio.create_task(outbox.run())
        await use(outbox, sent)
        await outbox.drained()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(main())
    return sent, reported


def sending(sent, what, error=None):
    async def go():
        await asyncio.sleep(1)
        if error:
            raise error
        sent.append(what)

    return go


def test_things_are_sent_one_after_another_in_order():
    async def use(outbox, sent):
        for number in range(5):
            outbox.put(sending(sent, number))

    assert send(use) == ([0, 1, 2, 3, 4], [])


def test_what_fails_is_reported_once_until_something_is_sent_again():
    async def use(outbox, sent):
        gone = ConnectionError("away")
        for error in (gone, gone, None, gone):
            outbox.put(sending(sent, "x", error))

    assert send(use) == (["x"], ["ConnectionError: away"] * 2)


def test_a_room_that_cannot_keep_up_loses_the_newest_and_is_reported_once():
    async def use(outbox, sent):
        for number in range(10):
            outbox.put(sending(sent, number))

    sent, reported = send(use, waiting=3)
    assert sent == [0, 1, 2]
    assert len(reported) == 1
