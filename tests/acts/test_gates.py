import math

import pytest

from joyvl_core.acts.gates import Candidate, Gates, GateSettings


def said(gates, *candidates):
    return [gates.check(candidate) for candidate in candidates]


def test_the_same_words_for_the_same_instruction_are_not_said_twice_at_once():
    gates = Gates(GateSettings(duplicate_s=3))
    assert said(
        gates,
        Candidate("1", 0, instruction="i1"),
        Candidate("1", 1, instruction="i1"),
        Candidate("1", 1, instruction="i2"),
        Candidate("1", 1.5, instruction="i1", timed=True),
        Candidate("1", 4.6, instruction="i1"),
    ) == [None, "duplicate", None, None, None]


@pytest.mark.parametrize("per_minute", [0, 1, 40, 600])
def test_no_more_than_so_many_remarks_in_any_minute(per_minute):
    gates = Gates(GateSettings(per_minute=per_minute))
    passed = [n for n in range(3_000) if gates.check(Candidate(f"{n}", n * 0.05)) is None]
    for start in range(0, 2_000, 50):
        assert sum(start <= n < start + 1_200 for n in passed) <= per_minute
    assert bool(passed) is bool(per_minute)


def test_replies_pass_everything_but_mute_and_do_not_count():
    gates = Gates(GateSettings(per_minute=1, quiet_hours=(0, 24), threshold=0.0))
    replies = [Candidate("yes", t, reply=True, p_silence=0.9) for t in range(5)]
    assert said(gates, *replies) == [None] * 5
    gates.muted = True
    assert gates.check(replies[0]) == "mute"
    gates.talk()
    assert gates.check(replies[0]) is None


def test_quiet_ends_by_itself_or_when_told():
    gates = Gates()
    gates.quiet(10)
    assert said(gates, Candidate("a", 9.9), Candidate("b", 10)) == ["quiet", None]
    gates.quiet(math.inf)
    assert gates.check(Candidate("c", 1e6)) == "quiet"
    gates.talk()
    assert gates.check(Candidate("d", 1e6)) is None


@pytest.mark.parametrize(
    ("hours", "quiet"),
    [((22, 7), {22, 23, 0, 5, 6}), ((13, 15), {13, 14}), ((5, 5), set()), (None, set())],
)
def test_quiet_hours_may_pass_midnight(hours, quiet):
    gates = Gates(GateSettings(quiet_hours=hours))
    closed = {hour for hour in (22, 23, 0, 5, 6, 7, 12, 13, 14, 15) if gates.check(Candidate(f"{hour}", hour, hour))}
    assert closed == quiet


def test_the_threshold_is_a_dial_on_the_chance_of_silence():
    gates = Gates(GateSettings(threshold=0.3))
    assert said(gates, Candidate("a", 0, p_silence=0.2), Candidate("b", 1, p_silence=0.31), Candidate("c", 2)) == [
        None,
        "threshold",
        None,
    ]
