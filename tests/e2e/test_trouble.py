"""Trouble, outside-in: senders that come and go, two tracks at once, floods of chat, and people who interrupt."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from livekit import rtc

from tests.clips.scenes import textured
from tests.e2e.livekit_bot import Bot, bot_in
from tests.e2e.livekit_people import Person, Picture, person, until
from tests.e2e.livekit_server import LiveKitServer
from tests.e2e.streams import sender
from tests.stand_ins import ScriptedModel

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]

JOYVL = str(Path(sys.executable).parent / "joyvl")
LEAVES_WITHIN = 2.0


# --- a stream that stops and comes back -----------------------------------------------------


def test_a_stream_that_stops_is_waited_for_while_ticks_go_on(
    tmp_path: Path, require: Callable[[str], Path], free_port: Callable[[], int]
) -> None:
    ffmpeg, address = require("ffmpeg"), f"http://127.0.0.1:{free_port()}/live.ts"
    path = tmp_path / "log.jsonl"

    async def main() -> None:
        async with sender(ffmpeg, "-f", "mpegts", "-listen", "1", address) as first:
            await asyncio.sleep(0.3)
            async with watching(address, path) as process:
                await logged(path, lambda events: len(shown(events)) >= 4, "pictures")
                await first.stop()
                await logged(path, lambda events: rooms(events)[-1:] == ["paused"], "a pause")
                away = len(ticks(read(path)))
                await logged(path, lambda events: len(ticks(events)) >= away + 3, "ticks without pictures")
                assert {tick["frame"] for tick in ticks(read(path))[away:]} == {"none"}
                async with sender(ffmpeg, "-f", "mpegts", "-listen", "1", address):
                    await logged(path, lambda events: rooms(events)[-1:] == ["joined"], "its return")
                    await logged(path, lambda events: len(shown(events[-4:])) >= 2, "pictures again")
                await logged(path, lambda events: rooms(events)[-1:] == ["paused"], "a second pause")
                await interrupted(process)
        events = read(path)
        assert rooms(events) == ["joining", "joined", "paused", "joined", "paused", "left"]
        assert on_time(ticks(events))

    asyncio.run(main())


# --- two tracks, and floods ------------------------------------------------------------------


def test_camera_and_screen_share_of_one_person_are_both_watched(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        async with (
            person(livekit_server, "two tracks") as alice,
            bot_in(livekit_server, "two tracks", "Tell me when something appears") as bot,
        ):
            camera, screen = Stage(3), Stage(4)
            await alice.show(camera.pictures(), fps=10)
            await alice.show(screen.pictures(), fps=10, source=rtc.TrackSource.SOURCE_SCREENSHARE)
            await until(lambda: len(bot.watched()) == 2, what="both tracks")
            await asyncio.sleep(3.0)  # both backgrounds settle
            assert bot.said() == []
            screen.full = True
            await until(bot.said, 5, "what appeared on the screen")
            await asyncio.sleep(1.0)
            assert len(bot.said()) == 1
            camera.full = True
            await until(lambda: len(bot.said()) == 2, 5, "what appeared before the camera")
            assert all(track.age_ms is not None and track.age_ms < 500 for track in bot.watched())

    asyncio.run(main())


def test_a_flood_of_chat_delays_no_tick_and_hides_no_question(livekit_server: LiveKitServer) -> None:
    async def main() -> None:
        async with (
            person(livekit_server, "flood") as alice,
            person(livekit_server, "flood", "bob") as bob,
            bot_in(livekit_server, "flood", "Count the cars that pass") as bot,
        ):
            await alice.show(Stage(3).pictures(), fps=10)
            await until(bot.watched, what="a track")
            memory = psutil.Process().memory_info().rss
            flooding = asyncio.create_task(flood(alice))
            for n in range(3):
                await asyncio.sleep(0.6)
                await bob.say(f"@bot how many so far? ({n})")
            await flooding
            await until(lambda: len([t for t in bot.ticks() if t.reply_to]) >= 3, 5, "an answer to each question")
            await asyncio.sleep(2.0)
            walls = [tick.wall for tick in bot.ticks()]
            assert max(np.diff(walls)) < 2.0
            assert psutil.Process().memory_info().rss - memory < 50_000_000
            assert "model.failing" not in bot.statuses()

    asyncio.run(main())


# --- somebody interrupts ---------------------------------------------------------------------

REMARK = "A long remark about everything that can be seen on the road today and every day before it. "


def test_the_bot_gives_way_to_a_voice(
    livekit_server: LiveKitServer, require: Callable[[str], Path], tmp_path: Path
) -> None:
    words = spoken(require("flite"), "Excuse me, I would like to say something about this, please.", tmp_path)
    cough = words[: round(0.3 * VOICE_RATE)]
    model = ScriptedModel({3: f"</response> {REMARK * 3}"})

    async def main() -> None:
        async with (
            person(livekit_server, "barge in") as alice,
            person(livekit_server, "barge in", "bob") as bob,
            mouth_of(bob) as mouth,
            bot_in(livekit_server, "barge in", model=model) as bot,
        ):
            await until(lambda: alice.heard() > 1.0, 10, "the bot")
            # A cough: a pause, and on it goes.
            began = await mouth.say(cough)
            assert await silent_at_source(bot) - began < 0.3
            await until(lambda: alice.heard(began + 0.8) > 0.4, 4, "the bot again")
            # Somebody wants to speak: it stops.
            began = await mouth.say(words)
            assert await silent_at_source(bot) - began < 0.3
            await asyncio.sleep(2.5)
            assert alice.heard(began + 0.6) == 0.0, "heard after it was interrupted"
            assert alice.states[-1] == "listening"

    asyncio.run(main())


# --- helpers --------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def watching(source: str, log: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs `joyvl watch` in the block, its log in a file."""
    process = await asyncio.create_subprocess_exec(
        JOYVL, "watch", source, "--jsonl", str(log), *arguments, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def interrupted(process: asyncio.subprocess.Process) -> None:
    """Ctrl-C, and the end soon after it."""
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), LEAVES_WITHIN) == 130


async def logged(path: Path, holds: Callable[[list[dict[str, Any]]], Any], what: str, within: float = 20.0) -> None:
    """Returns once the log shows it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not holds(read(path)):
        assert loop.time() < deadline, f"no {what} within {within} s: {rooms(read(path))}"
        await asyncio.sleep(0.05)


def read(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log that is being written."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def ticks(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["kind"] == "tick"]


def shown(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ticks with a picture that is not old."""
    return [tick for tick in ticks(events) if any(track["age_ms"] < 500 for track in tick["tracks"])]


def rooms(events: Sequence[dict[str, Any]]) -> list[str]:
    """The states of the room, one after another."""
    states = [event["state"] for event in events if event["kind"] == "status"]
    return [state.removeprefix("room.") for state in states if state.startswith("room.")]


def on_time(some: Sequence[dict[str, Any]], most: float = 2.0) -> bool:
    """Whether no two ticks lie further apart than so many seconds."""
    walls = [tick["wall"] for tick in some]
    return all(later - earlier < most for earlier, later in itertools.pairwise(walls))


class Stage:
    """An empty scene; `full` puts a thing into it."""

    def __init__(self, seed: int) -> None:
        self._empty = textured((320, 180), seed)
        self.full = False

    def pictures(self) -> Iterator[Picture]:
        while True:
            picture = self._empty.copy()
            if self.full:
                cv2.rectangle(picture, (130, 60), (200, 130), (220, 40, 30), -1)
            yield picture


async def flood(someone: Person) -> None:
    """Two hundred lines in two seconds, few of them sensible."""
    junk = ["hello", "\x00\x07", "x" * 20_000, "{" * 200, "🚗" * 300, "\u202e" * 50, "@everybody", "</response> hi"]
    for n in range(200):
        await someone.say(junk[n % len(junk)] if n % 50 else "@bot " + junk[2])
        await asyncio.sleep(0.01)


VOICE_RATE = 16_000


def spoken(flite: Path, text: str, folder: Path) -> np.ndarray:
    """A man's voice, from its first sound on."""
    path = folder / "words.wav"
    subprocess.run([flite, "-voice", "rms", "-t", text, "-o", str(path)], check=True)
    samples = np.frombuffer(path.read_bytes()[44:], "<i2")
    return samples[int(np.argmax(np.abs(samples) > 1_000)) :]


class Mouth:
    """What somebody says into their microphone: words, or silence."""

    def __init__(self) -> None:
        self._source = rtc.AudioSource(VOICE_RATE, 1, 40)
        self._rest = np.zeros(0, np.int16)
        self._began: asyncio.Future[float] | None = None

    async def say(self, samples: np.ndarray) -> float:
        """Says something; returns when its first sound left, on the loop's clock."""
        self._rest, self._began = samples, asyncio.get_running_loop().create_future()
        return await self._began

    async def open(self, someone: Person) -> None:
        """Publishes it as a microphone, and speaks until cancelled."""
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await someone.room.local_participant.publish_track(track, options)
        size = VOICE_RATE // 50
        while True:
            part, self._rest = self._rest[:size], self._rest[size:]
            samples = np.pad(part, (0, size - len(part)))
            await self._source.capture_frame(rtc.AudioFrame(samples.tobytes(), VOICE_RATE, 1, size))
            if self._began and not self._began.done():
                self._began.set_result(asyncio.get_running_loop().time())


@contextlib.asynccontextmanager
async def mouth_of(someone: Person) -> AsyncIterator[Mouth]:
    """A microphone that is open in the block."""
    mouth = Mouth()
    speaking = asyncio.create_task(mouth.open(someone))
    try:
        yield mouth
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


async def silent_at_source(bot: Bot) -> float:
    """When nothing was left to play in the bot's track, for a quarter of a second at least."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 3.0
    since = None
    while since is None or loop.time() - since < 0.25:
        assert loop.time() < deadline, "the bot talks on"
        since = None if bot.room.voice.ahead > 0 else since or loop.time()
        await asyncio.sleep(0.005)
    return since
