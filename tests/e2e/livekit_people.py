"""Other people in a LiveKit room: they show pictures, talk, write, and note what the bot does."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from tests.e2e.livekit_server import LiveKitServer

Picture = NDArray[np.uint8]
LOUD = 500.0
"""Root mean square, in 16-bit units, above which sound counts as heard."""


@dataclass(frozen=True, slots=True)
class Line:
    """A chat line, or a caption with its attributes. `t`: seconds of the event loop."""

    t: float
    author: str
    text: str
    attributes: dict[str, str] = field(default_factory=dict)


class Person:
    """A participant. Use `person(...)` to let one in and out again."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.room = rtc.Room()
        self.chat: list[Line] = []
        self.transcripts: list[Line] = []
        self.states: list[str] = []
        self.energy: list[tuple[float, float]] = []
        """(second, root mean square) of each 20 ms that bots said."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: dict[str, asyncio.Task[None]] = {}
        self._stop = threading.Event()
        self.room.register_text_stream_handler("lk.chat", self._reads(self.chat))
        self.room.register_text_stream_handler("lk.transcription", self._reads(self.transcripts))
        self.room.on("participant_attributes_changed", self._on_attributes)
        self.room.on("track_subscribed", self._on_track)

    # --- what it does -----------------------------------------------------------------------

    async def join(self, server: LiveKitServer, room: str, *, name: str = "", kind: Any = "standard") -> None:
        await self.room.connect(server.url, server.token(self.identity, room, name=name, kind=kind))

    async def leave(self) -> None:
        self._stop.set()
        tasks = [*self._tasks, *self._listening.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.room.disconnect()

    async def say(self, text: str) -> None:
        await self.room.local_participant.send_text(text, topic="lk.chat")

    async def send_packet(self, data: bytes, topic: str = "lk-chat-topic") -> None:
        await self.room.local_participant.publish_data(data, topic=topic)

    async def show(
        self, pictures: Iterable[Picture], *, fps: float = 15.0, source: Any = rtc.TrackSource.SOURCE_CAMERA
    ) -> rtc.LocalTrackPublication:
        """Publishes RGB pictures of one size as a video track, in their own time."""
        coming = iter(pictures)
        first = next(coming)
        camera = rtc.VideoSource(
            first.shape[1], first.shape[0], is_screencast=source == rtc.TrackSource.SOURCE_SCREENSHARE
        )
        track = rtc.LocalVideoTrack.create_video_track("pictures", camera)
        options = rtc.TrackPublishOptions(source=source, simulcast=False)
        publication = await self.room.local_participant.publish_track(track, options)
        self._own(self._play(camera, itertools.chain([first], coming), fps))
        return publication

    async def show_file(self, path: Path, *, repeat: bool = False) -> rtc.LocalTrackPublication:
        """Publishes a video file as a camera, at its own rate. It is decoded in a thread."""
        with av.open(str(path)) as container:
            fps = float(container.streams.video[0].average_rate or 25)
        return await self.show(decoded(path, repeat=repeat), fps=fps)

    async def talk(self, hertz: float = 440.0) -> None:
        """Publishes a microphone with a steady tone."""
        source = rtc.AudioSource(48_000, 1, 100)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        self._own(_tone(source, hertz))

    # --- what it notices --------------------------------------------------------------------

    def heard(self, since: float = 0.0) -> float:
        """Seconds of sound heard since a moment of the event loop."""
        return 0.02 * sum(1 for t, level in self.energy if t >= since and level > LOUD)

    def _reads(self, into: list[Line]) -> Callable[[rtc.TextStreamReader, str], None]:
        def on_stream(reader: rtc.TextStreamReader, author: str) -> None:
            async def read() -> None:
                text = await reader.read_all()
                into.append(Line(_now(), author, text, dict(reader.info.attributes or {})))

            self._own(read())

        return on_stream

    def _on_attributes(self, changed: dict[str, str], _: rtc.Participant) -> None:
        if "lk.agent.state" in changed:
            self.states.append(changed["lk.agent.state"])

    def _on_track(self, track: rtc.Track, _: rtc.RemoteTrackPublication, who: rtc.RemoteParticipant) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO and who.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            before = self._listening.pop(who.identity, None)
            if before:
                before.cancel()
            self._listening[who.identity] = asyncio.get_running_loop().create_task(self._listen(track))

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=16_000, num_channels=1, frame_size_ms=20, capacity=100)
        try:
            async for event in stream:
                samples = np.frombuffer(event.frame.data, np.int16).astype(np.float32)
                self.energy.append((_now(), float(np.sqrt(np.mean(samples**2)))))
        finally:
            await stream.aclose()

    async def _play(self, camera: rtc.VideoSource, pictures: Iterator[Picture], fps: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while (picture := await asyncio.to_thread(next, pictures, None)) is not None:
            height, width = picture.shape[:2]
            camera.capture_frame(rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, picture.tobytes()))
            due = max(due + 1 / fps, loop.time() - 0.2)
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _own(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@contextlib.asynccontextmanager
async def person(
    server: LiveKitServer, room: str, identity: str = "alice", *, name: str = "", kind: Any = "standard"
) -> AsyncIterator[Person]:
    """Lets a participant into a room, and out again at the end of the block."""
    someone = Person(identity)
    await someone.join(server, room, name=name, kind=kind)
    try:
        yield someone
    finally:
        await someone.leave()


def decoded(path: Path, *, repeat: bool = False) -> Iterator[Picture]:
    """The RGB pictures of a video file."""
    while True:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24")
        if not repeat:
            return


def moving_square(width: int = 320, height: int = 180) -> Iterator[Picture]:
    """A bright square that crosses a dark picture, for ever."""
    for step in itertools.count():
        picture = np.full((height, width, 3), 40, np.uint8)
        left = step * 4 % (width - 40)
        picture[height // 2 - 20 : height // 2 + 20, left : left + 40] = (220, 200, 60)
        yield picture


async def until(holds: Callable[[], Any], within: float = 10.0, what: str = "") -> None:
    """Returns once the condition holds.

    Raises:
        AssertionError: It does not hold in time.
    """
    deadline = _now() + within
    while not holds():
        assert _now() < deadline, f"not within {within} s: {what or holds}"
        await asyncio.sleep(0.02)


async def _tone(source: rtc.AudioSource, hertz: float) -> None:
    for start in itertools.count(0, 960):
        wave = np.sin(2 * np.pi * hertz * (np.arange(960) + start) / 48_000) * 8_000
        await source.capture_frame(rtc.AudioFrame(wave.astype(np.int16).tobytes(), 48_000, 1, 960))


def _now() -> float:
    return asyncio.get_running_loop().time()
