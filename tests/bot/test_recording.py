from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest

from bot.recording import NOTICE, WAITING, Album, Recorder, Thumbnails, all_of, tell
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.codec import CodecSettings
from joyvl_core.events import EventLog, StatusEvent
from joyvl_core.media import Frame, Rgb, RgbPicture
from joyvl_core.memory.items import MemoryItem
from joyvl_core.observation import Decision, FrameKind, Observation, TrackView, Trigger
from joyvl_core.ports import FrameWatcher, InteractionModel, Look, MemoryKeeper, Remembering
from joyvl_core.turns import Terms
from tests.stand_ins import ScriptedModel


@dataclass
class Kept:
    """A `PictureKeeper` that keeps."""

    pictures: list[tuple[float, str, str, int | None, FrameKind | None, tuple[int, int]]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def picture(
        self, t: float, track: str, jpeg: bytes, *, kind: str, tick: int | None = None, frame: Any = None
    ) -> None:
        height, width = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape[:2]
        self.pictures.append((t, track, kind, tick, frame, (width, height)))


@asynccontextmanager
async def album() -> AsyncIterator[tuple[Album, Kept]]:
    kept = Kept()
    made = Album(kept, kept.troubles.append)
    task = asyncio.create_task(made.run())
    try:
        yield made, kept
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def frame(t: float, size: tuple[int, int] = (640, 360), track: str = "camera") -> Frame:
    pixels = np.random.default_rng(int(t)).integers(0, 255, (size[1], size[0], 3), np.uint8)
    return Frame(track, RgbPicture(pixels), t)


def seen(n: int, frame: Frame | None, kind: FrameKind = FrameKind.I) -> Observation:
    t = frame.t if frame else float(n)
    view = TrackView("camera", "Ann", frame, kind, 0)
    return Observation(n, t, t, 1e9, (Trigger.INTERVAL,), tracks=(view,))


class Turns(ScriptedModel):
    def terms(self) -> Terms:
        return Terms()


class Eyes(ScriptedModel):
    """A model that looks, and remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def look(self, frame: Frame) -> Look:
        self.calls.append("look")
        return Look(wake=True)

    def keep_in(self, keeper: MemoryKeeper) -> None:
        self.calls.append("keep_in")

    def resume(self, items: Any) -> None:
        self.calls.append("resume")

    def forget(self, since: float, until: float) -> None:
        self.calls.append("forget")


class Blind(ScriptedModel):
    """A model that looks, and remembers nothing."""

    def look(self, frame: Frame) -> Look:
        return Look()


def test_of_a_model_that_pays_by_the_token_exactly_what_it_was_shown_is_kept() -> None:
    async def main() -> None:
        async with album() as (made, kept):
            recorder = Recorder(made, CodecSettings())
            model = Turns()
            assert recorder.watched(model) is model
            for n, kind in enumerate((FrameKind.I, FrameKind.P, FrameKind.SKIP, FrameKind.NONE, FrameKind.I)):
                recorder(seen(n, frame(float(n)), kind), Decision())
            recorder(seen(5, None, FrameKind.NONE), Decision())
            await made.flush()
            assert kept.pictures == [
                (0.0, "camera", "frame", 0, FrameKind.I, (640, 352)),
                (1.0, "camera", "frame", 1, FrameKind.P, (128, 128)),
                (4.0, "camera", "frame", 4, FrameKind.I, (640, 352)),
            ]

    run_virtual(main())


def test_what_a_model_was_really_shown_counts_not_what_was_offered() -> None:
    async def main() -> None:
        async with album() as (made, kept):
            recorder = Recorder(made, CodecSettings())
            recorder.watched(Turns())
            offered = seen(0, frame(0.0), FrameKind.P)
            recorder(offered, Decision(tracks=seen(0, offered.tracks[0].frame, FrameKind.I).tracks))
            recorder(seen(1, frame(1.0)), Decision(tracks=()))
            await made.flush()
            assert [(tick, kind) for _, _, _, tick, kind, _ in kept.pictures] == [(0, FrameKind.I)]

    run_virtual(main())


def test_of_a_model_that_looks_every_look_is_kept_whole_and_no_frame_twice() -> None:
    async def main() -> None:
        async with album() as (made, kept):
            recorder = Recorder(made, CodecSettings())
            model = recorder.watched(Eyes())
            assert isinstance(model, FrameWatcher)
            first, second = frame(0.0, (1920, 1080)), frame(1.0)
            assert (await asyncio.to_thread(model.look, first)).wake
            recorder(seen(0, first, FrameKind.P), Decision())
            recorder(seen(1, second, FrameKind.SKIP), Decision())
            recorder(seen(2, second, FrameKind.SKIP), Decision())
            await made.flush()
            assert kept.pictures == [
                (0.0, "camera", "frame", None, FrameKind.I, (1280, 720)),
                (1.0, "camera", "frame", 1, FrameKind.I, (640, 360)),
            ]

    run_virtual(main())


def test_a_recorded_model_is_the_model_in_everything_else() -> None:
    async def main() -> None:
        async with album() as (made, _):
            recorder, inner = Recorder(made, CodecSettings()), Eyes()
            model = recorder.watched(inner)
            assert isinstance(model, Remembering)
            assert model.name == "scripted"
            model.keep_in(Keeping())
            model.resume(())
            model.forget(0.0, 1.0)
            await model.step(seen(0, None))
            await model.aclose()
            assert inner.calls == ["keep_in", "resume", "forget"]
            assert inner.seen[0].n == 0
            assert inner.closed
            forgetful: InteractionModel = recorder.watched(Blind())
            assert isinstance(forgetful, Remembering)
            forgetful.keep_in(Keeping())
            forgetful.resume(())
            forgetful.forget(0.0, 1.0)

    run_virtual(main())


class Keeping:
    def keep(self, item: MemoryItem) -> None:
        pass


def test_a_thumbnail_now_and_then_when_something_new_is_shown() -> None:
    async def main() -> None:
        async with album() as (made, kept):
            thumbnails = Thumbnails(made)
            for n in range(40):
                thumbnails(seen(n, frame(float(n)), FrameKind.I if n % 3 == 0 else FrameKind.SKIP), Decision())
                await made.flush()
            assert [(t, tick, kind, size) for t, _, kind, tick, _, size in kept.pictures] == [
                (t, int(t), "thumbnail", (160, 90)) for t in (0.0, 12.0, 24.0, 36.0)
            ]

    run_virtual(main())


def test_pictures_that_come_too_fast_or_cannot_be_made_are_left_out_and_told_once() -> None:
    class Torn(RgbPicture):
        def rgb(self, within: tuple[int, int] | None = None) -> Rgb:
            raise ValueError("torn")

    async def main() -> None:
        async with album() as (made, kept):
            recorder = Recorder(made, CodecSettings())
            recorder.watched(ScriptedModel())
            for n in range(WAITING + 5):
                recorder(seen(n, frame(float(n), (64, 36))), Decision())
            await made.flush()
            assert [tick for _, _, _, tick, _, _ in kept.pictures] == list(range(5, WAITING + 5))
            assert len(kept.troubles) == 1
            for n in range(3):
                recorder(seen(n, Frame("camera", Torn(np.zeros((2, 2, 3), np.uint8)), float(n))), Decision())
            await made.flush()
            assert kept.troubles[1:] == ["a picture can't be kept: ValueError: torn"]

    run_virtual(main())


def test_closing_keeps_what_waits() -> None:
    async def main() -> None:
        kept = Kept()
        made = Album(kept, kept.troubles.append)
        both = all_of(Thumbnails(made), Recorder(made, CodecSettings()))
        both(seen(0, frame(0.0)), Decision())
        await made.aclose()
        await made.aclose()
        assert [kind for _, _, kind, *_ in kept.pictures] == ["thumbnail", "frame"]

    run_virtual(main())


def test_it_says_so_and_how_to_turn_it_off() -> None:
    async def main() -> None:
        log = EventLog(LoopClock())
        tell(log)
        (event,) = log.recent()
        assert isinstance(event, StatusEvent)
        assert event.state == "recording.on"
        assert "--record" in event.remedy

    run_virtual(main())
    assert set(NOTICE) == {"en", "zh"}


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (4000, 10)])
def test_pictures_of_any_shape(size: tuple[int, int]) -> None:
    async def main() -> None:
        async with album() as (made, kept):
            both = all_of(Thumbnails(made), Recorder(made, CodecSettings()))
            both(seen(0, frame(0.0, size)), Decision())
            await made.flush()
            assert len(kept.pictures) == 2
            assert not kept.troubles

    run_virtual(main())
