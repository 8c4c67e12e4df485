import asyncio

from joyvl_core.asked import DelegateTask
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.delegation import MAX_DIGEST, DelegationSettings, Tickets
from joyvl_core.errors import UnavailableError
from joyvl_core.events import EventLog, TicketEvent
from tests.stand_ins import ScriptedDelegate


def run_tickets(delegate, during, **settings):
    """Runs `during(tickets, ask)` and returns the log's ticket lines and the news, as (id, state, digest)."""
    news = []

    async def main():
        clock = LoopClock()
        log = EventLog(clock)
        tickets = Tickets(delegate, clock, log, news.append, DelegationSettings(**settings))

        def ask(question="who?"):
            ticket = tickets.next_id()
            tickets.submit(DelegateTask(ticket, question, ""))
            return ticket

        await during(tickets, ask)
        await asyncio.wait_for(tickets.aclose(), 5)
        return [event for event in log.recent() if isinstance(event, TicketEvent)]

    logged = run_virtual(main())
    return [(e.id, str(e.state), e.digest) for e in logged], [(n.id, str(n.state), n.digest) for n in news]


def test_refused_tickets_have_ids_of_their_own_and_a_reason():
    async def during(tickets, ask):
        assert [ask(), ask(), ask()] == ["d1", "d2", "d3"]
        await asyncio.sleep(10)
        assert ask() == "d4"
        await asyncio.sleep(10)

    logged, _ = run_tickets(ScriptedDelegate(), during, budget=3)
    assert ("d3", "failed", "2 questions are being answered already") in logged
    assert [state for ticket, state, _ in logged if ticket == "d4"] == ["running", "running", "done"]


def test_a_budget_that_is_used_up_says_so():
    async def during(tickets, ask):
        ask()
        await asyncio.sleep(10)
        assert not tickets.open_to
        ask()

    logged, news = run_tickets(ScriptedDelegate(), during, budget=1)
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
