import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.sampler import DISCONTINUITY, Sampler, Timeline
from tests.stand_ins import picture


def test_the_first_timestamp_is_anchored_at_its_arrival_and_later_ones_keep_their_distance():
    timeline = Timeline()
    assert [timeline.at(pts, now) for pts, now in ((100.0, 5.0), (100.5, 5.7), (101.0, 6.1))] == [5.0, 5.5, 6.0]


def test_a_first_picture_that_was_held_up_does_not_put_the_track_ahead_for_ever():
    timeline = Timeline()
    timeline.at(0.0, 5.0)
    assert timeline.at(1.0, 5.6) == 5.6
    assert timeline.at(2.0, 6.6) == pytest.approx(6.6)


@pytest.mark.parametrize("jump", [-50.0, 3_600.0])
def test_a_jump_anchors_anew(jump):
    timeline = Timeline()
    timeline.at(10.0, 1.0)
    assert timeline.at(10.0 + jump, 2.0) == 2.0
    assert timeline.at(10.5 + jump, 2.6) == 2.5


def test_a_timestamp_that_is_no_number_spoils_nothing():
    timeline = Timeline()
    assert timeline.at(math.nan, 1.0) == 1.0
    assert timeline.at(7.0, 2.0) == 2.0
    assert timeline.at(math.inf, 3.0) == 3.0
    assert timeline.at(7.5, 4.0) == 4.0


@given(st.lists(st.tuples(st.floats(), st.floats(0, 10)), max_size=30))
def test_session_time_never_goes_back_nor_leaves_the_session(pictures):
    timeline, now, last = Timeline(), 0.0, 0.0
    for pts, later in pictures:
        now += later
        t = timeline.at(pts, now)
        assert last <= t <= now
        assert now - t <= DISCONTINUITY
        last = t


def test_a_slot_holds_the_newest_picture_and_says_how_many_came():
    async def main():
        sampler = Sampler(LoopClock(), most_tracks=1)
        assert sampler.add("a", "ann")
        assert not sampler.add("b", "bob")
        assert sampler.add("a", "ann again")
        assert sampler.offer("b", picture(), 0.0) is None
        sampler.offer("a", picture(1), 0.0)
        newest = sampler.offer("a", picture(2), 0.1)
        slot = sampler.slots()["a"]
        assert (slot.frame, slot.received, slot.label) == (newest, 2, "ann again")
        sampler.remove("a")
        sampler.remove("a")
        assert sampler.add("b", "bob")

    run_virtual(main())
