"""The floor under every reaction through LiveKit: a participant that answers a brighter picture at once.

No sampling, no perception, no decision: what is left is the transport. Runs as a process of its own:
`python -m tests.bench.floor URL TOKEN`.
"""

from __future__ import annotations

import asyncio
import sys

import numpy as np
from livekit import rtc

_TONE = (np.sin(2 * np.pi * 440 * np.arange(480) / 48_000) * 9_000).astype(np.int16)
_QUIET = np.zeros(480, np.int16)
STEP = 4.0
"""Change of the mean brightness that counts as the event."""


class Floor:
    """Answers with a line of chat and a tone."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.loud = False

    async def run(self, url: str, token: str) -> None:
        subscribed = asyncio.Event()
        tracks: list[rtc.Track] = []

        def on_track(track: rtc.Track, *_: object) -> None:
            if track.kind == rtc.TrackKind.KIND_VIDEO:
                tracks.append(track)
                subscribed.set()

        self.room.on("track_subscribed", on_track)
        await self.room.connect(url, token)
        source = rtc.AudioSource(48_000, 1, 100)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(
            rtc.LocalAudioTrack.create_audio_track("voice", source), options
        )
        await subscribed.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sound(source))
            group.create_task(self._watch(tracks[0]))

    async def _sound(self, source: rtc.AudioSource) -> None:
        while True:
            samples = _TONE if self.loud else _QUIET
            await source.capture_frame(rtc.AudioFrame(samples.tobytes(), 48_000, 1, 480))

    async def _watch(self, track: rtc.Track) -> None:
        usual = 255.0
        async for event in rtc.VideoStream(track, capacity=1):
            frame = event.frame
            luma = np.frombuffer(frame.data, np.uint8, count=frame.width * frame.height)[::997]
            level = float(luma.mean())
            # The first pictures are dark and coarse: what is usual follows quickly, but not while the event lasts.
            seen = level > usual + STEP
            usual = usual if seen else usual + 0.2 * (level - usual)
            if seen and not self.loud:
                await self.room.local_participant.send_text("seen", topic="lk.chat")
            self.loud = seen


async def main() -> None:
    # A Room belongs to the loop in which it is made.
    await Floor().run(sys.argv[1], sys.argv[2])


if __name__ == "__main__":
    asyncio.run(main())
