"""The event archive and working memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from joyvl_core.memory.archive import Event, EventArchive, EventKind
from joyvl_core.memory.working import Turn, WorkingMemory


def test_events_are_found_by_kind_window_and_colour_in_the_order_they_happened() -> None:
    archive = EventArchive()
    archive.add(Event(EventKind.APPEAR, 14.8, thing=3))
    archive.add(Event(EventKind.APPEAR, 14.3, thing=2))
    archive.add(Event(EventKind.LEAVE, 18.2, thing=2))
    archive.note_colour(2, "grey")
    archive.note_colour(2, "light blue")
    archive.note_colour(2, "")
    found = archive.find([EventKind.APPEAR], since=10.0, until=20.0)
    assert [(record.event.t, record.colour) for record in found] == [(14.3, "light blue"), (14.8, "")]
    assert [r.event.kind for r in archive.find(EventKind, fits=lambda colour: "blue" in colour)] == ["appear", "leave"]


def test_an_event_is_found_by_its_number_until_it_is_dropped() -> None:
    archive = EventArchive(limit=2)
    numbers = [archive.add(Event(EventKind.SCENE, float(t))) for t in range(3)]
    assert [archive.get(number) is not None for number in numbers] == [False, True, True]
    assert archive.get(None) is None
    assert archive.get(99) is None


@given(st.lists(st.tuples(st.sampled_from(EventKind), st.integers(1, 5)), max_size=60), st.integers(1, 10))
def test_the_archive_is_bounded_and_its_sums_stay_right(happened: list[tuple[EventKind, int]], limit: int) -> None:
    archive = EventArchive(limit=limit)
    for t, (kind, thing) in enumerate(happened):
        archive.note_colour(thing, ("red", "blue")[thing % 2])
        archive.add(Event(kind, float(t), thing=thing))
    assert len(archive) == min(limit, len(happened))
    for kind in EventKind:
        assert archive.count([kind]) == sum(k is kind for k, _ in happened)


def test_working_memory_keeps_the_newest_turns_and_knows_what_that_means() -> None:
    working = WorkingMemory(limit=2)
    assert working.subject() is None
    for t, about in ((1.0, 7), (2.0, 8), (3.0, None)):
        working.add(Turn(t, "bot", "x", about))
    assert [turn.t for turn in working.turns()] == [2.0, 3.0]
    assert [turn.t for turn in working.turns(since=2.5)] == [3.0]
    assert working.subject() == 8
