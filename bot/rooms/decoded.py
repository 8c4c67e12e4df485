"""A frame that PyAV decoded, as a picture."""

from __future__ import annotations

import av
import numpy as np

from joyvl_core.media import I420Picture, Luma

_PLANAR = ("yuv420p", "yuvj420p")


def picture_of(frame: av.VideoFrame) -> I420Picture:
    """The planes of a frame, without a copy unless it has another format or is turned (a phone held upright)."""
    if frame.format.name not in _PLANAR:
        frame = frame.reformat(format=_PLANAR[0])
    y, u, v = (_plane(plane) for plane in frame.planes)
    if turns := round(frame.rotation / 90) % 4:
        y, u, v = (np.ascontiguousarray(np.rot90(plane, turns)) for plane in (y, u, v))
    return I420Picture(y, u, v)


def _plane(plane: av.video.plane.VideoPlane) -> Luma:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
