"""A question's round trip in a real LiveKit room: the note is spoken, counting goes on, the answer is said in time.

The model is a script behind a real server; the delegate is a real client of a stand-in service, good and bad.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.brief import Brief
from bot.keeping import beginning
from bot.participant import Participant
from bot.rooms.livekit import LiveKitOptions, LiveKitRoom
from bot.settings import Settings
from integrations.delegates.openai import make_openai_delegate
from integrations.delegates.options import DelegateOptions
from integrations.tts.system import SystemSpeech
from integrations.vad.silero import SileroActivity
from joyvl_core.delegation import DelegationSettings
from joyvl_core.engine_settings import EngineSettings
from joyvl_core.events import StatusEvent, TicketEvent, TickEvent
from joyvl_core.models.chat_completions import make_joyvl_model
from joyvl_core.models.serving import ServerOptions
from joyvl_core.observation import TicketState
from joyvl_core.store import Store
from tests.e2e.livekit_bot import Bot
from tests.e2e.livekit_people import Person, moving_square, person, until
from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer
from tests.stand_ins.delegate_servers import Behaviour, DelegateServer, served
from tests.stand_ins.model_server import ModelServer, Seen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

NOTE = "Let me find out."
EVERY = 3
"""Turns between two counts."""
PATIENCE = 2
"""Turns that the model waits with an answer that it has."""
_RESULT = re.compile(r"\[Delegation Result (d\d+)\]\n.*has been answered: (.*)")
_FAILED = re.compile(r"\[Delegation Failed (d\d+)\]\n.*got no answer: (.*)")


@dataclass
class Counter:
    """The model: it counts every third turn, delegates what it is asked, and says later what comes back."""

    turns: int = 0
    count: int = 0
    came: dict[str, int] = field(default_factory=dict)
    """The turn that told each result, by the ticket's id."""
    due: list[tuple[int, str]] = field(default_factory=list)

    def __call__(self, seen: Seen) -> str:
        if not seen.body.get("stream"):
            return "Cars pass."
        self.turns += 1
        for pattern, words in ((_RESULT, "It is this: {}"), (_FAILED, "I could not find out: {}")):
            if found := pattern.search(seen.text):
                self.came[found[1]] = self.turns
                self.due.append((self.turns + PATIENCE, words.format(found[2])))
        if "what brand" in seen.text:
            return f"</response> {NOTE} </delegation> What brand is the red car?"
        if self.due and self.due[0][0] <= self.turns:
            return f"</response> {self.due.pop(0)[1]}"
        if self.turns % EVERY == 0:
            self.count += 1
            return f"</response> {self.count}"
        return "</silence>"


@contextlib.asynccontextmanager
async def counting(
    livekit: LiveKitServer, folder: Path, model: ModelServer, delegate: DelegateServer, **bounds: float
) -> AsyncIterator[Bot]:
    """The bot in a room named after its database's folder, with a voice, a store, a model and a delegate."""
    name = folder.name
    options = LiveKitOptions(
        livekit.url,
        name,
        api_key=KEY,
        api_secret=SecretStr(SECRET),
        identity="bot",
        ice_servers=("stun:127.0.0.1",),
    )
    room, voice = LiveKitRoom(options), SystemSpeech()
    asked = DelegateOptions(model="eye", openai_url=delegate.url, openai_key=SecretStr("sk-a"), price_in=1_000.0)
    settings = Settings(database_url=SecretStr(url_of(folder)))
    async with beginning(settings, name, jsonl=None, keep=True, session="asked") as begun:
        participant = Participant(
            room,
            make_joyvl_model(server=ServerOptions(url=model.url)),
            begun.clock,
            begun.out.log,
            voice=voice,
            make_vad=SileroActivity,
            delegate=make_openai_delegate(asked),
            brief=Brief(
                instructions=("Count the cars that pass",),
                engine=EngineSettings(delegation=DelegationSettings(**bounds), linger=5.0),  # type: ignore[arg-type]  # of its fields
            ),
            kept=begun.kept,
        )
        stay = asyncio.create_task(participant.run())
        bot = Bot(room, participant, begun.out.log)
        try:
            await until(lambda: "room.joined" in bot.statuses(), what="joined")
            yield bot
        finally:
            await asyncio.wait_for(room.leave(), 5)
            await asyncio.wait_for(stay, 10)
            await voice.aclose()


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'joyvl.db'}"


def tickets(bot: Bot, state: TicketState) -> list[TicketEvent]:
    return [event for event in bot.log.recent() if isinstance(event, TicketEvent) and event.state is state]


def spoken(alice: Person) -> list[str]:
    """What captions say was said aloud, each once."""
    return [line.text for line in alice.transcripts if line.attributes.get("lk.transcription_final") == "true"]


async def ask(alice: Person, bot: Bot) -> TickEvent:
    """Asks once the bot is counting, and waits for the note; returns the tick that delegated."""
    await alice.show(moving_square(), fps=12)
    await until(lambda: "1" in bot.said(), 15, "it to count")
    before = sum(tick.action == "delegate" for tick in bot.ticks())
    await alice.say("@bot what brand is the red car?")
    return await delegated(bot, before)


async def delegated(bot: Bot, before: int) -> TickEvent:
    def found() -> list[TickEvent]:
        return [tick for tick in bot.ticks() if tick.action == "delegate"][before:]

    await until(found, 8, "the question to be delegated")
    return found()[0]


def assert_counted_on(bot: Bot, since: int, until_tick: int) -> None:
    """Ticks went on, a second at a time, while somebody else was thinking."""
    between = [tick for tick in bot.ticks() if since < tick.n < until_tick]
    assert len(between) >= 2
    gaps = [later.t - earlier.t for earlier, later in itertools.pairwise(between)]
    assert all(gap < 2.5 for gap in gaps), gaps
    counts = [int(text) for text in bot.said() if text.isdigit()]
    assert counts == list(range(1, len(counts) + 1)), "none is left out, none said twice"


def test_a_slow_answer_is_said_when_the_model_decides_so_and_counting_goes_on(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    async def main(model: ModelServer, delegate: DelegateServer) -> None:
        async with (
            person(livekit_server, tmp_path.name) as alice,
            counting(livekit_server, tmp_path, model, delegate) as bot,
        ):
            tick = await ask(alice, bot)
            await until(lambda: tickets(bot, TicketState.DONE), 12, "an answer")
            await until(lambda: "It is this: A red Skoda." in bot.said(), 10, "the answer to be said")
            answer = next(each for each in bot.ticks() if each.text == "It is this: A red Skoda.")
            assert_counted_on(bot, tick.n, answer.n)
            await until(lambda: "It is this: A red Skoda." in spoken(alice), 10, "it to be heard")
            texts = [line.text for line in alice.chat]
            assert NOTE in texts, "the note goes where the question came from"
            assert script.turns >= script.came["d1"] + PATIENCE
            assert alice.heard() > 0.5

    script = Counter()
    with ModelServer(script) as model, served("openai", Behaviour.SLOW, seconds=3.0, text="A red Skoda.") as delegate:
        asyncio.run(main(model, delegate))
        assert (
            delegate.seen[0].question.endswith("What brand is the red car?")
            or "What brand" in delegate.seen[0].question
        )
        assert delegate.seen[0].pictures, "the recent frames go along"


@pytest.mark.parametrize(
    ("behaviour", "bounds", "state", "words"),
    [
        (Behaviour.UNAUTHORIZED, {}, TicketState.FAILED, "does not accept the key"),
        (Behaviour.HANGING, {"deadline": 2.0}, TicketState.TIMED_OUT, "no answer in time"),
    ],
)
def test_what_fails_or_hangs_comes_back_in_words_and_counting_goes_on(
    livekit_server: LiveKitServer,
    tmp_path: Path,
    behaviour: Behaviour,
    bounds: dict[str, float],
    state: TicketState,
    words: str,
) -> None:
    async def main(model: ModelServer, delegate: DelegateServer) -> None:
        async with (
            person(livekit_server, tmp_path.name) as alice,
            counting(livekit_server, tmp_path, model, delegate, **bounds) as bot,
        ):
            tick = await ask(alice, bot)
            await until(lambda: tickets(bot, state), 12, "the end of the ticket")
            await until(lambda: any("could not find out" in text for text in bot.said()), 10, "it to be said")
            said = next(each for each in bot.ticks() if "could not find out" in each.text)
            assert words in said.text
            assert_counted_on(bot, tick.n, said.n)
            assert "model.failing" not in bot.statuses()

    with ModelServer(Counter()) as model, served("openai", behaviour) as delegate:
        asyncio.run(main(model, delegate))


def test_over_the_budget_nobody_is_asked_the_note_is_said_and_the_room_is_told(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    async def main(model: ModelServer, delegate: DelegateServer) -> None:
        async with (
            person(livekit_server, tmp_path.name) as alice,
            counting(livekit_server, tmp_path, model, delegate, money=1.0) as bot,
        ):
            await ask(alice, bot)
            await until(lambda: tickets(bot, TicketState.DONE), 12, "the first answer")
            notes = bot.said().count(NOTE)
            await alice.say("@bot what brand is it, again?")
            await until(lambda: bot.said().count(NOTE) > notes, 8, "the second note")
            await until(lambda: any("nobody takes it" in line.text for line in alice.chat), 5, "the room to be told")
            count = len(bot.said())
            await until(lambda: len(bot.said()) > count, 10, "it to count on")
            assert not bot.participant.engine.tickets.open_to

    with ModelServer(Counter()) as model, served("openai") as delegate:
        asyncio.run(main(model, delegate))
        assert len(delegate.seen) == 1


def test_an_answer_that_comes_after_the_end_is_stored(livekit_server: LiveKitServer, tmp_path: Path) -> None:
    async def main(model: ModelServer, delegate: DelegateServer) -> list[TicketEvent]:
        async with person(livekit_server, tmp_path.name) as alice:
            async with counting(livekit_server, tmp_path, model, delegate) as bot:
                await ask(alice, bot)
                await until(delegate.asked.is_set, 5, "the question to be under way")
                await alice.say("@bot leave")
                await until(lambda: "room.left" in bot.statuses(), 5, "it to leave")
                assert not tickets(bot, TicketState.DONE)
            async with Store.open(url_of(tmp_path)) as store:
                log = [event async for event in store.events("asked")]
        left = next(n for n, event in enumerate(log) if isinstance(event, StatusEvent) and event.state == "room.left")
        return [event for event in log[left:] if isinstance(event, TicketEvent)]

    with ModelServer(Counter()) as model, served("openai", Behaviour.SLOW, seconds=3.0, text="Late.") as delegate:
        ended = asyncio.run(main(model, delegate))
    [late] = [event for event in ended if event.state is not TicketState.RUNNING]
    assert (late.id, late.state, late.digest) == ("d1", TicketState.DONE, "Late.")
