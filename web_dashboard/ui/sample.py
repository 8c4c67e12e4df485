"""A ready clip for who has no video at hand: a street on which cars of several colours pass."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from joyvl_core.threads import in_thread
from web_dashboard.ui.viewer import Viewer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME: Final = "street.mp4"
SECONDS: Final = 60
_RATE = 10
_WIDTH, _HEIGHT = 640, 360
_PIECE = 65_536
_COLOURS = ((205, 40, 40), (35, 80, 200), (235, 235, 235), (205, 40, 40), (40, 150, 70), (240, 190, 30))
_EVERY = 6.0
_CROSSING = 4.0


async def sample_clip(viewer: Viewer) -> int:
    """The id of the clip among the uploads; it is made and added when it isn't there yet.

    Raises:
        JoyVLError: It can't be added.
    """
    for each in await viewer.services.uploads.list(viewer.actor):
        if each.name == NAME:
            return int(each.id)
    content = await in_thread(render)
    return int((await viewer.services.uploads.add(viewer.actor, NAME, _pieces(content))).id)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]


def render() -> bytes:
    """The clip, as an MP4: 640 × 360, 10 frames a second, one minute."""
    import av

    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=_RATE)
        video.width, video.height, video.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        street = _street()
        for number in range(SECONDS * _RATE):
            frame = av.VideoFrame.from_ndarray(_with_cars(street, number / _RATE), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, _RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return target.getvalue()


def _street() -> NDArray[np.uint8]:
    import numpy as np

    picture = np.empty((_HEIGHT, _WIDTH, 3), np.uint8)
    sky = np.linspace(0, 1, 170)[:, None, None]
    picture[:170] = (140 + 70 * sky * np.ones((1, _WIDTH, 1)) + np.array([0, 20, 40])).clip(0, 255)
    for left in range(0, _WIDTH, 128):
        top = 60 + left // 8 % 50
        picture[top:170, left + 10 : left + 112] = (120 + left % 50, 112, 104)
        picture[top + 16 : 160 : 26, left + 24 : left + 100 : 1] = (178, 188, 196)
    picture[170:200] = (160, 158, 150)
    picture[200:330] = (72, 74, 78)
    picture[262:268, ::1] = np.where((np.arange(_WIDTH) // 40 % 2)[:, None] == 0, (225, 222, 210), (72, 74, 78))
    picture[330:] = (150, 148, 140)
    return picture


def _with_cars(street: NDArray[np.uint8], second: float) -> NDArray[np.uint8]:
    picture = street.copy()
    number = int(second // _EVERY)
    share = (second - number * _EVERY) / _CROSSING
    if share < 1:
        left = int(-150 + share * (_WIDTH + 150))
        _car(picture, left, 218 if number % 2 else 250, _COLOURS[number % len(_COLOURS)])
    return picture


def _car(picture: NDArray[np.uint8], left: int, top: int, colour: tuple[int, int, int]) -> None:
    def box(x: int, y: int, width: int, height: int, fill: tuple[int, int, int]) -> None:
        picture[top + y : top + y + height, max(0, left + x) : max(0, left + x + width)] = fill

    box(32, 0, 74, 26, colour)
    box(38, 6, 28, 18, (200, 222, 235))
    box(72, 6, 28, 18, (200, 222, 235))
    box(0, 24, 144, 30, colour)
    box(18, 46, 26, 20, (24, 24, 26))
    box(100, 46, 26, 20, (24, 24, 26))
