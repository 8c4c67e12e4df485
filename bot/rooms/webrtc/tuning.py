"""What aiortc's receiving side needs for a live conversation, applied to one connection at a time.

Everything here reaches into aiortc 1.x by name. Where a name is gone, that one improvement is left out
and the call works as aiortc made it.

- Video: aiortc hands a frame on when the next one begins. The RTP marker bit says it a frame earlier
  (27 ms at 30 frames a second, 40 ms at 15).
- Audio: aiortc holds four packets back (80 ms) and loses several frames for each lost packet. Opus needs
  neither: packets are decoded as they come, and late ones are dropped.
- ICE: aioice leaves 127.0.0.1 out, so a machine without a network could not call itself.
- SDP: browsers name their addresses `….local` until a camera is allowed; looking those up takes multicast
  and a second. The address that the offer came from over HTTP is as good a start, and the browser's own
  checks tell the rest.
- Congestion: aiortc's feedback lets a browser start at 300 kbit/s and climb for half a minute. The answer
  names a better start.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from aiortc import RTCPeerConnection
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket
from aiortc.utils import uint16_gt

LOOPBACK = "127.0.0.1"

_BUFFER = "_RTCRtpReceiver__jitter_buffer"
_log = logging.getLogger(__name__)


class MarkerBuffer(JitterBuffer):
    """Hands a video frame on with its last packet."""

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        lost, frame = super().add(packet)
        return lost, frame or self._finished()

    def _finished(self) -> JitterFrame | None:
        packets: list[RtpPacket] = []
        if self._origin is None:
            return None
        for count in range(self.capacity):
            packet = self._packets[(self._origin + count) % self.capacity]
            if packet is None or (packets and packet.timestamp != packets[0].timestamp):
                return None
            packets.append(packet)
            if packet.marker:
                self.remove(len(packets))
                return JitterFrame(b"".join(_payload(each) for each in packets), packet.timestamp)
        return None


class ArrivalBuffer(JitterBuffer):
    """Hands every audio packet on as it comes, in order."""

    def __init__(self) -> None:
        super().__init__(capacity=1)
        self._last: int | None = None

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        if self._last is not None and not uint16_gt(packet.sequence_number, self._last):
            return False, None
        self._last = packet.sequence_number
        return False, JitterFrame(_payload(packet), packet.timestamp)


def _payload(packet: RtpPacket) -> bytes:
    """What the receiver has put on the packet: its media data, freed of the codec's packing."""
    return packet._data  # type: ignore[attr-defined]  # aiortc sets it on the instance


def hurry(connection: RTCPeerConnection) -> None:
    """Replaces the jitter buffers of all receivers that have not started yet."""
    for transceiver in connection.getTransceivers():
        receiver = transceiver.receiver
        if not hasattr(receiver, _BUFFER):
            _log.debug("aiortc has no jitter buffer by the known name: left as it is")
            return
        buffer = MarkerBuffer(capacity=512, is_video=True) if transceiver.kind == "video" else ArrivalBuffer()
        setattr(receiver, _BUFFER, buffer)


def allow_loopback(connection: RTCPeerConnection) -> None:
    """Lets the connection offer 127.0.0.1 beside the machine's other addresses."""
    transports = {transceiver.receiver.transport.transport for transceiver in connection.getTransceivers()}
    if connection.sctp is not None:
        transports.add(connection.sctp.transport.transport)
    for transport in transports:
        ice: Any = getattr(transport, "_connection", None)
        gather = getattr(ice, "get_component_candidates", None)
        if gather is None:
            _log.debug("aioice cannot be told to use %s", LOOPBACK)
            return
        ice.get_component_candidates = _with_loopback(gather)


def _with_loopback(gather: Any) -> Any:
    async def get(component: int, addresses: list[str], timeout: int = 5) -> Any:  # noqa: ASYNC109 - aioice's own signature
        return await gather(component, [LOOPBACK, *addresses], timeout)

    return get


_LOCAL_NAME = re.compile(r"^(a=candidate:\S+ \d+ \S+ \d+ )\S+\.local ", re.MULTILINE)


def with_address(offer: str, address: str) -> str:
    """The offer with the browser's `….local` names replaced by the address that its request came from."""
    return _LOCAL_NAME.sub(lambda match: f"{match[1]}{address} ", offer)


_RTPMAP = re.compile(r"^a=rtpmap:(\d+) (VP8|H264)/90000", re.IGNORECASE)


def with_bitrate(answer: str, *, start: int = 2_000, lowest: int = 300, highest: int = 4_000) -> str:
    """The answer with the bit rates (kbit/s) at which the browser's video starts and stays."""
    rates = f"x-google-start-bitrate={start};x-google-min-bitrate={lowest};x-google-max-bitrate={highest}"
    lines = answer.split("\r\n")
    described = {line[len("a=fmtp:") :].split(" ", 1)[0] for line in lines if line.startswith("a=fmtp:")}
    video: set[str] = set()
    result: list[str] = []
    for line in lines:
        kind = _RTPMAP.match(line)
        if kind:
            video.add(kind[1])
        payload = line[len("a=fmtp:") :].split(" ", 1)[0] if line.startswith("a=fmtp:") else None
        result.append(f"{line};{rates}" if payload in video else line)
        if kind and kind[1] not in described:
            result.append(f"a=fmtp:{kind[1]} {rates}")
    return "\r\n".join(result)
