"""What is kept of a session's pictures: thumbnails, and where it is asked for the frames that the model saw."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

from joyvl_core.codec import I_BYTES, P_BYTES, CodecSettings, encode_jpeg, picture_for
from joyvl_core.events import EventLog
from joyvl_core.media import Frame
from joyvl_core.memory.items import MemoryItem
from joyvl_core.observation import Decision, FrameKind, Observation, TrackView, Witness
from joyvl_core.ports import FrameWatcher, InteractionModel, Look, MemoryKeeper, Remembering, TurnTaker
from joyvl_core.threads import in_thread

WAITING = 16
"""Pictures that may wait to be made into JPEGs; the oldest give way."""
THUMBNAIL_EVERY = 10.0
"""Least session seconds between two thumbnails."""
THUMBNAIL_SIDE = 160
_THUMBNAIL_BYTES = 8_192
WHOLE_SIDE = 1_280
"""Longest side of a frame that is kept for a model that looks at frames: small text stays legible."""
_WHOLE_BYTES = 65_536

NOTICE = {
    "en": "What I see is being recorded.",
    "zh": "我看到的画面会被录下来。",
}
"""What the people in a room are told, with the announcement, where a session is recorded."""


class PictureKeeper(Protocol):
    """Where pictures go; the store's `SessionKeeper` is one. Returns at once."""

    def picture(
        self,
        t: float,
        track: str,
        jpeg: bytes,
        *,
        kind: Literal["thumbnail", "frame"],
        tick: int | None = None,
        frame: FrameKind | None = None,
    ) -> None:
        """Takes a JPEG of session second `t`."""
        ...


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to be kept: what `PictureKeeper.picture` takes, and how its JPEG is made (blocking)."""

    t: float
    track: str
    kind: Literal["thumbnail", "frame"]
    tick: int | None
    frame: FrameKind
    make: Callable[[], bytes]


class Album:
    """Makes JPEGs in a thread, one after the other, and hands them to the keeper in order.

    Its owner runs `run()` as a task, and calls `aclose()` when that has ended.

    Args:
        keeper: Takes them.
        trouble: Told once of pictures that are lost, and again only after a picture was kept in between.
    """

    def __init__(self, keeper: PictureKeeper, trouble: Callable[[str], None]) -> None:
        self._keeper = keeper
        self._trouble = trouble
        self._waiting: deque[Shot] = deque()
        self._there = asyncio.Event()
        self._making = asyncio.Lock()
        self._told = False

    def add(self, shot: Shot) -> None:
        """Takes a picture in and returns at once."""
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self._tell("pictures come faster than they can be kept: the oldest are left out")
        self._waiting.append(shot)
        self._there.set()

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await self._there.wait()
            self._there.clear()
            await self.flush()

    async def flush(self) -> None:
        """Returns when everything taken so far is with the keeper."""
        async with self._making:
            while self._waiting:
                await self._keep(self._waiting.popleft())

    async def aclose(self) -> None:
        """Keeps what still waits. Idempotent."""
        await self.flush()

    async def _keep(self, shot: Shot) -> None:
        try:
            jpeg = await in_thread(shot.make)
        except Exception as error:  # whatever a decoder handed over: one picture less
            self._tell(f"a picture can't be kept: {type(error).__name__}: {error}"[:300])
            return
        self._keeper.picture(shot.t, shot.track, jpeg, kind=shot.kind, tick=shot.tick, frame=shot.frame)
        self._told = False

    def _tell(self, words: str) -> None:
        if not self._told:
            self._told = True
            self._trouble(words)


class Recorder:
    """A witness that keeps each new frame as the model saw it.

    Of a model that pays for pictures by the token that is what each tick showed it. Of one that looks at frames
    between ticks it is every frame it looked at, and those that ticks showed besides.

    Args:
        codec: How the session's pictures are made.
    """

    def __init__(self, album: Album, codec: CodecSettings) -> None:
        self._album = album
        self._codec = codec
        self._whole = False
        self._kept: dict[str, Frame] = {}
        self._loop = asyncio.get_running_loop()

    def watched(self, model: InteractionModel) -> InteractionModel:
        """The session's model, as it is to be given to the engine: what it looks at between ticks is kept too."""
        self._whole = not isinstance(model, TurnTaker)
        return RecordedWatcher(model, model, self._looked) if isinstance(model, FrameWatcher) else model

    def __call__(self, observation: Observation, decision: Decision) -> None:
        """Takes in what a tick showed."""
        views = observation.tracks if decision.tracks is None else decision.tracks
        self._kept = {view.id: self._kept[view.id] for view in views if view.id in self._kept}
        for view in views:
            if view.frame is None:
                continue
            if self._whole and self._kept.get(view.id) is not view.frame:
                self._kept[view.id] = view.frame
                self._album.add(_whole_shot(view.frame, observation.n))
            elif not self._whole and view.kind in (FrameKind.I, FrameKind.P):
                make = partial(_shown, view, self._codec)
                self._album.add(Shot(view.frame.t, view.id, "frame", observation.n, view.kind, make))

    def _looked(self, frame: Frame) -> None:
        """In the thread that looks."""
        self._kept[frame.track] = frame
        self._loop.call_soon_threadsafe(self._album.add, _whole_shot(frame, None))


class RecordedWatcher:
    """A model whose looks are recorded: everything else is the model's own.

    Args:
        model: The model.
        eyes: The same, as what looks at frames.
        looked: Told of each frame, in the thread that looks.
    """

    def __init__(self, model: InteractionModel, eyes: FrameWatcher, looked: Callable[[Frame], None]) -> None:
        self._model = model
        self._eyes = eyes
        self._looked = looked

    @property
    def name(self) -> str:
        return self._model.name

    def look(self, frame: Frame) -> Look:
        self._looked(frame)
        return self._eyes.look(frame)

    async def step(self, observation: Observation) -> Decision:
        return await self._model.step(observation)

    def keep_in(self, keeper: MemoryKeeper) -> None:
        if isinstance(self._model, Remembering):
            self._model.keep_in(keeper)

    def resume(self, items: Sequence[MemoryItem]) -> None:
        if isinstance(self._model, Remembering):
            self._model.resume(items)

    def forget(self, since: float, until: float) -> None:
        if isinstance(self._model, Remembering):
            self._model.forget(since, until)

    async def aclose(self) -> None:
        await self._model.aclose()


class Thumbnails:
    """A witness that keeps a small picture now and then, when something new is shown."""

    def __init__(self, album: Album) -> None:
        self._album = album
        self._last = float("-inf")

    def __call__(self, observation: Observation, decision: Decision) -> None:
        """Takes in what a tick showed."""
        new = next((view.frame for view in observation.tracks if view.frame and view.kind is FrameKind.I), None)
        if new is None or new.t - self._last < THUMBNAIL_EVERY:
            return
        self._last = new.t
        self._album.add(Shot(new.t, new.track, "thumbnail", observation.n, FrameKind.I, partial(_thumbnail, new)))


def all_of(*witnesses: Witness) -> Witness:
    """Several witnesses as one."""

    def witness(observation: Observation, decision: Decision) -> None:
        for each in witnesses:
            each(observation, decision)

    return witness


def tell(log: EventLog) -> None:
    """Says in the session's status that it is recorded."""
    log.status(
        "recording.on",
        "every frame that the model is shown is kept with the session",
        "To keep none, start without --record (setting `record`).",
    )


def _shown(view: TrackView, codec: CodecSettings) -> bytes:
    pixels = picture_for(view, codec)
    if pixels is None:
        raise ValueError("a frame without a picture")
    return encode_jpeg(pixels, most_bytes=P_BYTES if view.kind is FrameKind.P else I_BYTES)


def _whole_shot(frame: Frame, tick: int | None) -> Shot:
    return Shot(frame.t, frame.track, "frame", tick, FrameKind.I, partial(_whole, frame))


def _whole(frame: Frame) -> bytes:
    return encode_jpeg(frame.picture.rgb((WHOLE_SIDE, WHOLE_SIDE)), most_bytes=_WHOLE_BYTES)


def _thumbnail(frame: Frame) -> bytes:
    return encode_jpeg(frame.picture.rgb((THUMBNAIL_SIDE, THUMBNAIL_SIDE)), most_bytes=_THUMBNAIL_BYTES)
