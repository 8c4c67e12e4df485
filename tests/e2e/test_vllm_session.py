"""Two hundred seconds of a real road, watched through a real vLLM server on the CPU.

The tiny model's words are noise: what is looked at is the machinery around them.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from integrations.delegates.openai import make_openai_delegate
from integrations.delegates.options import DelegateOptions
from joyvl_core.asked import DelegateTask
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.engine import Engine
from joyvl_core.engine_settings import EngineSettings
from joyvl_core.events import AnyEvent, EventLog, StatusEvent, TicketEvent, TickEvent
from joyvl_core.media import Frame
from joyvl_core.memory.items import MemoryItem
from joyvl_core.memory.tiers import MemorySettings, TieredMemory
from joyvl_core.models.chat_completions.client import Usage
from joyvl_core.models.chat_completions.completing import Rank
from joyvl_core.models.chat_completions.model import ChatCompletionsModel
from joyvl_core.models.chat_completions.options import ChatOptions
from joyvl_core.models.chat_completions.server import Server
from joyvl_core.models.chat_completions.summarizer import ChatSummarizer
from joyvl_core.models.embedded.summarizer import ExtractiveSummarizer
from joyvl_core.observation import Decision, Observation, TicketState
from joyvl_core.threads import in_thread
from tests.clips import decoded
from tests.e2e.vllm_server import BLOCK_TOKENS, VllmServer

pytestmark = pytest.mark.e2e

SECONDS = 200
CHUNK = 60
DIES_AT = 110
LARGEST = 64 * 1024
QUESTIONS = 12
"""To the delegate: the tiny model answers most of them with nothing at all."""
ENDS = (TicketState.DONE, TicketState.FAILED, TicketState.TIMED_OUT)
NOTHING = "the model's server answered without a word"
_PIXELS = re.compile(rb'"url":"data:image/jpeg;base64,[^"]*"\},"uuid":"([^"]+)"')


@dataclass
class Kept:
    """Keeps in a list what a model wants to be remembered."""

    items: list[MemoryItem] = field(default_factory=list)

    def keep(self, item: MemoryItem) -> None:
        self.items.append(item)


@dataclass
class Turn:
    """What one tick sent and what the server counted."""

    second: int
    bytes: int = 0
    pixels: list[str] = field(default_factory=list)
    usage: Usage | None = None
    rolls: int = 0


@dataclass
class Session:
    """A session that is over."""

    log: list[AnyEvent]
    turns: list[Turn]
    kept: list[MemoryItem]
    summaries: int

    def ticks(self) -> list[TickEvent]:
        return [event for event in self.log if isinstance(event, TickEvent)]

    def statuses(self, part: str) -> list[StatusEvent]:
        return [event for event in self.log if isinstance(event, StatusEvent) and event.state.startswith(part)]


def road(path: Path) -> Iterator[Frame]:
    """The road again and again, five pictures a second, at session seconds that go on."""
    frames = [frame for n, frame in enumerate(decoded(path)) if n % 3 == 0]
    length = frames[-1].t + frames[1].t
    for turn in itertools.count():
        for frame in frames:
            yield Frame("road", frame.picture, frame.t + turn * length)


def make_model(url: str) -> tuple[ChatCompletionsModel, Server]:
    chosen = ChatOptions(url, max_tokens=12, memory=MemorySettings(chunk=CHUNK, summary_tokens=120))
    server = Server(chosen)
    fallback = ExtractiveSummarizer()
    memory = TieredMemory(ChatSummarizer(server.client), fallback=fallback, settings=chosen.memory)
    return ChatCompletionsModel(chosen, server, memory), server


def watch(vllm: VllmServer, video: Path, seconds: float, *, dies_at: float = math.inf) -> Session:
    """Watches the road on virtual time, a model's turn a second."""

    async def main() -> Session:
        clock = LoopClock()
        log, kept = EventLog(clock, keep=100_000), Kept()
        model, server = make_model(vllm.url)
        turns: list[Turn] = []
        sent: list[bytes] = []

        summaries = 0

        async def note(request: httpx.Request) -> None:
            nonlocal summaries
            sent.append(request.content)
            summaries += f'"priority": {Rank.SUMMARY}'.encode() in request.content

        server.client.http.event_hooks = {"request": [note]}

        def witness(observation: Observation, decision: Decision) -> None:
            mine = [body for body in sent if b'"stream":true' in body]
            turn = Turn(int(observation.t), usage=model.usage, rolls=model.rolls)
            turn.bytes = max(map(len, mine), default=0)
            turn.pixels = [name.decode() for body in mine for name in _PIXELS.findall(body)]
            turns.append(turn)
            sent.clear()

        delegate = make_openai_delegate(DelegateOptions(model=vllm.model, openai_url=vllm.url, max_tokens=16))
        engine = Engine(
            model, clock, log, delegate=delegate, settings=EngineSettings(events=False), keeper=kept, witness=witness
        )
        engine.add_track("road", "camera")
        engine.instruct("Count the cars that pass")
        running = asyncio.create_task(engine.run())
        asked, dead = 0, False
        for frame in road(video):
            if frame.t > seconds:
                break
            await clock.sleep_until(frame.t)
            engine.offer_picture("road", frame.picture, frame.t)
            if asked < QUESTIONS and frame.t > 20 + 5 * asked:
                asked += 1
                question = f"What is on lane {asked}?"
                engine.tickets.submit(DelegateTask(f"d{asked}", question, "a road", engine.views.recent))
            if not dead and frame.t > dies_at:
                dead = True
                await in_thread(vllm.kill)
            if dead and not vllm.alive and frame.t > dies_at + 5:
                await in_thread(vllm.start)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return Session(list(log.recent()), turns, kept.items, summaries)

    return run_virtual(main())


@pytest.fixture(scope="module")
def session(shared_vllm: VllmServer, media: Callable[[str], Path]) -> Session:
    return watch(shared_vllm, media("car-detection.mp4"), SECONDS, dies_at=DIES_AT)


def test_it_takes_a_turn_a_second_and_says_what_it_missed(session: Session):
    seconds = [int(tick.t) for tick in session.ticks()]
    assert len(seconds) >= SECONDS - 10
    assert all(later > earlier for earlier, later in itertools.pairwise(seconds))


def test_outside_roll_overs_the_whole_prompt_before_is_cached(session: Session):
    pairs = [
        (before.usage, after.usage)
        for before, after in itertools.pairwise(session.turns)
        if before.usage and after.usage and after.rolls == before.rolls and not missed(before, after)
    ]
    assert len(pairs) > SECONDS * 0.8
    for before, after in pairs:
        assert after.cached is not None
        assert after.cached >= before.prompt - BLOCK_TOKENS
    assert session.turns[-1].rolls >= 2


def missed(before: Turn, after: Turn) -> bool:
    """Whether the server died and came back between two turns."""
    return before.second <= DIES_AT < after.second


def test_requests_stay_small_and_pixels_go_once(session: Session):
    alive = [turn for turn in session.turns if turn.second < DIES_AT]
    assert max(turn.bytes for turn in alive) < LARGEST
    names = [name for turn in alive for name in turn.pixels]
    assert names
    assert len(names) == len(set(names))


def test_it_reads_how_sure_the_model_is_of_silence(session: Session):
    told = [tick.p_silence for tick in session.ticks() if tick.p_silence is not None]
    assert len(told) > SECONDS * 0.8
    assert all(0 <= p <= 1 for p in told)


def test_a_server_that_dies_is_told_once_and_picked_up_again(session: Session):
    told = [status.state for status in session.statuses("model.") if status.state != "model.hampered"]
    assert told == ["model.failing", "model.recovered"]
    assert max(turn.second for turn in session.turns if turn.usage) >= SECONDS - 2


def test_summaries_and_a_delegate_share_the_server(session: Session):
    summaries = [item for item in session.kept if item.kind == "summary"]
    assert len(summaries) >= 2
    assert session.summaries >= 2
    ends = [event for event in session.log if isinstance(event, TicketEvent) and event.state in ENDS]
    answered = [event for event in ends if event.state is TicketState.DONE or event.digest == NOTHING]
    assert len(answered) == len(ends) == QUESTIONS
    assert all(event.spent_tokens for event in ends if event.state is TicketState.DONE)
