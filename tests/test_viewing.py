"""What a tick sees of each track, and on what terms."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.codec import CodecSettings
from joyvl_core.media import Luma, Rgb, RgbPicture
from joyvl_core.observation import FrameKind, TrackView
from joyvl_core.turns import Terms
from joyvl_core.viewing import Views
from tests.clips.scenes import Mover, street

CROSSING = street(Mover(1.2, 6.0), seconds=8)
KEYFRAME, NO_SMALL_PICTURES = Terms(keyframe=True), Terms(predicted=False)


class Watcher:
    """Views of one track, `CROSSING` at one picture a second."""

    def __init__(self, settings: CodecSettings | None = None) -> None:
        self.failed: list[Exception] = []
        self.clock = LoopClock()
        self.views = Views(self.clock, keep=4, failed=self.failed.append, settings=settings)
        self.views.add("a", "camera")

    async def see(self, t: float, terms: Terms | None = None) -> TrackView:
        self.views.offer("a", RgbPicture(CROSSING.draw(t)), t)
        return await self.again(terms)

    async def again(self, terms: Terms | None = None) -> TrackView:
        [view] = await self.views.now(terms)
        return view


def kinds(views: list[TrackView]) -> str:
    return "".join({"skip": "s"}.get(view.kind, view.kind) for view in views)


def watched(settings: CodecSettings | None, terms: dict[int, Terms], seconds: int = 8) -> tuple[list[TrackView], Views]:
    async def main() -> tuple[list[TrackView], Views]:
        watcher = Watcher(settings)
        seen = [await watcher.see(float(t), terms.get(t)) for t in range(seconds)]
        assert not watcher.failed
        return seen, watcher.views

    return run_virtual(main())


def test_without_terms_the_codec_decides():
    seen, views = watched(None, {})
    assert kinds(seen) == "IsPPPPPs"
    assert (views.meter.coded, views.meter.dense) == (222 + 5 * 18, 8 * 222)
    assert "times fewer (1 I, 5 P, 2 skip)" in views.meter.report(8.0)


def test_a_keyframe_begins_a_group_whatever_changed():
    assert kinds(watched(None, {1: KEYFRAME, 3: KEYFRAME})[0]) == "IIPIPPPs"


def test_a_picture_that_was_shown_already_is_shown_again_for_a_keyframe():
    async def main() -> None:
        watcher = Watcher()
        await watcher.see(0.0)
        again, keyframe, after = await watcher.again(), await watcher.again(KEYFRAME), await watcher.again()
        assert (again.kind, keyframe.kind, after.kind) == (FrameKind.SKIP, FrameKind.I, FrameKind.SKIP)
        assert keyframe.tokens == 222
        assert watcher.views.meter.frames == {FrameKind.I: 2}

    run_virtual(main())


def test_a_keyframe_is_for_every_track_that_has_a_frame():
    async def main() -> None:
        watcher = Watcher()
        watcher.views.add("b", "screen")
        watcher.views.add("c", "not yet")
        watcher.views.offer("b", RgbPicture(CROSSING.draw(0.0)), 0.0)
        watcher.views.offer("a", RgbPicture(CROSSING.draw(0.0)), 0.0)
        await watcher.views.now()
        assert [view.kind for view in await watcher.views.now(KEYFRAME)] == ["I", "I", "none"]

    run_virtual(main())


def test_without_small_pictures_there_are_only_skips_and_whole_ones():
    assert kinds(watched(None, dict.fromkeys(range(8), NO_SMALL_PICTURES))[0]) == "IsIIIIIs"


def test_dense_shows_every_new_picture_whole():
    seen, views = watched(CodecSettings(policy="dense", max_pixels=37_449), {})
    assert kinds(seen) == "I" * 8
    assert {view.tokens for view in seen} == {34}
    assert views.meter.saved == 0.0


def test_a_predicted_frame_says_where_it_differs():
    seen, _ = watched(None, {})
    assert all((view.changed is not None) == (view.kind is FrameKind.P) for view in seen)
    entering = seen[2].changed
    assert entering is not None
    left, top, right, bottom = entering
    assert 0.0 < left < 0.05
    assert right < 0.3
    assert 0.5 < top < bottom < 0.75


def test_a_picture_that_cannot_be_encoded_costs_nothing_and_ends_nothing():
    class Broken(RgbPicture):
        def luma(self) -> Luma:
            raise ValueError("broken")

    async def main() -> None:
        watcher = Watcher()
        watcher.views.offer("a", Broken(np.zeros((8, 8, 3), np.uint8)), 0.0)
        view = await watcher.again()
        assert (view.kind, view.tokens) == (FrameKind.NONE, 0)
        assert [str(error) for error in watcher.failed] == ["broken"]
        assert (await watcher.see(1.0)).kind is FrameKind.I

    run_virtual(main())


def test_a_track_that_ends_while_it_is_encoded_is_not_seen():
    async def main() -> None:
        watcher = Watcher()
        loop = asyncio.get_running_loop()

        class Slow(RgbPicture):
            def rgb(self, within: Any = None) -> Rgb:
                loop.call_soon_threadsafe(watcher.views.remove, "a")
                return super().rgb(within)

        watcher.views.offer("a", Slow(CROSSING.draw(0.0)), 0.0)
        assert await watcher.views.now() == ()

    run_virtual(main())


@pytest.mark.parametrize("terms", [None, Terms(), KEYFRAME])
def test_a_track_without_a_frame_is_seen_without_one(terms: Terms | None):
    async def main() -> None:
        view = await Watcher().again(terms)
        assert (view.frame, view.kind, view.age_ms) == (None, FrameKind.NONE, None)

    run_virtual(main())
