import asyncio
import itertools

import pytest

from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.observation import Trigger
from joyvl_core.triggers import Triggers


def due_times(until, during=None, *, work=0.0, **options):
    """When ticks come, and why, with `work` seconds spent on each; `during(triggers, clock)` runs beside."""

    async def main():
        clock = LoopClock()
        triggers = Triggers(clock, **options)
        beside = asyncio.create_task(during(triggers, clock)) if during else None
        seen = []
        while True:
            due = await triggers.due()
            if clock.now() > until + 1e-6:
                break
            seen.append((round(clock.now(), 3), due))
            await asyncio.sleep(work)
        if beside:
            await beside
        return seen

    return run_virtual(main())


def test_ticks_come_on_the_grid_of_any_interval():
    assert [t for t, _ in due_times(2, interval=0.5)] == [0, 0.5, 1, 1.5, 2]


def test_a_slow_tick_skips_grid_points_and_the_next_one_is_on_the_grid():
    seen = due_times(8, work=2.5)
    assert [t for t, _ in seen] == [0, 2.5, 5, 7.5]
    assert [due.skipped for _, due in seen] == [0, 1, 2, 1]


def test_an_event_during_a_slow_tick_waits_and_keeps_its_time():
    async def during(triggers, clock):
        await clock.sleep_until(0.3)
        triggers.add(Trigger.CHAT)

    seen = due_times(2, during, work=0.7)
    assert seen[1][0] == 0.7
    assert seen[1][1].triggers == (Trigger.CHAT,)
    assert seen[1][1].since == pytest.approx(0.3)


def test_several_reasons_make_one_tick_in_the_order_they_came():
    async def during(triggers, clock):
        await clock.sleep_until(1.05)
        triggers.add(Trigger.SPEECH)
        triggers.add(Trigger.CHAT)
        triggers.add(Trigger.SPEECH)

    seen = due_times(2, during)
    assert seen[2] == (1.2, seen[2][1])
    assert seen[2][1].triggers == (Trigger.SPEECH, Trigger.CHAT)


def test_a_timer_brings_one_tick_and_is_set_anew_or_cleared():
    async def during(triggers, clock):
        triggers.wake_at(0.4)
        await clock.sleep_until(0.6)
        triggers.wake_at(1.7)
        await clock.sleep_until(1.2)
        triggers.wake_at(None)

    seen = due_times(2, during)
    assert [t for t, _ in seen] == [0, 0.4, 1, 2]
    assert seen[1][1].triggers == (Trigger.TIMER,)


@pytest.mark.parametrize("past", [-5.0, 0.0, float("-inf"), float("nan")])
def test_a_timer_in_the_past_floods_nothing(past):
    async def during(triggers, clock):
        for _ in range(50):
            triggers.wake_at(past)
            await asyncio.sleep(0.01)

    times = [t for t, _ in due_times(2, during)]
    assert all(later - earlier > 0.199 for earlier, later in itertools.pairwise(times))


def test_with_events_off_neither_events_nor_timers_leave_the_grid():
    async def during(triggers, clock):
        triggers.wake_at(0.4)
        await clock.sleep_until(1.5)
        triggers.add(Trigger.CHANGE)

    seen = due_times(3, during, events=False)
    assert [t for t, _ in seen] == [0, 1, 2, 3]
    assert seen[1][1].triggers == (Trigger.INTERVAL, Trigger.TIMER)
    assert seen[2][1].triggers == (Trigger.CHANGE, Trigger.INTERVAL)


def test_a_turn_a_second_comes_late_in_it():
    seen = due_times(4, turns=True)
    assert [t for t, _ in seen] == [0.8, 1.8, 2.8, 3.8]
    assert [due.triggers for _, due in seen] == [(Trigger.START,), *[(Trigger.INTERVAL,)] * 3]


def test_an_event_takes_the_seconds_turn_and_later_ones_wait_for_the_next_second():
    async def during(triggers, clock):
        for t in (2.1, 2.4, 2.6):
            await clock.sleep_until(t)
            triggers.add(Trigger.CHAT)

    seen = due_times(5, during, turns=True)
    assert [t for t, _ in seen] == [0.8, 1.8, 2.1, 3.0, 4.8]
    assert [due.skipped for _, due in seen] == [0] * 5
    assert seen[3][1].since == pytest.approx(2.4)


def test_nothing_spends_the_first_turn_before_its_time():
    async def during(triggers, clock):
        triggers.add(Trigger.INSTRUCTION)
        triggers.wake_at(0.1)

    seen = due_times(1, during, turns=True)
    assert [t for t, _ in seen] == [0.8]
    assert {Trigger.INSTRUCTION, Trigger.START} <= set(seen[0][1].triggers)


def test_seconds_that_a_slow_turn_took_are_counted():
    seen = due_times(9, turns=True, work=2.5)
    assert [t for t, _ in seen] == [0.8, 3.3, 5.8, 8.3]
    assert [due.skipped for _, due in seen] == [0, 2, 1, 2]


def test_turns_may_come_less_often_and_events_still_bring_them_forward():
    async def during(triggers, clock):
        await clock.sleep_until(2.2)
        triggers.add(Trigger.SPEECH)

    seen = due_times(9, during, turns=True, interval=3.0)
    assert [t for t, _ in seen] == [0.8, 2.2, 5.8, 8.8]


def test_without_events_turns_are_the_bare_grid():
    async def during(triggers, clock):
        await clock.sleep_until(1.1)
        triggers.add(Trigger.CHAT)

    assert [t for t, _ in due_times(3, during, turns=True, events=False)] == [0.8, 1.8, 2.8]


@pytest.mark.parametrize("turns", [False, True])
def test_held_ticks_do_not_come_and_are_not_counted_as_missed(turns):
    async def hold(triggers, clock):
        await clock.sleep_until(2.5)
        triggers.hold(True)
        await clock.sleep_until(3.5)
        triggers.add(Trigger.CHAT)
        await clock.sleep_until(10.5)
        triggers.hold(False)

    seen = due_times(13.9, hold, turns=turns)
    times = [t for t, _ in seen]
    assert not [t for t in times if 2.5 < t < 10.5]
    assert [due.skipped for _, due in seen] == [0] * len(seen)
    after = [(t, due) for t, due in seen if t > 10]
    assert Trigger.CHAT in after[0][1].triggers
    assert [t for t, _ in after] == ([10.5, 11.8, 12.8, 13.8] if turns else [10.5, 11, 12, 13])


def test_a_moment_between_two_ticks_comes_at_once_held_or_not():
    async def ask(triggers, clock):
        await clock.sleep_until(1.5)
        triggers.ask_moment()
        await clock.sleep_until(2.5)
        triggers.hold(True)
        await clock.sleep_until(3.5)
        triggers.ask_moment()
        await clock.sleep_until(5)
        triggers.hold(False)

    seen = due_times(6, ask)
    assert [t for t, due in seen if not due.triggers] == [1.5, 3.5]
    assert [t for t, due in seen if due.triggers] == [0, 1, 2, 5, 6]
