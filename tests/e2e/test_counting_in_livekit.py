"""The main job in a real LiveKit room: a person shows the road, the bot counts the cars, aloud and in the chat."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from livekit import rtc

from bot.rooms.livekit import LiveKitRoom
from joyvl_core.events import InstructionEvent
from tests.e2e.livekit_bot import Bot, bot_in
from tests.e2e.livekit_people import LOUD, Person, person, until
from tests.e2e.livekit_server import LiveKitServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ENTERS = (4.3, 14.3, 14.8, 25.2)
"""When each car of the clip is first visible, in seconds."""


def spoken(alice: Person) -> list[tuple[float, str]]:
    """The bot's chat lines without its announcement and its statuses, with their times."""
    return [(line.t, line.text) for line in alice.chat if line.text.isdigit()]


def test_the_cars_are_counted_aloud_and_in_the_chat(
    livekit_server: LiveKitServer, media: Callable[[str], Path]
) -> None:
    async def main() -> None:
        clip = media("car-detection.mp4")
        async with (
            person(livekit_server, "road") as alice,
            bot_in(livekit_server, "road", "Count the cars that pass") as bot,
        ):
            await alice.show_file(clip)
            shown = asyncio.get_running_loop().time()
            await until(lambda: len(spoken(alice)) >= 4, 40, "four cars")
            await asyncio.sleep(5.5)  # the rest of the clip: nothing more may come
            lines = spoken(alice)
            assert [text for _, text in lines] == ["1", "2", "3", "4"]
            for (t, _), enters in zip(lines, ENTERS, strict=True):
                assert -0.5 < t - shown - enters < 2.0
            assert bot.said() == ["1", "2", "3", "4"]
            others = [line.text for line in alice.chat if not line.text.isdigit()]
            assert "AI" in others[0]
            assert all(text.startswith("ℹ") for text in others[1:])
            assert_heard_where_captioned(alice, shown)
            assert {"listening", "speaking"} <= set(alice.states)
            assert alice.states[-1] == "listening"

    asyncio.run(main())


def assert_heard_where_captioned(alice: Person, since: float) -> None:
    """There is sound where a caption says so, and silence elsewhere."""
    finals = [line for line in alice.transcripts if line.attributes.get("lk.transcription_final") == "true"]
    assert [line.text for line in finals] == ["1", "2", "3", "4"]
    loud = [t for t, level in alice.energy if t > since and level > LOUD]
    for line in finals:
        assert any(-1.5 < t - line.t < 0.6 for t in loud), f"nothing heard around {line.text}"
    assert all(any(-2.0 < t - line.t < 1.0 for line in finals) for t in loud), "heard where nothing was captioned"


FAULTS = [("SIGNAL_RECONNECT", "FULL_RECONNECT"), ("NODE_FAILURE", "MIGRATION"), ("SERVER_LEAVE", None)]


@pytest.mark.parametrize("faults", FAULTS)
def test_a_session_survives_faults_and_says_nothing_twice(
    livekit_server: LiveKitServer, faults: tuple[str, ...]
) -> None:
    """One thing passes before, between and after the faults: it is counted once each time."""
    name = "-".join(filter(None, faults))

    async def main() -> None:
        async with (
            person(livekit_server, name) as alice,
            bot_in(livekit_server, name, "Count the cars that pass") as bot,
        ):
            road = Road()
            await alice.show(road.pictures(), fps=12)
            await pass_by(road, bot, ["1"])
            for fault, count in zip(filter(None, faults), itertools.count(2), strict=False):
                joined = bot.statuses().count("room.joined")
                await simulate(bot.room, fault)
                await until(
                    lambda joined=joined: bot.statuses().count("room.joined") > joined, 20, f"{fault} to be over"
                )
                await until(lambda: seen_lately(bot), 10, "pictures again")
                await pass_by(road, bot, [str(n) for n in range(1, count + 1)])
            assert [text for _, text in spoken(alice)] == bot.said()
            assert [e.state for e in bot.log.recent() if isinstance(e, InstructionEvent)] == ["added"]
            assert [tick.n for tick in bot.ticks()] == list(range(len(bot.ticks())))

    asyncio.run(main())


def test_a_session_survives_the_servers_restart(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        async with bot_in(livekit_server, "restart", "Count the cars that pass") as bot:
            async with person(livekit_server, "restart") as alice:
                road = Road()
                await alice.show(road.pictures(), fps=12)
                await pass_by(road, bot, ["1"])
                await asyncio.to_thread(livekit_server.kill)
                await until(lambda: "room.reconnecting" in bot.statuses(), 10, "reconnecting")
                await asyncio.to_thread(livekit_server.start)
            joined = bot.statuses().count("room.joined")
            await until(lambda: bot.statuses().count("room.joined") > joined or joined > 1, 20, "joined again")
            async with person(livekit_server, "restart", "bob") as bob:
                road = Road()
                await bob.show(road.pictures(), fps=12)
                await until(lambda: seen_lately(bot), 10, "pictures again")
                await pass_by(road, bot, ["1", "2"])
                await until(lambda: [text for _, text in spoken(bob)] == ["2"], 5, "the second count in the chat")

    asyncio.run(main())


def test_it_takes_wishes_from_the_chat_and_leaves_when_asked(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        async with person(livekit_server, "wishes") as alice, bot_in(livekit_server, "wishes") as bot:
            road = Road()
            await alice.show(road.pictures(), fps=12)
            await alice.say("@bot count the cars")
            await until(lambda: bot.participant.engine.instructions.standing(), 5, "the wish to stand")
            await pass_by(road, bot, ["1"], last_only=True)
            await alice.say("@bot 一共多少了?")
            await until(lambda: any("1" in text and "个" in text for text in bot.said()), 5, "an answer in Chinese")
            await alice.say("@bot stop counting")
            await until(lambda: not bot.participant.engine.instructions.standing(), 5, "the wish to end")
            for junk in ("\x00\x00\x00", "x" * 20_000, "@bot " + "🚗" * 3_000, "@bot " + "\u202e" * 50, "{" * 500):
                await alice.say(junk)
            await alice.send_packet(b"\xff\xfe garbage")
            await asyncio.sleep(1.5)
            assert bot.statuses()[-1] != "room.left"
            assert "model.failing" not in bot.statuses()
            await alice.say("@bot leave")
            await until(lambda: "bot" not in alice.room.remote_participants, 3, "it to be gone")

    asyncio.run(main())


# --- helpers --------------------------------------------------------------------------------


class Road:
    """A quiet textured road; `pass_now` sends one car across it, in two seconds."""

    size = (480, 270)

    def __init__(self) -> None:
        random = np.random.default_rng(7)
        self._road = cv2.GaussianBlur(random.integers(80, 110, (270, 480, 3), dtype=np.uint8), (9, 9), 0)
        self._from: int | None = None
        self._n = 0

    def pass_now(self) -> None:
        self._from = self._n

    def pictures(self):
        while True:
            picture = self._road.copy()
            if self._from is not None and self._n >= self._from:
                x = int(-90 + (self._n - self._from) * 26)
                cv2.rectangle(picture, (x, 130), (x + 90, 180), (200, 40, 30), -1)
                cv2.rectangle(picture, (x + 15, 112), (x + 70, 132), (60, 60, 90), -1)
            self._n += 1
            yield picture


async def pass_by(road: Road, bot: Bot, said: list[str], *, last_only: bool = False) -> None:
    """One car passes; the bot has then said just what is given."""
    await asyncio.sleep(2.5)  # the background settles
    road.pass_now()
    await until(lambda: (bot.said()[-1:] == said[-1:]) if last_only else bot.said() == said, 8, f"the count {said}")
    await asyncio.sleep(1.5)  # it leaves the picture
    assert last_only or bot.said() == said


def seen_lately(bot: Bot) -> bool:
    last = bot.ticks()[-1]
    return any(track.age_ms is not None and track.age_ms < 500 for track in last.tracks)


async def simulate(room: LiveKitRoom, fault: str) -> None:
    """Asks the server for a fault; only the bot's own connection can."""
    assert room._connection
    kind = rtc.SimulateScenarioKind.Value(f"SIMULATE_{fault}")
    with contextlib.suppress(TimeoutError, RuntimeError):  # the connection may be gone before the answer
        await asyncio.wait_for(room._connection.room.simulate_scenario(kind), 5)
