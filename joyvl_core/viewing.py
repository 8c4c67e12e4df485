"""What a tick sees of each track: the newest frame, and what the codec makes of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from joyvl_core.clock import Clock
from joyvl_core.codec import AdaCodec, Area, CodecSettings, TokenMeter
from joyvl_core.media import Frame, Picture, Rgb
from joyvl_core.observation import FrameKind, TrackView
from joyvl_core.sampler import Sampler
from joyvl_core.threads import in_thread
from joyvl_core.turns import Terms

_KEPT = (768, 768)
"""Pictures kept for a delegate fit in this."""


class Views:
    """Owns the tracks' newest frames and their codecs.

    Args:
        clock: The session's clock.
        keep: How many recent pictures to keep for a delegate.
        failed: Told of an error in the codec; the tick goes on without costs.
        settings: What was chosen about the codec.

    Attributes:
        meter: What the pictures of all ticks so far cost, and would have cost without the codec.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        keep: int,
        failed: Callable[[Exception], None],
        settings: CodecSettings | None = None,
    ) -> None:
        self._clock = clock
        self._failed = failed
        self._settings = settings or CodecSettings()
        self.meter = TokenMeter(self._settings.max_pixels)
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
    def frames(self) -> tuple[tuple[str, Frame | None], ...]:
        """Every track's label and its newest frame, oldest track first."""
        return tuple((slot.label, slot.frame) for slot in self._sampler.slots().values())

    def blank(self) -> None:
        """Drops the newest frames: nothing is seen until others come."""
        self._sampler.blank()
        self._shown.clear()

    @property
    def recent(self) -> tuple[Rgb, ...]:
        """The pictures that last brought something new, oldest first."""
        return tuple(self._recent)

    def forget(self) -> None:
        """Drops the recent pictures."""
        self._recent.clear()

    async def now(self, terms: Terms | None = None) -> tuple[TrackView, ...]:
        """Every track as it is now, oldest track first, on the terms of the model (None: the usual ones)."""
        terms = terms or Terms()
        views = [await self._view(track, terms) for track in tuple(self._sampler.slots())]
        # A track may have ended while another was encoded.
        return tuple(view for view in views if view is not None and view.id in self._sampler.slots())

    async def _view(self, track: str, terms: Terms) -> TrackView | None:
        slot = self._sampler.slots().get(track)
        if slot is None:
            return None
        frame = slot.frame
        if frame is None:
            return TrackView(track, slot.label, None)
        kind, tokens, changed = FrameKind.SKIP, 0, None
        # A picture that a tick has shown already costs nothing to show again.
        if self._shown.get(track) is not frame or terms.keyframe:
            self._shown[track] = frame
            try:
                kind, tokens, changed = await self._encode(track, frame, terms)
            except Exception as error:  # the codec must not end the session
                self._failed(error)
                kind = FrameKind.NONE
        age_ms = max(0.0, self._clock.now() - slot.arrived) * 1_000
        return TrackView(track, slot.label, frame, kind, tokens, age_ms, changed)

    async def _encode(self, track: str, frame: Frame, terms: Terms) -> tuple[FrameKind, int, Area | None]:
        codec = self._codecs.setdefault(track, AdaCodec(max_pixels=self._settings.max_pixels))
        keyframe = terms.keyframe or self._settings.policy == "dense"
        packet = await in_thread(codec.encode, frame, keyframe=keyframe, predicted=terms.predicted)
        if packet.kind is FrameKind.I and self._recent.maxlen:
            self._recent.append(await in_thread(frame.picture.rgb, _KEPT))
        self.meter.add(packet.kind, frame.picture.size)
        return packet.kind, packet.tokens, packet.area() if packet.kind is FrameKind.P else None
