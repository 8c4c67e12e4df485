"""Long stays on real parts: what they hold does not grow. The engine's own ten hours are in `test_long_session`."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import psutil
import pytest

from bot.brief import Brief
from bot.participant import Participant
from bot.rooms.livestream import LivestreamOptions, LivestreamRoom
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.codec import AdaCodec, ChangeDetector
from joyvl_core.events import EventLog, TickEvent
from joyvl_core.media import Frame, Picture, RgbPicture
from joyvl_core.models.embedded import make_embedded_model
from joyvl_core.models.embedded.perception import Perception
from joyvl_core.models.embedded.perception.text import TextReader
from tests.clips import Clip, decoded, sampled, write
from tests.clips.scenes import Mover, crowd, cuts, exposed, lamp, noisy, street

MINUTES = 10
WARM = 3
"""Minutes after which nothing may grow any more: every scene has been seen, the sample clip twice."""
MARGIN = 12_000_000
"""Bytes by which resident memory swings without growing: allocators keep what they are given for a while."""
SWING = 32_000_000
"""The same for stays, whose threads begin and end: the pictures of three stays, were they kept."""
POOL = 4
"""Threads that the event loop's own pool may still start; it starts one only when all others are at work."""
LOOKS = 8
SMALL = (320, 180)


@dataclass(frozen=True)
class Held:
    """What the process holds at a moment: bytes, open files and sockets, threads, Python's own objects."""

    memory: int
    handles: int
    threads: int
    objects: int

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        # glibc keeps what was freed in each thread's arena; what matters is what is still in use.
        ctypes.CDLL(None).malloc_trim(0)
        process = psutil.Process()
        return cls(process.memory_info().rss, process.num_fds(), process.num_threads(), len(gc.get_objects()))


@pytest.mark.timeout(240)
def test_ten_minutes_of_video_leave_memory_and_handles_as_they_were(media: Callable[[str], Path]) -> None:
    cv2.setNumThreads(1)
    codec, change, perception, reader = AdaCodec(), ChangeDetector(), Perception(), TextReader()
    held: list[Held] = []
    percepts = 0
    for frame in itertools.islice(programme(media("car-detection.mp4")), MINUTES * 60 * LOOKS):
        codec.encode(frame)
        change.glance(frame.picture)
        change.look(frame)
        percepts += len(perception.look(frame)) + len(reader.look(frame))
        if frame.t >= (len(held) + 1) * 60:
            held.append(Held.now())
    held.append(Held.now())

    assert len(held) == MINUTES
    assert percepts > 5 * MINUTES, "the video is eventful"
    warm, late = held[WARM - 1], held[WARM:]
    assert max(each.memory for each in late) - warm.memory < MARGIN, held
    assert max(each.handles for each in late) == warm.handles, held
    assert max(each.threads for each in late) == warm.threads, held
    assert max(each.objects for each in late) - warm.objects < 2_000, held


def test_repeated_stays_leave_nothing_behind(tmp_path: Path) -> None:
    """Three minutes of stream on the virtual clock: a new participant joins every twelve seconds."""
    clip = tmp_path / "street.mp4"
    write(street(Mover(3, 6), Mover(7, 10, leftwards=True), seconds=12, size=SMALL), clip)
    held: list[Held] = []

    async def main() -> None:
        for _ in range(15):
            clock = LoopClock(started=False)
            log = EventLog(clock)
            room = LivestreamRoom(LivestreamOptions(str(clip), realtime=False))
            brief = Brief(instructions=("Count the cars that pass",), chat=False)
            await Participant(room, make_embedded_model(inline=True), clock, log, brief=brief).run()
            ticks = [event for event in log.recent() if isinstance(event, TickEvent)]
            assert [tick.text for tick in ticks if tick.action == "speak"] == ["1", "2"]
            assert ticks[-1].t > 10.5
            assert asyncio.all_tasks() == {asyncio.current_task()}
            held.append(Held.now())

    run_virtual(main())

    early, late = held[3:8], held[8:]
    assert max(each.handles for each in late) == early[0].handles, held
    assert max(each.threads for each in late) <= early[0].threads + POOL, held
    assert max(each.objects for each in late) - early[0].objects < 500, held
    assert min(each.memory for each in late) - min(each.memory for each in early) < SWING, held


# --- what is on -----------------------------------------------------------------------------


def programme(sample: Path) -> Iterator[Frame]:
    """Scenes one after another, for ever: one camera that is carried elsewhere every half a minute."""
    scenes = [*rendered(), list(small(sample))]
    t = 0.0
    for scene in itertools.cycle(scenes):
        for picture in scene() if callable(scene) else scene:
            yield Frame("camera", picture, t)
            t += 1 / LOOKS


def rendered() -> list[Callable[[], Iterator[Picture]]]:
    """Scenes drawn as they are watched: traffic, swinging light, stillness, cuts."""
    road = street(Mover(4, 8), Mover(11, 14, leftwards=True), Mover(12, 16, y=0.3), seconds=20, size=SMALL)
    still = street(seconds=20, size=SMALL, seed=11)
    clips = [noisy(road), exposed(road), still, crowd(15), lamp(still), cuts(15), noisy(still, 3)]
    return [lambda clip=clip: drawn(clip) for clip in clips]


def drawn(clip: Clip) -> Iterator[Picture]:
    for _, pixels in clip.pictures(LOOKS):
        yield RgbPicture(cv2.resize(pixels, SMALL, interpolation=cv2.INTER_AREA))


def small(path: Path) -> Iterator[Picture]:
    for frame in sampled(decoded(path), LOOKS):
        yield RgbPicture(frame.picture.rgb(SMALL))
