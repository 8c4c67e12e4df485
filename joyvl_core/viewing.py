"""What a tick sees of each track: the newest frame, and what the codec makes of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from joyvl_core.clock import Clock
from joyvl_core.codec import AdaCodec
from joyvl_core.media import Frame, Picture, Rgb
from joyvl_core.observation import FrameKind, TrackView
from joyvl_core.sampler import Sampler
from joyvl_core.threads import in_thread

_KEPT = (768, 768)
"""Pictures kept for a delegate fit in this."""


class Views:
    """Owns the tracks' newest frames and their codecs.

    Args:
        clock: The session's clock.
        keep: How many recent pictures to keep for a delegate.
        failed: Told of an error in the codec; the tick goes on without costs.
    """

    def __init__(self, clock: Clock, *, keep: int, failed: Callable[[Exception], None]) -> None:
        self._clock = clock
        self._failed = failed
        self._sampler = Sampler(clock)
        self._codecs: dict[str, AdaCodec] = {}
        self._shown: dict[str, Frame] = {}
        self._recent: deque[Rgb] = deque(maxlen=keep)

    def add(self, track: str, label: str) -> bool:
        """A track is there. False when there are too many already."""
        return self._sampler.add(track, label)

    def remove(self, track: str) -> None:
        """A track has ended."""
        self._sampler.remove(track)
        self._codecs.pop(track, None)
        self._shown.pop(track, None)

    def offer(self, track: str, picture: Picture, pts: float) -> Frame | None:
        """A picture arrived. None for a track that is not there."""
        return self._sampler.offer(track, picture, pts)

    @property
    def recent(self) -> tuple[Rgb, ...]:
        """The pictures that last brought something new, oldest first."""
        return tuple(self._recent)

    async def now(self) -> tuple[TrackView, ...]:
        """Every track as it is now, oldest track first."""
        views = [await self._view(track) for track in tuple(self._sampler.slots())]
        # A track may have ended while another was encoded.
        return tuple(view for view in views if view is not None and view.id in self._sampler.slots())

    async def _view(self, track: str) -> TrackView | None:
        slot = self._sampler.slots().get(track)
        if slot is None:
            return None
        frame = slot.frame
        if frame is None:
            return TrackView(track, slot.label, None)
        kind, tokens = FrameKind.SKIP, 0
        # A picture that a tick has shown already costs nothing to show again.
        if self._shown.get(track) is not frame:
            self._shown[track] = frame
            codec = self._codecs.setdefault(track, AdaCodec())
            try:
                packet = await in_thread(codec.encode, frame)
                kind, tokens = packet.kind, packet.tokens
                if kind is FrameKind.I and self._recent.maxlen:
                    self._recent.append(await in_thread(frame.picture.rgb, _KEPT))
            except Exception as error:  # the codec must not end the session
                self._failed(error)
                kind = FrameKind.NONE
        age_ms = max(0.0, self._clock.now() - slot.arrived) * 1_000
        return TrackView(track, slot.label, frame, kind, tokens, age_ms)
