"""A session that is recorded: a clip watched by a model on the virtual clock, with all of it in a store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bot.recording import Album, Recorder, Thumbnails, all_of
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.codec import CodecSettings
from joyvl_core.engine import Engine
from joyvl_core.engine_settings import EngineSettings
from joyvl_core.events import EventLog
from joyvl_core.media import RgbPicture
from joyvl_core.store.keeper import SessionKeeper
from joyvl_core.store.store import Store
from tests.clips import Clip

BEGAN = 1_700_000_000.0


def record(
    url: str,
    model: Any,
    clip: Clip,
    *,
    instructions: Sequence[str] = (),
    says: Sequence[tuple[float, str]] = (),
    frames: bool = True,
    fps: float = 8.0,
    session: str = "kept",
    delegate: Any = None,
    settings: EngineSettings | None = None,
) -> str:
    """Watches the clip to its end and returns the session's id. A session of that id goes on."""

    async def main() -> str:
        async with Store.open(url) as store:
            clock = LoopClock(wall=lambda: BEGAN)
            log = EventLog(clock)
            begun = await store.begin(session, room="clip", wall=BEGAN)
            keeper = SessionKeeper(store, begun, clock)
            log.to_ledger(keeper)
            album = Album(keeper, lambda words: log.status("recording.failed", words))
            recorder = Recorder(album, CodecSettings())
            watcher = recorder.watched(model) if frames else model
            witness = all_of(Thumbnails(album), recorder) if frames else Thumbnails(album)
            engine = Engine(watcher, clock, log, delegate=delegate, settings=settings, witness=witness)
            for text in instructions:
                engine.instruct(text, author="operator")
            tasks = [asyncio.create_task(part.run()) for part in (engine, keeper, album)]
            engine.add_track("camera", "the camera")
            log.status("track.added", "the camera")
            waiting = list(says)
            for t, pixels in clip.pictures(fps):
                await clock.sleep_until(t)
                while waiting and waiting[0][0] <= t:
                    engine.add_chat("ann", waiting.pop(0)[1], addressed=True)
                engine.offer_picture("camera", RgbPicture(pixels), t)
            await clock.sleep_until(clip.seconds)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await album.aclose()
            await keeper.aclose()
            await store.end(begun, clock.now())
            return begun.id

    return run_virtual(main())
