"""Ten hours on the virtual clock: ticks exact, memory flat, the log whole on disk."""

import asyncio
import ctypes
import gc

import psutil
import pytest

from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.engine import Engine
from joyvl_core.events import EventLog, TickEvent, read_event
from tests.stand_ins import ListSink, ScriptedModel, picture

HOURS = 10


class Forgetful(ScriptedModel):
    """Speaks every hundredth tick and keeps nothing of what it saw."""

    async def step(self, observation):
        self.seen.clear()
        return await super().step(observation)


@pytest.mark.timeout(300)
def test_ten_hours_are_exact_whole_and_flat(tmp_path):
    path = tmp_path / "log.jsonl"
    model = Forgetful(lambda seen: f"</response> {seen.n}" if seen.n % 100 == 0 else "</silence>")
    sizes = []

    async def main():
        clock = LoopClock()
        log = EventLog(clock)
        log.to_file(path)
        sink = ListSink()
        engine = Engine(model, clock, log, sinks=[sink])
        engine.add_track("cam", "camera")
        running = asyncio.create_task(engine.run())
        frames = [picture(90), picture(91)]
        for second in range(HOURS * 3_600):
            await clock.sleep_until(second + 0.5)
            if second % 4 == 0:
                engine.offer_picture("cam", frames[second % 8 // 4], second)
            sink.acts.clear()
            if second % 3_600 == 3_599:
                gc.collect()
                ctypes.CDLL(None).malloc_trim(0)  # what was freed and only kept by the allocator does not count
                sizes.append(psutil.Process().memory_info().rss)
        await clock.sleep_until(HOURS * 3_600 + 0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        log.close()

    run_virtual(main())

    logged = [event for line in path.open() if isinstance(event := read_event(line), TickEvent)]
    assert [tick.n for tick in logged] == list(range(HOURS * 3_600 + 1))
    assert all(abs(tick.wall - logged[0].wall - tick.n) < 0.01 for tick in logged)
    assert sum(tick.action == "speak" for tick in logged) == HOURS * 36 + 1
    assert max(sizes[5:]) - sizes[4] < 12_000_000
