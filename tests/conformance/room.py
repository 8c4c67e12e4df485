"""What every room must do. An adapter's tests inherit `RoomConformance` and set the stage.

Where the stage needs fixtures, an autouse fixture of the inheriting class keeps them on `self`."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from joyvl_core.media import AudioChunk, Picture
from joyvl_core.ports import AgentState, Room, RoomState, RoomStatus, Transcript

ENDED = {RoomState.LEFT, RoomState.FAILED}


@dataclass
class Recorder:
    """A listener that notes everything, in order."""

    calls: list[tuple[str, Any]] = field(default_factory=list)
    pictures: list[tuple[str, Picture, float]] = field(default_factory=list)
    sound: list[tuple[str, AudioChunk]] = field(default_factory=list)

    def on_status(self, status: RoomStatus) -> None:
        self.calls.append(("status", status))

    def on_track(self, track: str, label: str) -> None:
        self.calls.append(("track", (track, label)))

    def on_track_gone(self, track: str) -> None:
        self.calls.append(("gone", track))

    def on_picture(self, track: str, picture: Picture, pts: float) -> None:
        if not any(known == track for known, _, _ in self.pictures):
            self.calls.append(("first picture", track))
        self.pictures.append((track, picture, pts))

    def on_audio(self, participant: str, chunk: AudioChunk) -> None:
        self.sound.append((participant, chunk))

    def on_chat(self, author: str, text: str, *, addressed: bool = False) -> None:
        self.calls.append(("chat", (author, text)))

    def on_people(self, people: tuple[str, ...]) -> None:
        self.calls.append(("people", people))

    def all(self, kind: str) -> list[Any]:
        """Everything noted of one kind: status, track, gone, `first picture`, chat, people."""
        return [what for noted, what in self.calls if noted == kind]

    @property
    def states(self) -> list[RoomState]:
        return [status.state for status in self.all("status")]

    @property
    def reasons(self) -> list[str]:
        return [status.reason for status in self.all("status")]


@dataclass
class Stage:
    """A room to be tested, and somebody on its other side who shows moving pictures from the start.

    Attributes:
        room: Made, not run.
        say: Somebody else writes a line; None where the transport has no chat.
        read: The lines that somebody else has received.
        heard: Seconds of sound that somebody else has heard.
    """

    room: Room
    say: Callable[[str], Coroutine[Any, Any, None]] | None = None
    read: Callable[[], list[str]] = list
    heard: Callable[[], float] = float


@contextlib.asynccontextmanager
async def staying(room: Room) -> AsyncIterator[Recorder]:
    """Runs the room inside the block, from joined to left; a failure of `run` is raised at the end."""
    recorder = Recorder()
    stay = asyncio.create_task(room.run(recorder))
    try:
        await until(lambda: RoomState.JOINED in recorder.states or stay.done(), what="joined")
        yield recorder
    finally:
        await room.leave()
        await asyncio.wait_for(stay, 5)


async def until(holds: Callable[[], Any], within: float = 10.0, what: str = "the condition") -> None:
    """Returns once something holds.

    Raises:
        AssertionError: It does not hold in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not holds():
        assert loop.time() < deadline, f"{what}: not within {within} s"
        await asyncio.sleep(0.02)


def left_behind() -> list[str]:
    """Tasks of rooms that still run."""
    coroutines = (task.get_coro() for task in asyncio.all_tasks())
    return [str(each) for each in coroutines if inspect.iscoroutine(each) and "/bot/rooms/" in each.cr_code.co_filename]


class RoomConformance(ABC):
    """The `Room` port's tests."""

    @abstractmethod
    def stage(self) -> AbstractAsyncContextManager[Stage]:
        """Sets the stage and clears it away."""

    def play(self, scene: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
        complaints: list[str] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(str(about)))
            async with self.stage() as stage:
                await scene(stage)
                assert left_behind() == []

        asyncio.run(main())
        gc.collect()  # a task that nobody awaited complains when it is collected
        assert complaints == []

    def test_joined_comes_before_anything_else(self) -> None:
        async def scene(stage: Stage) -> None:
            async with staying(stage.room) as recorder:
                await until(lambda: recorder.pictures, what="a picture")
            joined = next(
                at for at, (_, what) in enumerate(recorder.calls) if getattr(what, "state", None) is RoomState.JOINED
            )
            assert {kind for kind, _ in recorder.calls[:joined]} <= {"status"}
            assert recorder.states[-1] in ENDED
            assert all(recorder.reasons)

        self.play(scene)

    def test_pictures_follow_their_track_and_their_time_grows(self) -> None:
        async def scene(stage: Stage) -> None:
            async with staying(stage.room) as recorder:
                await until(lambda: len(recorder.pictures) >= 10, what="ten pictures")
            track, label = recorder.all("track")[0]
            order = [call for call in recorder.calls if call in [("track", (track, label)), ("first picture", track)]]
            assert order[0][0] == "track"
            assert label
            times = [pts for known, _, pts in recorder.pictures if known == track]
            assert all(later > earlier for earlier, later in itertools.pairwise(times))
            picture = recorder.pictures[-1][1]
            width, height = picture.size
            assert picture.luma().shape == (height, width)
            assert picture.rgb(within=(64, 64)).shape[2] == 3

        self.play(scene)

    def test_pictures_change_with_what_is_shown(self) -> None:
        async def scene(stage: Stage) -> None:
            async with staying(stage.room) as recorder:
                await until(lambda: len(recorder.pictures) >= 10, what="ten pictures")
            shown = [picture.rgb(within=(64, 64)).astype(np.int16) for _, picture, _ in recorder.pictures]
            assert max(np.abs(each - shown[0]).max() for each in shown if each.shape == shown[0].shape) > 40

        self.play(scene)

    def test_chat_goes_out_and_comes_in(self) -> None:
        async def scene(stage: Stage) -> None:
            async with staying(stage.room) as recorder:
                await stage.room.send_chat("a car passed 车")  # does nothing where there is no chat
                if stage.say is None:
                    return
                await until(lambda: "a car passed 车" in stage.read(), what="the bot's line")
                await stage.say("how many?")
                await until(lambda: "how many?" in [text for _, text in recorder.all("chat")], what="the person's line")
                assert all(author for author, _ in recorder.all("chat"))

        self.play(scene)

    def test_what_is_written_to_the_voice_is_heard(self) -> None:
        async def scene(stage: Stage) -> None:
            voice = stage.room.voice
            async with staying(stage.room):
                if voice is None:
                    return
                time = np.arange(voice.rate // 5) / voice.rate
                tone = (np.sin(2 * np.pi * 440 * time) * 9_000).astype(np.int16)
                for _ in range(50):  # until the other side has picked the track up
                    await asyncio.wait_for(voice.write(tone), 2)
                    if stage.heard() > 0.3:
                        break
                assert voice.ahead <= 0.5
                voice.clear()
                assert voice.ahead <= 0.05
                await until(lambda: stage.heard() > 0.3, what="sound")

        self.play(scene)

    def test_transcripts_and_states_are_taken_at_any_time(self) -> None:
        async def scene(stage: Stage) -> None:
            async with staying(stage.room):
                await stage.room.set_agent_state(AgentState.SPEAKING)
                await stage.room.send_transcript(Transcript("s1", "a car", "en"))

        self.play(scene)

    def test_leave_ends_the_stay_within_two_seconds(self) -> None:
        async def scene(stage: Stage) -> None:
            recorder = Recorder()
            stay = asyncio.create_task(stage.room.run(recorder))
            await until(lambda: recorder.pictures, what="a picture")
            await stage.room.leave()
            await stage.room.leave()
            await asyncio.wait_for(stay, 2)
            assert recorder.states[-1] is RoomState.LEFT
            assert recorder.states.count(RoomState.LEFT) == 1
            known = len(recorder.pictures)
            await asyncio.sleep(0.2)
            assert len(recorder.pictures) == known
            await stage.room.leave()

        self.play(scene)

    def test_leave_while_joining_ends_the_stay(self) -> None:
        async def scene(stage: Stage) -> None:
            recorder = Recorder()
            stay = asyncio.create_task(stage.room.run(recorder))
            await asyncio.sleep(0)
            await stage.room.leave()
            await asyncio.wait_for(stay, 2)
            assert recorder.states[-1] is RoomState.LEFT

        self.play(scene)

    def test_a_cancelled_stay_is_tidied_up(self) -> None:
        async def scene(stage: Stage) -> None:
            recorder = Recorder()
            stay = asyncio.create_task(stage.room.run(recorder))
            await until(lambda: recorder.pictures, what="a picture")
            stay.cancel()
            await asyncio.wait({stay}, timeout=2)
            assert stay.cancelled()
            assert left_behind() == []

        self.play(scene)

    def test_a_stay_is_run_once(self) -> None:
        async def scene(stage: Stage) -> None:
            async with staying(stage.room):
                with pytest.raises(RuntimeError):
                    await stage.room.run(Recorder())
            with pytest.raises(RuntimeError):
                await stage.room.run(Recorder())

        self.play(scene)
