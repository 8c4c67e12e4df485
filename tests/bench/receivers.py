"""What a participant costs at least, and what a naive one costs: receives video and drops it, or JPEG-encodes it all.

Like a bot, each publishes a microphone on which it says nothing, which costs about 3 % of a core by itself.
Runs as a process of its own: `python -m tests.bench.receivers drop|jpeg URL TOKEN`.
"""

from __future__ import annotations

import asyncio
import sys

import cv2
import numpy as np
from livekit import rtc


def encode(frame: rtc.VideoFrame) -> None:
    """Converts a picture and encodes it, as a loop that sends every frame to a model would."""
    planar = np.frombuffer(frame.data, np.uint8).reshape(frame.height * 3 // 2, frame.width)
    cv2.imencode(".jpg", cv2.cvtColor(planar, cv2.COLOR_YUV2BGR_I420), [cv2.IMWRITE_JPEG_QUALITY, 80])


async def receive(mode: str, url: str, token: str) -> None:
    room = rtc.Room()
    subscribed: asyncio.Queue[rtc.Track] = asyncio.Queue(4)
    room.on("track_subscribed", lambda track, *_: subscribed.put_nowait(track))
    await room.connect(url, token)
    voice = rtc.LocalAudioTrack.create_audio_track("voice", rtc.AudioSource(48_000, 1, 200))
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await room.local_participant.publish_track(voice, options)
    while (track := await subscribed.get()).kind != rtc.TrackKind.KIND_VIDEO:
        pass
    async for event in rtc.VideoStream(track, capacity=1):
        if mode == "jpeg":
            await asyncio.to_thread(encode, event.frame)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    asyncio.run(receive(*sys.argv[1:4]))
