import asyncio

import numpy as np
import pytest

from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.media import Frame, RgbPicture
from joyvl_core.ports import Look
from joyvl_core.watching import Watch


class Watcher:
    """Keeps the times of the frames it looked at."""

    def __init__(self, look=None):
        self._look = look or (lambda frame: Look())
        self.seen = []

    def look(self, frame):
        self.seen.append((frame.track, frame.t))
        return self._look(frame)


def still(value=90):
    return RgbPicture(np.full((90, 160, 3), value, np.uint8))


def moving(step):
    pixels = np.full((90, 160, 3), 90, np.uint8)
    x = step * 6 % 120
    pixels[20:60, x : x + 40] = 220
    return RgbPicture(pixels)


def watch(watcher, frames, *, until=None, forget=None):
    """Offers frames at their times and returns what the watch reported."""
    woken, failures = [], []

    async def main():
        clock = LoopClock()
        seen = Watch(clock, watcher, wake=lambda: woken.append(clock.now()), failed=failures.append)
        running = asyncio.create_task(seen.run())
        for frame in frames:
            await clock.sleep_until(frame.t)
            seen.offer(frame)
        await asyncio.sleep(0)
        if forget:
            seen.forget(forget)
        await clock.sleep_until(until or frames[-1].t + 0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(main())
    return woken, failures


def test_a_still_picture_is_looked_at_twice_a_second():
    watcher = Watcher()
    watch(watcher, [Frame("a", still(), n / 30) for n in range(301)])
    assert 19 <= len(watcher.seen) <= 22


def test_a_moving_picture_is_looked_at_six_times_a_second_after_a_burst():
    watcher = Watcher(lambda frame: Look(busy=True))
    watch(watcher, [Frame("a", moving(n), n / 30) for n in range(301)])
    assert 60 <= len(watcher.seen) <= 70


def test_what_appears_after_stillness_is_looked_at_at_once():
    watcher = Watcher()
    watch(watcher, [Frame("a", still() if n < 100 else moving(0), n / 30) for n in range(110)])
    assert ("a", 100 / 30) in watcher.seen


def test_each_track_has_its_own_ration():
    watcher = Watcher()
    frames = [Frame(track, still(), n / 30) for n in range(150) for track in ("a", "b")]
    watch(watcher, frames)
    looks = [sum(seen == track for seen, _ in watcher.seen) for track in ("a", "b")]
    assert looks == [pytest.approx(10, abs=1)] * 2


def test_a_picture_that_no_other_follows_gets_its_look():
    watcher = Watcher(lambda frame: Look(busy=True))
    last = 95 / 30
    watch(watcher, [Frame("a", moving(n), n / 30) for n in range(96)], until=10)
    assert watcher.seen[-1] == ("a", last)
    assert sum(t == last for _, t in watcher.seen) == 1


def test_a_look_that_raises_is_reported_and_looking_goes_on():
    def look(frame):
        if frame.t < 1:
            raise ValueError("torn")
        return Look(wake=True)

    woken, failures = watch(Watcher(look), [Frame("a", still(), n / 10) for n in range(21)])
    assert failures
    assert woken


def test_a_track_that_ended_is_forgotten():
    watcher = Watcher()
    watch(watcher, [Frame("a", still(), 0.0), Frame("a", still(), 0.1)], forget="a", until=5)
    assert len(watcher.seen) <= 1
