"""What goes over a link as bytes: pictures for people to look at, and the bot's voice.

The first byte tells what it is. A picture: session seconds (8 bytes), the length of the track's name (2), the name,
the JPEG. Sound: samples a second (4), then 16-bit mono samples, little endian; without samples it means: drop what was
not played yet.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_PICTURE, _SOUND = 1, 2
_PICTURE_HEAD = struct.Struct("<BdH")
_SOUND_HEAD = struct.Struct("<BI")


@dataclass(frozen=True, slots=True)
class LivePicture:
    """The newest picture of a track, at session second `t`."""

    t: float
    track: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class LiveSound:
    """A stretch of what the bot says; no samples: what was sent and not played yet is dropped."""

    rate: int
    samples: bytes


def pack(frame: LivePicture | LiveSound) -> bytes:
    """The frame as bytes."""
    if isinstance(frame, LivePicture):
        name = frame.track.encode()[:400]
        return _PICTURE_HEAD.pack(_PICTURE, frame.t, len(name)) + name + frame.jpeg
    return _SOUND_HEAD.pack(_SOUND, frame.rate) + frame.samples


def unpack(data: bytes) -> LivePicture | LiveSound:
    """The frame that the bytes hold.

    Raises:
        ValueError: They hold none.
    """
    try:
        if data[:1] == bytes([_PICTURE]):
            _, t, length = _PICTURE_HEAD.unpack_from(data)
            start = _PICTURE_HEAD.size + length
            if start > len(data):
                raise ValueError("the name of the track is cut off")
            return LivePicture(t, data[_PICTURE_HEAD.size : start].decode(errors="replace"), data[start:])
        if data[:1] == bytes([_SOUND]):
            _, rate = _SOUND_HEAD.unpack_from(data)
            return LiveSound(rate, data[_SOUND_HEAD.size :])
    except struct.error as error:
        raise ValueError("it is cut off") from error
    raise ValueError("it is neither a picture nor sound")
