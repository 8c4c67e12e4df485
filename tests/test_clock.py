import asyncio
import time

from joyvl_core.clock import LoopClock, held, run_virtual


def test_ten_hours_pass_at_once_and_land_exactly():
    async def main() -> list[float]:
        clock = LoopClock(wall=lambda: 1_000.0)
        seen = []
        for hour in range(1, 11):
            await clock.sleep_until(hour * 3_600.0)
            seen.append(clock.wall())
        return seen

    started = time.perf_counter()
    assert run_virtual(main()) == [1_000.0 + hour * 3_600.0 for hour in range(1, 11)]
    assert time.perf_counter() - started < 5


def test_time_stands_still_while_a_thread_works():
    async def main() -> tuple[float, float]:
        clock = LoopClock()
        other = asyncio.create_task(asyncio.sleep(3_600))
        await asyncio.to_thread(time.sleep, 0.02)
        during = clock.now()
        with held():
            await asyncio.to_thread(time.sleep, 0.01)
        await other
        return during, clock.now()

    during, after = run_virtual(main())
    assert during == 0.0
    assert after == 3_600.0


def test_two_sleepers_wake_in_order():
    async def main() -> list[str]:
        clock, order = LoopClock(), []

        async def sleeper(name: str, t: float) -> None:
            await clock.sleep_until(t)
            order.append(name)

        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper("late", 2.0))
            group.create_task(sleeper("early", 1.0))
        return order

    assert run_virtual(main()) == ["early", "late"]
