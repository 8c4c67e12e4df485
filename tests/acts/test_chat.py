import asyncio

from joyvl_core.acts.chat import ChatPolicy, ChatSink
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.ports import Act


def post(use, send=None, policy=None):
    """Runs `use(sink, clock)` beside a sink; returns what was posted and what became of each act."""
    posted, delivered = [], []

    async def keep(text):
        posted.append(text)

    async def main():
        clock = LoopClock()
        sink = ChatSink(send or keep, clock, lambda *what: delivered.append(what), policy)
        running = asyncio.create_task(sink.run())
        await use(sink, clock)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(main())
    return posted, delivered


def act(tick, text="x", expires=1e9):
    return Act(tick, 0.0, text, expires=expires)


def test_lines_are_posted_in_order_and_cut_to_what_a_chat_bears():
    async def use(sink, clock):
        sink.offer(act(1, "one"))
        sink.offer(act(2, "y" * 900))
        await sink.drained()

    posted, delivered = post(use)
    assert posted[0] == "one"
    assert len(posted[1]) == 500
    assert delivered == [(1, "chat", None), (2, "chat", None)]


def test_surplus_and_stale_lines_are_dropped_with_their_reason():
    async def slow(text):
        await asyncio.sleep(3)

    async def use(sink, clock):
        sink.offer(act(0))
        await asyncio.sleep(0.1)
        for tick in range(1, 5):
            sink.offer(act(tick, expires=4))
        await sink.drained()

    _, delivered = post(use, slow, ChatPolicy(waiting=2))
    assert sorted(delivered, key=lambda what: what[0]) == [
        (0, "chat", None),
        (1, "chat", "surplus"),
        (2, "chat", "surplus"),
        (3, "chat", None),
        (4, "chat", "stale"),
    ]


def test_a_line_that_cannot_be_sent_is_dropped_and_the_next_is_tried():
    sent = []

    async def send(text):
        if not sent:
            sent.append(text)
            raise ConnectionError("gone")
        sent.append(text)

    async def use(sink, clock):
        sink.offer(act(1, "a"))
        sink.offer(act(2, "b"))
        await sink.drained()

    _, delivered = post(use, send)
    assert delivered == [(1, "chat", "failed: ConnectionError: gone"), (2, "chat", None)]


def test_what_is_unsaid_at_the_end_is_dropped_as_closed():
    async def hang(text):
        await asyncio.sleep(3_600)

    async def use(sink, clock):
        sink.offer(act(1))
        sink.offer(act(2))
        await asyncio.sleep(1)

    _, delivered = post(use, hang)
    assert delivered == [(1, "chat", "closed"), (2, "chat", "closed")]
