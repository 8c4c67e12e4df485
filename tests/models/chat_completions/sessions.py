"""Sessions on virtual time of the chat-completions model and a scripted server."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.engine import Engine
from joyvl_core.engine_settings import EngineSettings
from joyvl_core.events import AnyEvent, EventLog, StatusEvent, TickEvent
from joyvl_core.media import RgbPicture
from joyvl_core.memory.items import MemoryItem
from joyvl_core.memory.tiers import TieredMemory
from joyvl_core.models.chat_completions.model import ChatCompletionsModel
from joyvl_core.models.chat_completions.options import ChatOptions
from joyvl_core.models.chat_completions.server import Server
from joyvl_core.models.embedded.summarizer import ExtractiveSummarizer
from joyvl_core.observation import Decision, Observation
from tests.stand_ins import ListSink
from tests.stand_ins.model_server import ModelServer, Seen

WISH = "Count the cars that pass"
FPS = 5
During = Callable[[Engine, LoopClock], Coroutine[Any, Any, None]]
Scene = Callable[[float], RgbPicture | None]
_GROUND = np.random.default_rng(5).integers(60, 190, (180, 320, 3)).astype(np.uint8)


def still(t: float) -> RgbPicture:
    """A wall."""
    return RgbPicture(np.full((180, 320, 3), 90, np.uint8))


def moving(t: float) -> RgbPicture:
    """Something that moves across a textured ground."""
    pixels = np.repeat(np.repeat(_GROUND[:18, :32], 10, axis=0), 10, axis=1)
    x = int(t * 20) % 280
    pixels[60:100, x : x + 40] = (200, 30, 30)
    return RgbPicture(pixels)


def cutting(t: float) -> RgbPicture:
    """Another picture every second."""
    return RgbPicture(np.roll(_GROUND, int(t) * 7919, axis=0) // 2 + int(t) % 3 * 40)


def none(t: float) -> None:
    """No video."""


@dataclass
class Kept:
    """Keeps in a list what a model wants to be remembered."""

    items: list[MemoryItem] = field(default_factory=list)

    def keep(self, item: MemoryItem) -> None:
        self.items.append(item)


@dataclass
class Watched:
    """A session that is over."""

    log: list[AnyEvent]
    model: ChatCompletionsModel
    shown: list[tuple[Observation, Decision]]

    @property
    def ticks(self) -> list[TickEvent]:
        return [event for event in self.log if isinstance(event, TickEvent)]

    @property
    def answered(self) -> list[int]:
        """Whole seconds of the turns that the server answered."""
        return [int(observation.t) for observation, decision in self.shown if decision.raw]

    @property
    def spoken(self) -> list[str]:
        return [tick.text for tick in self.ticks if tick.action == "speak"]

    def statuses(self, part: str = "model.") -> list[StatusEvent]:
        return [event for event in self.log if isinstance(event, StatusEvent) and event.state.startswith(part)]


def made(server: ModelServer | str, *, understanding: Any = None, **options: Any) -> ChatCompletionsModel:
    """A model whose summaries are made without one."""
    chosen = ChatOptions(server if isinstance(server, str) else server.url, **options)
    memory = TieredMemory(ExtractiveSummarizer(), fallback=ExtractiveSummarizer(), settings=chosen.memory)
    return ChatCompletionsModel(chosen, Server(chosen), memory, understanding=understanding)


def watch(
    model: ChatCompletionsModel,
    seconds: float,
    *,
    during: During | None = None,
    instructions: Sequence[str] = (WISH,),
    scene: Scene = moving,
    tracks: Sequence[str] = ("cam",),
    sinks: Iterable[ListSink] = (),
    delegate: Any = None,
    keeper: Kept | None = None,
    archive: Any = None,
    settings: EngineSettings | None = None,
    before: Sequence[MemoryItem] = (),
    began: float = 0.0,
) -> Watched:
    """Watches a scene, five pictures a second, the first of them there from the start."""

    async def main() -> Watched:
        clock = LoopClock(wall=lambda: 1_700_000_000.0, began=1_700_000_000.0 - began)
        log = EventLog(clock, keep=100_000)
        shown: list[tuple[Observation, Decision]] = []
        engine = Engine(
            model,
            clock,
            log,
            sinks=list(sinks),
            delegate=delegate,
            keeper=keeper,
            archive=archive,
            settings=settings,
            witness=lambda observation, decision: shown.append((observation, decision)),
        )
        for track in tracks:
            engine.add_track(track, f"{track}'s camera")
        _offer(engine, tracks, scene, began)
        for text in instructions:
            engine.instruct(text)
        if before:
            engine.resume(instructions=engine.instructions.standing(), items=before, tickets=())
        running = asyncio.create_task(engine.run())
        beside = asyncio.create_task(during(engine, clock)) if during else None
        for n in range(1, int(seconds * FPS) + 1):
            await clock.sleep_until(began + n / FPS)
            _offer(engine, tracks, scene, began + n / FPS)
        if beside:
            await beside
        await clock.sleep_until(began + seconds + 0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return Watched(list(log.recent()), model, shown)

    return run_virtual(main())


def _offer(engine: Engine, tracks: Sequence[str], scene: Scene, t: float) -> None:
    for track in tracks:
        if picture := scene(t):
            engine.offer_picture(track, picture, t)


def at(t: float, act: Callable[[Engine], Any], *more: tuple[float, Callable[[Engine], Any]]) -> During:
    """Does things at session seconds."""

    async def during(engine: Engine, clock: LoopClock) -> None:
        for when, what in ((t, act), *more):
            await clock.sleep_until(when)
            what(engine)

    return during


def ask(text: str, author: str = "Ann") -> Callable[[Engine], Any]:
    return lambda engine: engine.add_chat(author, text, addressed=True)


def plain(messages: list[dict[str, Any]]) -> str:
    """Messages as JSON in which pixels and the session's own names are left out."""
    text = json.dumps(messages, ensure_ascii=False)
    text = re.sub(r'"image_url": (null|\{"url": "data:image/jpeg;base64,[^"]*"\})', '"image_url": "…"', text)
    return re.sub(r'"uuid": "[0-9a-f]+-(\d+)"', r'"uuid": "\1"', text)


def second_of(seen: Seen) -> int:
    found = re.findall(r"<(\d+)\.0 seconds>", seen.text)
    return int(found[-1])


def seconds_of(server: ModelServer) -> list[int]:
    return [second_of(seen) for seen in server.seen]
