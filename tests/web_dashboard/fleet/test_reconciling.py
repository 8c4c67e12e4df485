"""What is decided about a job, from what is known of it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.link.messages import DEAD_AFTER, Over
from web_dashboard.fleet.jobs import FAILING_FOR, Job
from web_dashboard.fleet.reconciling import (
    FIRST_PAUSE,
    GO_WITHIN,
    KILL_AFTER,
    LONGEST_PAUSE,
    TERMINATE_AFTER,
    Do,
    Patience,
    Seen,
    decide,
    pause,
    spoken,
)
from web_dashboard.fleet.states import FOLLOWS, PLACED, State, Wanted

NOW = 1_000_000.0
JOB = Job("a", Wanted.RUNNING, State.RUNNING, NOW - 60, "", "", "process", {"pid": 1}, 1, 0, 0.0, 0.0)
SEEN = Seen(heard=NOW - 1, begun=True, connected=True, alive=True, listening_since=NOW - 600)
PATIENCE = Patience(hello_within=60.0, silent_for=15.0)


def step(job: Job, seen: Seen, after: float = 0.0) -> Do:
    return decide(job, seen, NOW + after, PATIENCE).do


def test_what_runs_is_left_alone():
    assert step(JOB, SEEN) is Do.WAIT
    assert step(JOB, replace(SEEN, connected=False), 10) is Do.WAIT


def test_a_silent_process_is_lost_sooner_where_nobody_knows_that_it_lives():
    silent = replace(SEEN, heard=NOW)
    assert step(JOB, silent, 14) is Do.WAIT
    assert step(JOB, silent, 16) is Do.LOSE
    assert step(JOB, replace(silent, alive=None), DEAD_AFTER + 0.1) is Do.LOSE
    assert step(JOB, replace(silent, alive=False)) is Do.LOSE


def test_after_the_control_plane_comes_up_it_waits_before_it_calls_anybody_lost():
    unheard = Seen(alive=None, listening_since=NOW)
    assert step(JOB, unheard, DEAD_AFTER - 0.1) is Do.WAIT
    assert step(JOB, unheard, DEAD_AFTER + 0.1) is Do.LOSE
    gone = decide(JOB, Seen(alive=False, listening_since=NOW), NOW, PATIENCE)
    assert (gone.do, gone.counted) == (Do.LOSE, False), "what is known to be gone is not waited for, and no failure"


def test_a_start_has_its_own_patience():
    starting = replace(JOB, state=State.STARTING, since=NOW)
    fresh = Seen(alive=True, listening_since=NOW - 10)
    assert step(starting, fresh, 59) is Do.WAIT
    assert step(starting, fresh, 61) is Do.LOSE
    assert step(starting, replace(fresh, begun=True, heard=NOW)) is Do.RUN


def test_nothing_is_started_while_what_was_before_lives():
    lost = replace(JOB, state=State.LOST)
    assert step(lost, Seen(alive=True)) is Do.KILL
    assert step(lost, Seen(alive=False)) is Do.START
    assert step(replace(lost, not_before=NOW + 5), Seen(alive=False)) is Do.WAIT
    assert step(replace(lost, wanted=Wanted.STOPPED), Seen(alive=False)) is Do.REST


def test_stopping_goes_from_words_to_signals():
    stopped = replace(JOB, wanted=Wanted.STOPPED)
    assert step(stopped, SEEN) is Do.STOP
    stopping = replace(stopped, state=State.STOPPING, since=NOW)
    assert step(stopping, SEEN) is Do.ASK
    assert step(stopping, replace(SEEN, connected=False)) is Do.TERMINATE
    assert step(stopping, SEEN, TERMINATE_AFTER) is Do.TERMINATE
    assert step(stopping, SEEN, KILL_AFTER) is Do.REST
    assert step(stopping, replace(SEEN, alive=False)) is Do.REST


def test_a_process_that_said_that_it_is_over_gets_a_moment_to_end():
    over = replace(SEEN, over=Over(state="left", reason="alone"), heard=NOW)
    assert step(JOB, over, 1) is Do.WAIT
    assert step(JOB, over, GO_WITHIN) is Do.REST
    assert step(JOB, replace(over, alive=False)) is Do.REST
    failed = replace(over, alive=False, over=Over(state="failed", reason="unreachable"))
    assert step(JOB, failed) is Do.LOSE
    assert step(JOB, replace(failed, over=Over(state="failed", reason="wrong_key"))) is Do.REST


def test_a_move_ends_here_and_starts_again_at_once():
    moving = replace(SEEN, moving_since=NOW)
    assert step(JOB, moving) is Do.ASK
    assert step(JOB, replace(moving, over=Over(state="left", reason="asked"), alive=False)) is Do.REQUEUE
    assert step(JOB, moving, KILL_AFTER) is Do.REQUEUE
    assert step(replace(JOB, wanted=Wanted.STOPPED), replace(moving, alive=False)) is Do.REST


def test_failures_are_forgotten_after_a_good_while():
    once = replace(JOB, failures=1, failing_since=NOW)
    assert once.failed_again(NOW + 10) == (2, NOW)
    assert once.failed_again(NOW + FAILING_FOR) == (1, NOW + FAILING_FOR)
    assert [pause(n) for n in (0, 1, 2, 3, 20)] == [0.0, FIRST_PAUSE, 1.0, 2.0, LONGEST_PAUSE]


def test_reasons_are_words():
    assert spoken("wrong_key") == "wrong key"
    assert spoken("alone") == "nobody else was in the room"
    assert spoken("Set JOYVL_X first.") == "Set JOYVL_X first"
    assert spoken("") == "no reason was given"


@given(
    job=st.builds(
        Job,
        id=st.just("a"),
        wanted=st.sampled_from(Wanted),
        state=st.sampled_from([*PLACED, State.QUEUED, State.LOST]),
        since=st.floats(NOW - 1_000, NOW),
        reason=st.just(""),
        remedy=st.just(""),
        runner=st.just("process"),
        placement=st.sampled_from([{}, {"pid": 1}]),
        start=st.integers(0, 9),
        failures=st.integers(0, 9),
        failing_since=st.floats(0, NOW),
        not_before=st.floats(NOW - 100, NOW + 100),
    ),
    seen=st.builds(
        Seen,
        heard=st.none() | st.floats(NOW - 100, NOW),
        begun=st.booleans(),
        connected=st.booleans(),
        over=st.none() | st.builds(Over, state=st.sampled_from(["left", "failed"]), reason=st.text(max_size=20)),
        alive=st.sampled_from([True, False, None]),
        farewell=st.text(max_size=20),
        listening_since=st.floats(NOW - 100, NOW),
        moving_since=st.none() | st.floats(NOW - 100, NOW),
    ),
)
def test_whatever_is_seen_the_rules_hold(job: Job, seen: Seen):
    decided = decide(job, seen, NOW, PATIENCE)
    if decided.do is Do.START:
        assert job.wanted is Wanted.RUNNING, "nothing is started that nobody wants"
        assert job.state not in PLACED, "nor beside another"
        assert not (job.placement and seen.alive)
    if job.wanted is Wanted.STOPPED:
        assert decided.do not in (Do.START, Do.LOSE, Do.REQUEUE, Do.RUN), "what is to stop is not started again"
    if decided.do in (Do.REST, Do.LOSE):
        assert decided.reason, "every end has its reason"
    after = {Do.START: State.STARTING, Do.RUN: State.RUNNING, Do.STOP: State.STOPPING, Do.LOSE: State.LOST}
    goes = decided.state if decided.do is Do.REST else after.get(decided.do)
    assert goes is None or goes in FOLLOWS[job.state]
