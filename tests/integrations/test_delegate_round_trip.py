"""A question's way: the note, a real SDK on a real socket, and the answer in a later observation."""

import asyncio

import pytest
from pydantic import SecretStr

from integrations.delegates.openai import make_openai_delegate
from integrations.delegates.options import DelegateOptions
from joyvl_core.actions import Delegate, Speak
from joyvl_core.clock import LoopClock
from joyvl_core.delegation import DelegationSettings
from joyvl_core.engine import Engine
from joyvl_core.engine_settings import EngineSettings
from joyvl_core.events import EventLog
from joyvl_core.observation import Decision, TicketState
from tests.stand_ins import ListSink, ScriptedModel, picture, ticks
from tests.stand_ins.delegate_servers import Behaviour, DelegateServer, served


class Curious:
    """Asks once, and says what comes back."""

    def __init__(self):
        self.asked = False

    def __call__(self, observation):
        for news in observation.results:
            if news.state is not TicketState.RUNNING:
                return Decision(Speak(f"{news.state}: {news.digest}"))
        if not self.asked:
            self.asked = True
            return Decision(Delegate("Let me find out.", "What brand is that car?"))
        return Decision()


class Heard(ListSink):
    """Tells when something was said that begins so."""

    def __init__(self, beginning):
        super().__init__("chat")
        self.beginning = beginning
        self.heard = asyncio.Event()

    def offer(self, act):
        super().offer(act)
        if act.text.startswith(self.beginning):
            self.heard.set()


def watch(server: DelegateServer, until: str, **bounds):
    """Runs an engine until it has said something that begins so; returns its log and what was said."""

    async def main(asked):
        clock = LoopClock()
        log, sink = EventLog(clock), Heard(until)
        settings = EngineSettings(interval=0.1, floor=0.02, delegation=DelegationSettings(**bounds))
        engine = Engine(ScriptedModel(Curious()), clock, log, sinks=[sink], delegate=asked, settings=settings)
        engine.add_track("v", "camera")
        engine.offer_picture("v", picture(), 0.0)
        running = asyncio.create_task(engine.run())
        await asyncio.wait_for(sink.heard.wait(), 30)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return list(log.recent()), sink.texts, engine.tickets.spent

    options = DelegateOptions(model="eye", openai_url=server.url, openai_key=SecretStr("sk-a"), price_in=100.0)
    return asyncio.run(main(make_openai_delegate(options)))


def test_a_slow_answer_comes_back_through_the_model_while_ticks_go_on():
    with served("openai", Behaviour.SLOW, seconds=1.5) as server:
        events, said, spent = watch(server, "done")
    assert said == ["Let me find out.", "done: A red car."]
    assert len(ticks(events)) > 8
    assert (spent.tickets, spent.tokens, spent.money) == (1, 1_240, pytest.approx(0.12))
    assert len(server.seen[0].pictures) == 1


@pytest.mark.parametrize(
    ("behaviour", "bounds", "words"),
    [
        (Behaviour.UNAUTHORIZED, {}, "failed: the model's server does not accept the key"),
        (Behaviour.HANGING, {"deadline": 1.0}, "timed_out: no answer in time"),
        (Behaviour.GOOD, {"money": 0.0}, "failed: the session's budget of 0 for delegations is used up"),
    ],
)
def test_what_fails_hangs_or_costs_too_much_comes_back_in_words(behaviour, bounds, words):
    with served("openai", behaviour) as server:
        _, said, _ = watch(server, words[:6], **bounds)
    assert said[0] == "Let me find out."
    assert said[1].startswith(words)
    assert len(server.seen) == (0 if "money" in bounds else 1)
