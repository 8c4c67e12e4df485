"""Tickets: what is taken, what it takes, and how each ends."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from joyvl_core.asked import Answer, DelegateTask
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.delegation import MAX_DIGEST, MAX_KNOWN, DelegationSettings, Spent, Tickets, account, digest
from joyvl_core.errors import UnavailableError
from joyvl_core.events import ChatEvent, EventLog, SpeechEvent, TicketEvent, TickEvent
from joyvl_core.observation import Instruction, Observation, TicketNews, TicketState, Trigger
from tests.stand_ins import ScriptedDelegate


def run_events(delegate, during, *, linger=0.0, **settings):
    """Runs `during(tickets, ask)` and returns the log's ticket lines and the news."""
    news = []

    async def main():
        clock = LoopClock()
        log = EventLog(clock)
        tickets = Tickets(delegate, clock, log, news.append, DelegationSettings(**settings))
        numbers = itertools.count(1)

        def ask(question=None):
            ticket = tickets.next_id()
            tickets.submit(DelegateTask(ticket, question or f"who is number {next(numbers)}?", ""))
            return ticket

        await during(tickets, ask)
        await asyncio.wait_for(tickets.aclose(linger), linger + 5)
        return [event for event in log.recent() if isinstance(event, TicketEvent)]

    return run_virtual(main()), news


def run_tickets(delegate, during, **settings):
    """The same, each as (id, state, digest)."""
    return tuple(
        [(e.id, str(e.state), e.digest) for e in events] for events in run_events(delegate, during, **settings)
    )


def test_refused_tickets_have_ids_of_their_own_and_a_reason():
    async def during(tickets, ask):
        assert [ask(), ask(), ask()] == ["d1", "d2", "d3"]
        await asyncio.sleep(10)
        assert ask() == "d4"
        await asyncio.sleep(10)

    logged, _ = run_tickets(ScriptedDelegate(), during, tickets=3)
    assert ("d3", "failed", "2 questions are being answered already") in logged
    assert [state for ticket, state, _ in logged if ticket == "d4"] == ["running", "running", "done"]


def test_a_budget_that_is_used_up_says_so():
    async def during(tickets, ask):
        ask()
        await asyncio.sleep(10)
        assert not tickets.open_to
        ask()

    logged, news = run_tickets(ScriptedDelegate(), during, tickets=1)
    assert logged[-1] == news[-1] == ("d2", "failed", "the session's 1 delegations are used up")


def test_the_end_of_a_session_cancels_what_runs_even_what_has_not_begun():
    async def during(tickets, ask):
        ask()
        await asyncio.sleep(1)
        ask()

    logged, _ = run_tickets(ScriptedDelegate(seconds=3_600), during)
    assert [(ticket, state) for ticket, state, _ in logged if state == "cancelled"] == [
        ("d1", "cancelled"),
        ("d2", "cancelled"),
    ]


def test_a_delegate_that_will_not_stop_holds_nobody_up():
    class Stubborn(ScriptedDelegate):
        async def answer(self, task, progress):
            for _ in range(3):
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    continue
            progress("still here")
            return "late"

        async def aclose(self):
            raise RuntimeError("no")

    async def during(tickets, ask):
        ask()
        await asyncio.sleep(1)

    logged, _ = run_tickets(Stubborn(), during)
    assert [state for _, state, _ in logged] == ["running", "cancelled"]


def test_a_ticket_is_cancelled_by_its_id_once():
    async def during(tickets, ask):
        ticket = ask()
        await asyncio.sleep(1)
        assert tickets.cancel(ticket)
        assert not tickets.cancel(ticket)
        assert not tickets.cancel("d9")
        assert tickets.open_to

    logged, _ = run_tickets(ScriptedDelegate(seconds=60), during)
    assert [state for _, state, _ in logged] == ["running", "running", "cancelled"]


def test_progress_is_told_at_most_once_a_second():
    class Chatty(ScriptedDelegate):
        async def answer(self, task, progress):
            for number in range(100):
                progress(f"word {number}")
                await asyncio.sleep(0.05)
            return "done"

    async def during(tickets, ask):
        ask()
        await asyncio.sleep(20)

    logged, _ = run_tickets(Chatty(), during)
    assert len(logged) <= 2 + 6


def test_answers_and_reasons_are_bounded_and_errors_say_why():
    async def during(tickets, ask):
        ask()
        await asyncio.sleep(20)

    _, news = run_tickets(ScriptedDelegate("x" * 10_000), during)
    assert len(news[-1][2]) == MAX_DIGEST
    error = UnavailableError("no key", source="delegate", kind="no_key")
    _, news = run_tickets(ScriptedDelegate(error), during)
    assert news[-1] == ("d1", "failed", "no key")


class Paid(ScriptedDelegate):
    """Answers at a price."""

    def __init__(self, *, tokens=0, cost=0.0, **fields):
        super().__init__(**fields)
        self.price = (tokens, cost)

    async def answer(self, task, progress):
        answer = await super().answer(task, progress)
        return Answer(answer.text, *self.price)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"tokens": 1_500}, "the session's 1500 tokens for delegations are used up"),
        ({"money": 0.5}, "the session's budget of 0.5 for delegations is used up"),
        ({"tickets": 0}, "the session's 0 delegations are used up"),
    ],
)
def test_a_ticket_that_crosses_a_budget_ends_and_the_next_is_refused(settings, reason):
    async def during(tickets, ask):
        for _ in range(3):
            ask()
            await asyncio.sleep(10)
        assert not tickets.open_to
        if settings != {"tickets": 0}:
            assert tickets.spent == Spent(2, 2_000, 0.6)

    events, news = run_events(Paid(tokens=1_000, cost=0.3), during, **settings)
    assert (news[-1].state, news[-1].digest) == (TicketState.FAILED, reason)
    done = [event for event in events if event.state is TicketState.DONE]
    assert [(event.spent_tokens, event.cost) for event in done] == [(1_000, 0.3)] * (0 if "tickets" in settings else 2)


def test_without_a_budget_there_is_no_end():
    async def during(tickets, ask):
        for _ in range(60):
            ask()
            await asyncio.sleep(3)
        assert tickets.open_to

    _, news = run_tickets(Paid(tokens=10**9, cost=1e6), during, tickets=None)
    assert {state for _, state, _ in news} == {"running", "done"}


def test_a_question_under_way_is_not_asked_twice():
    delegate = Paid(tokens=10)

    async def during(tickets, ask):
        ask("Whose dog is it?")
        await asyncio.sleep(1)
        ask(" whose  DOG is it ?? ")
        assert tickets.running == ("d1", "d2")
        await asyncio.sleep(5)
        assert tickets.spent.tickets == 1
        ask("Whose dog is it?")
        await asyncio.sleep(5)

    events, news = run_events(delegate, during, at_once=1, tickets=2)
    assert len(delegate.tasks) == 2
    assert [(n.id, n.digest) for n in news if n.state is TicketState.DONE] == [
        (ticket, "It is a poodle.") for ticket in ("d1", "d2", "d3")
    ]
    assert [event.spent_tokens for event in events if event.state is TicketState.DONE] == [10, None, 10]


def test_who_asks_the_same_goes_on_when_the_first_is_cancelled():
    delegate = ScriptedDelegate()

    async def during(tickets, ask):
        ask("whose?")
        await asyncio.sleep(0.5)
        ask("whose?")
        assert tickets.cancel("d1")
        await asyncio.sleep(5)
        ask("a")
        ask("b")
        assert tickets.cancel_all() == 2

    logged, _ = run_tickets(delegate, during)
    assert ("d1", "cancelled", "cancelled") in logged
    assert ("d2", "done", "It is a poodle.") in logged
    assert [ticket for ticket, state, _ in logged if state == "cancelled"] == ["d1", "d3", "d4"]


def test_too_many_who_ask_the_same_are_refused():
    async def during(tickets, ask):
        for _ in range(20):
            ask("whose?")

    logged, _ = run_tickets(ScriptedDelegate(), during)
    assert len([state for _, state, _ in logged if state == "failed"]) == 12


def test_the_whole_answer_is_kept_where_the_digest_is_shorter():
    async def during(tickets, ask):
        ask()
        await asyncio.sleep(5)

    events, news = run_events(ScriptedDelegate("word " * 1_000), during)
    assert (len(events[-1].digest), len(events[-1].full)) == (MAX_DIGEST, 5_000)
    assert len(news[-1].digest) == MAX_DIGEST
    events, _ = run_events(ScriptedDelegate("x" * 200_000), during)
    assert len(events[-1].full) == 100_000
    events, _ = run_events(ScriptedDelegate("short"), during)
    assert events[-1].full is None


@pytest.mark.parametrize(("linger", "state"), [(0.0, "cancelled"), (1.0, "cancelled"), (5.0, "done")])
def test_a_result_after_the_session_is_kept_though_nobody_hears_it(linger, state):
    async def during(tickets, ask):
        ask()
        await asyncio.sleep(0.5)

    events, news = run_events(ScriptedDelegate(seconds=3), during, linger=linger)
    assert events[-1].state == state
    assert {str(each.state) for each in news} == {"running"}


def test_whoever_runs_the_bot_is_told_what_to_do_about_a_failure():
    async def main():
        log = EventLog(LoopClock())
        error = UnavailableError("the key is wrong", source="d", kind="unauthorized", hint="Check the key.")
        tickets = Tickets(ScriptedDelegate(error), LoopClock(), log, lambda _: None)
        tickets.submit(DelegateTask("d1", "who?", ""))
        await asyncio.sleep(5)
        await tickets.aclose()
        return [(event.state, event.reason, event.remedy) for event in log.recent() if event.kind == "status"]

    assert run_virtual(main()) == [("delegate.failed", "the key is wrong", "Check the key.")]


def test_after_the_end_nothing_is_taken():
    async def during(tickets, ask):
        await tickets.aclose()
        ask()

    logged, news = run_tickets(ScriptedDelegate(), during)
    assert logged == [("d1", "failed", "the session has ended")]
    assert not news


def test_tickets_that_a_process_left_open_are_settled_and_their_numbers_not_used_again():
    left = [TicketNews(f"d{n}", TicketState.RUNNING, "who?", "", 3.0, "i1", "c4") for n in (3, 11)]

    async def during(tickets, ask):
        tickets.resume(left, made=7, spent=Spent(9, 40, 0.5))
        assert (tickets.next_id(), tickets.spent) == ("d12", Spent(9, 40, 0.5))
        assert ask() == "d12"
        await asyncio.sleep(5)
        assert not tickets.open_to

    events, news = run_events(ScriptedDelegate(), during, tickets=10)
    assert [(event.id, str(event.state)) for event in events[:2]] == [("d3", "failed"), ("d11", "failed")]
    assert (news[0].digest, news[0].instruction, news[0].reply_to) == ("interrupted by a restart", "i1", "c4")


def test_a_log_tells_how_many_tickets_there_were_and_what_they_took():
    async def during(tickets, ask):
        for _ in range(3):
            ask()
            await asyncio.sleep(10)
        ask()
        assert tickets.cancel("d4")
        ask()
        ask()
        ask()

    events, _ = run_events(Paid(tokens=100, cost=0.25), during, tickets=5, at_once=1)
    assert account(events) == (7, Spent(5, 300, 0.75))
    assert account([]) == (0, Spent())


def test_a_delegate_that_gives_up_by_itself_or_answers_nonsense_has_failed():
    class Odd(ScriptedDelegate):
        async def answer(self, task, progress):
            if task.id == "d1":
                raise asyncio.CancelledError
            return {"text": "no answer of the port"} if task.id == "d2" else Answer(17)

    async def during(tickets, ask):
        for _ in range(3):
            ask()
            await asyncio.sleep(1)

    _, news = run_tickets(Odd(), during)
    assert [state for _, state, _ in news] == ["failed", "failed", "failed"]


@pytest.mark.parametrize("error", [TimeoutError(), UnavailableError("too slow", source="d", kind="timeout")])
def test_a_delegate_that_gives_up_in_time_has_timed_out(error):
    async def during(tickets, ask):
        ask()
        await asyncio.sleep(5)

    _, news = run_tickets(ScriptedDelegate(error), during)
    assert news[-1][1] == "timed_out"


def test_the_deadline_goes_with_the_question():
    delegate = ScriptedDelegate()

    async def during(tickets, ask):
        ask("x" * 10_000)
        await asyncio.sleep(1)

    run_tickets(delegate, during, deadline=7)
    assert delegate.tasks[0].within == 7
    assert len(delegate.tasks[0].question) == 4_000


def _observed(*wishes):
    return Observation(1, 30.0, 30.0, 0.0, (Trigger.CHAT,), instructions=wishes)


def test_a_delegate_is_told_what_was_wished_said_heard_and_written():
    async def main():
        log = EventLog(LoopClock())
        at = {"wall": 0.0, "t": 12.0}
        spoken = TickEvent(**at, n=1, triggers=(), action="speak", decided="speak", text="A dog!", latency_ms=1)
        log.write(spoken)
        log.write(spoken.model_copy(update={"action": "silence", "gate": "mute", "text": "unsaid"}))
        log.write(ChatEvent(**at, id="c1", author="ann", text="whose\nis it?", addressed=True))
        log.write(SpeechEvent(**at, id="s2", speaker="bob", text="mine", final=True))
        log.write(SpeechEvent(**at, id="s3", speaker="bob", text="mi", final=False))
        return digest(_observed(Instruction("i1", "Tell me of dogs", "ann", 3.0)), log)

    assert run_virtual(main()).splitlines() == [
        "It is second 30 of the session.",
        "Standing instruction i1: Tell me of dogs",
        "At 12 s the bot said: A dog!",
        "At 12 s ann wrote: whose is it?",
        "At 12 s bob said: mine",
    ]


def test_what_a_delegate_is_told_is_bounded_and_the_newest_is_kept():
    async def main(length, wishes):
        log = EventLog(LoopClock())
        for number in range(200):
            log.write(
                ChatEvent(
                    wall=0, t=number, id=f"c{number}", author="ann", text=f"{number} " + "x" * length, addressed=False
                )
            )
        wish = Instruction("i1", "y" * 2_000, "ann", 3.0)
        return digest(_observed(*(replace(wish, id=f"i{n}") for n in range(wishes))), log)

    few = run_virtual(main(3, 1))
    assert "199 xxx" in few
    assert few.count("wrote") == 20
    for length, wishes in [(5_000, 1), (5_000, 50), (0, 50)]:
        assert len(run_virtual(main(length, wishes))) <= MAX_KNOWN
