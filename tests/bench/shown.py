"""What a model is shown of a clip, second by second, under one policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from joyvl_core.codec import AdaCodec, CodecSettings, picture_for
from joyvl_core.media import Frame, Rgb
from joyvl_core.observation import FrameKind, TrackView

SEVENTH = CodecSettings(policy="dense", max_pixels=262_144 // 7)
POLICIES = {
    "dense": CodecSettings(policy="dense"),
    "codec": CodecSettings(),
    "codec, crops": CodecSettings(predicted="crop"),
    "dense at a seventh": SEVENTH,
}


@dataclass(frozen=True)
class Second:
    """One sampled frame: its second, what the codec made of it, what that costs, and the picture, if there is one."""

    t: float
    kind: FrameKind
    tokens: int
    picture: Rgb | None
    area: tuple[float, float, float, float] | None


def shown(frames: Iterable[Frame], settings: CodecSettings) -> Iterator[Second]:
    """What each of the sampled frames shows."""
    codec = AdaCodec(max_pixels=settings.max_pixels)
    for frame in frames:
        packet = codec.encode(frame, keyframe=settings.policy == "dense")
        area = packet.area() if packet.kind is FrameKind.P else None
        view = TrackView(frame.track, "", frame, packet.kind, packet.tokens, changed=area)
        yield Second(frame.t, packet.kind, packet.tokens, picture_for(view, settings), area)
