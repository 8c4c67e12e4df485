"""The pictures of a turn: made as the codec decided, named, and priced."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from dataclasses import replace

from joyvl_core.codec import CodecSettings
from joyvl_core.codec.pictures import I_BYTES, P_BYTES, encode_jpeg, picture_for
from joyvl_core.models.chat_completions.capabilities import Capabilities
from joyvl_core.models.chat_completions.chunk import Shot
from joyvl_core.models.chat_completions.wording import flat
from joyvl_core.observation import FrameKind, TrackView
from joyvl_core.threads import in_thread

_UNKNOWN = 1_000
"""Tokens allowed for a picture on a server that counts in its own way."""
_LABEL = 80


class Shooting:
    """Makes a session's pictures. A server trusts their names: no two of any sessions have the same."""

    def __init__(self, codec: CodecSettings) -> None:
        self._codec = codec
        self._salt = secrets.token_hex(8)
        self._numbers = itertools.count()

    async def shots(self, views: Sequence[TrackView], known: Capabilities) -> tuple[Shot, ...]:
        """What there is to show of each track, labelled where there are several.

        Args:
            views: The tracks.
            known: The server, whose price counts.
        """
        shots = []
        several = sum(view.frame is not None for view in views) > 1
        for view in views:
            made = await in_thread(_picture, view, self._codec)
            if made is None:
                continue
            jpeg, size = made
            tokens = known.tokens_of(size) if known.vllm else _UNKNOWN
            label = flat(view.label, _LABEL) if several else ""
            name = f"{self._salt}-{next(self._numbers)}"
            shots.append(Shot(name, view.id, jpeg, tokens, label, key=view.kind is FrameKind.I))
        return tuple(shots)


def shown(view: TrackView, shots: Sequence[Shot]) -> TrackView:
    """The track as it was really shown, at the server's price."""
    shot = next((shot for shot in shots if shot.track == view.id), None)
    if shot is not None:
        return replace(view, kind=FrameKind.I if shot.key else FrameKind.P, tokens=shot.tokens)
    return replace(view, kind=view.kind if view.kind is FrameKind.NONE else FrameKind.SKIP, tokens=0)


def _picture(view: TrackView, codec: CodecSettings) -> tuple[bytes, tuple[int, int]] | None:
    """JPEG and size (width, height) of what is shown of a track; None for nothing. Blocks."""
    pixels = picture_for(view, codec)
    if pixels is None:
        return None
    most = P_BYTES if view.kind is FrameKind.P else I_BYTES
    return encode_jpeg(pixels, most_bytes=most), (pixels.shape[1], pixels.shape[0])
