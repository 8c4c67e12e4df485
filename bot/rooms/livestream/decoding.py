"""Opening and decoding with PyAV. Everything here blocks: it runs in a thread of its own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from bot.rooms.decoded import picture_of
from bot.rooms.livestream.address import SOURCE, Address, locate, public_name
from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from joyvl_core.media import AudioChunk, Picture

SOUND_RATE = 16_000
"""Samples a second of the sound."""

_SOUND_CHUNK = 800
"""Samples a chunk: 50 ms."""

_FORMATS = (
    "mov,mp4,matroska,webm,avi,flv,live_flv,hls,rtsp,mpegts,mpeg,mpegvideo,ogg,asf,ivf,h264,hevc,av1,obu,m4v,mjpeg,"
    "mpjpeg,mxf,nut,yuv4mpegpipe,gif,apng,image2,png_pipe,jpeg_pipe,webp_pipe,aac,mp3,wav,video4linux2,v4l2"
)
"""Containers taken. Left out: what reads other files (concat, sdp, dash), and what takes text for a picture (tty)."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The source is open. `live`: more may come after its end."""

    address: Address
    live: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture at the stream's own second `pts`, to be seen for about `length` seconds."""

    picture: Picture
    pts: float
    length: float


@dataclass(frozen=True, slots=True)
class Heard:
    """Sound; its `t` is the stream's own second."""

    chunk: AudioChunk


Item = Opened | Shown | Heard


def decode(
    source: str, *, sound: bool, verify: bool, open_within: float, stall_after: float, proxy: str = ""
) -> Iterator[Item]:
    """Opens a source and decodes it to its end, in the order of the stream.

    Args:
        source: The address as a person typed it.
        sound: Whether sound is wanted.
        verify: Whether the server of an encrypted source must prove who it is.
        open_within: Seconds to open it.
        stall_after: Seconds without any data after which it counts as stalled.
        proxy: URL of a proxy through which everything by http and https goes.

    Raises:
        BadInputError: It cannot be watched at all.
        UnavailableError: It cannot be reached, or it broke off.
    """
    address = locate(source)
    with _open(source, address, verify=verify, proxy=proxy, timeout=(open_within, stall_after)) as container:
        video = _picture_stream(container)
        if video is None:
            raise BadInputError(
                f"{public_name(source)} has no picture.", source=SOURCE, kind="no_picture", hint="Give a video."
            )
        yield Opened(address, _is_live(address, container))
        try:
            yield from _items(container, video, sound=sound)
        except (av.FFmpegError, OSError) as error:
            stalled = isinstance(error, av.ExitError)
            raise UnavailableError(
                f"{public_name(source)} {'sends nothing any more' if stalled else 'broke off'}.",
                source=SOURCE,
                kind="source_stalled" if stalled else "source_lost",
                hint="Check the sender and the network.",
                retryable=True,
            ) from None


def _open(source: str, address: Address, *, verify: bool, proxy: str, timeout: tuple[float, float]) -> InputContainer:
    protocols = f"{address.protocols},httpproxy" if proxy else address.protocols
    options = {"protocol_whitelist": protocols, "format_whitelist": _FORMATS, **address.options}
    if proxy:
        options["http_proxy"] = proxy
    if verify:
        options |= _trusted()
    try:
        return av.open(address.url, format=address.format, options=options, timeout=timeout)
    except (av.FFmpegError, OSError, ValueError) as error:
        # The decoder's own message, and a traceback through it, would show the address with its credentials.
        raise _refusal(public_name(source), error) from None


def _trusted() -> dict[str, str]:
    """Certificates are checked against those that this machine trusts; the decoder itself would check none."""
    authorities = ssl.get_default_verify_paths().cafile
    return {"tls_verify": "1", **({"ca_file": authorities} if authorities else {})}


def _refusal(name: str, error: Exception) -> JoyVLError:
    if isinstance(error, av.HTTPUnauthorizedError | av.HTTPForbiddenError):
        return BadInputError(f"{name} refuses us.", source=SOURCE, kind="refused", hint="Check the credentials in it.")
    if isinstance(error, av.HTTPNotFoundError | av.HTTPBadRequestError):
        return BadInputError(f"There is nothing at {name}.", source=SOURCE, kind="not_found", hint="Check the address.")
    if isinstance(error, ValueError):
        return BadInputError(
            f"{name} is not a video.", source=SOURCE, kind="not_video", hint="Give a video file or stream."
        )
    if isinstance(error, PermissionError) and "://" not in name:
        return BadInputError(
            f"{name} may not be read.", source=SOURCE, kind="not_allowed", hint="Check who may read it."
        )
    words = "it did not answer in time" if isinstance(error, av.ExitError) else getattr(error, "strerror", "") or ""
    encrypted = name.startswith(("https:", "rtmps:", "rtsps:"))
    return UnavailableError(
        f"{name} cannot be opened: {words[:80].lower() or 'no reason was given'}.",
        source=SOURCE,
        kind="unreachable",
        hint=f"Check the address, and that the sender is on{' and has a trusted certificate' if encrypted else ''}.",
        retryable=True,
    )


def _picture_stream(container: InputContainer) -> VideoStream | None:
    """The first stream of moving pictures; cover art is none."""
    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    return moving[0] if moving else None


def _is_live(address: Address, container: InputContainer) -> bool:
    if address.live is not None:
        return address.live
    # A playlist of a finished broadcast has a duration; a single file of unknown duration still has a size.
    return container.duration is None and (container.format.name == "hls" or container.size <= 0)


def _items(container: InputContainer, video: VideoStream, *, sound: bool) -> Iterator[Item]:
    streams = [video, *(container.streams.audio[:1] if sound else ())]
    pictures, chunks = _Pictures(video), _Chunks()
    for packet in container.demux(streams):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue  # live streams begin in the middle, and lose packets
        for frame in frames:
            if isinstance(frame, av.VideoFrame):
                yield pictures.of(frame)
            elif isinstance(frame, av.AudioFrame):
                yield from chunks.of(frame)


class _Pictures:
    """Decoded frames as pictures, on the stream's own time."""

    def __init__(self, stream: VideoStream) -> None:
        self._length = float(1 / stream.average_rate) if stream.average_rate else 1 / 25
        self._next = 0.0
        self._reformatter = VideoReformatter()

    def of(self, frame: av.VideoFrame) -> Shown:
        pts = self._next if frame.time is None else frame.time
        self._next = pts + self._length
        if frame.format.name != "yuv420p":
            frame = self._reformatter.reformat(frame, format="yuv420p")
        return Shown(picture_of(frame), pts, self._length)


class _Chunks:
    """Decoded sound as mono chunks of one rate."""

    def __init__(self) -> None:
        self._resampler = self._fresh()

    def of(self, frame: av.AudioFrame) -> Iterator[Heard]:
        try:
            resampled = self._resampler.resample(frame)
        except ValueError:  # the stream changed its rate or its channels
            self._resampler = self._fresh()
            resampled = self._resampler.resample(frame)
        for part in resampled:
            samples = part.to_ndarray().reshape(-1).astype(np.int16, copy=False)
            yield Heard(AudioChunk(samples, SOUND_RATE, part.time or 0.0))

    @staticmethod
    def _fresh() -> av.AudioResampler:
        return av.AudioResampler("s16", "mono", SOUND_RATE, _SOUND_CHUNK)
