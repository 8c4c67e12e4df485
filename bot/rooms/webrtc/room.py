"""One browser's call as a room: made from its offer, over when either side hangs up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import av
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription

from bot.rooms.decoded import picture_of
from bot.rooms.webrtc import tuning
from bot.rooms.webrtc.channel import Bye, Channel, Chat, Message, SourceChange
from bot.rooms.webrtc.offer import check_offer, refuse
from bot.rooms.webrtc.tracks import Source, Voice, listen, newest
from joyvl_core.errors import BadInputError
from joyvl_core.media import AudioChunk
from joyvl_core.ports import AgentState, RoomListener, RoomState, RoomStatus, Transcript, VoiceTrack

CALLER = "caller"
"""Name of the person at the browser."""

_LABELS = {Source.CAMERA: "camera", Source.SCREEN: "screen share", Source.SCENE: "demo scene"}
_CONNECT = 15.0
_CLOSE = 1.5
_ANSWER = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server for callers from other networks. On one machine or one network none is needed."""

    url: str
    username: str = ""
    credential: str = ""


@dataclass(frozen=True, slots=True)
class CallConfig:
    """How calls are connected. `loopback`: offer 127.0.0.1 too, for browsers on this machine."""

    ice_servers: tuple[IceServer, ...] = ()
    loopback: bool = True


@dataclass(slots=True)
class _Slot:
    """A video section of the call: what the browser sends there now, and whether the listener knows."""

    transceiver: RTCRtpTransceiver
    source: Source | None
    announced: bool = False

    @property
    def id(self) -> str:
        return f"video{self.transceiver.mid}"


class WebRtcRoom:
    """A call with one browser. First `answer` its offer, then `run`."""

    def __init__(self, config: CallConfig | None = None, *, name: str = "browser call") -> None:
        self._config = config or CallConfig()
        self._name = name
        servers = [
            RTCIceServer(server.url, server.username or None, server.credential or None)
            for server in self._config.ice_servers
        ]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._channel = Channel(self._on_message)
        self._voice: Voice | None = None
        self._slots: dict[str, _Slot] = {}
        self._microphones: list[RTCRtpTransceiver] = []
        self._run = False
        self._listener: RoomListener | None = None
        self._connected = False
        self._settled = asyncio.Event()
        self._over = asyncio.Event()
        self._end: RoomStatus | None = None
        self._connection.on("connectionstatechange", self._on_connection)
        self._connection.on("datachannel", self._channel.attach)

    @property
    def name(self) -> str:
        return self._name

    @property
    def voice(self) -> VoiceTrack | None:
        return self._voice

    async def answer(
        self, offer: str, sources: Mapping[str, Source] | None = None, *, address: str = tuning.LOOPBACK
    ) -> str:
        """Accepts a browser's offer.

        Args:
            offer: Its SDP, with all its candidates.
            sources: What it sends on which video section, by mid. Unnamed ones: camera first, then screen.
            address: Where the offer came from.

        Returns:
            The answer's SDP, with all our candidates.

        Raises:
            BadInputError: The offer cannot be used.
        """
        try:
            check_offer(offer)
            remote = RTCSessionDescription(tuning.with_address(offer, address), "offer")
            async with asyncio.timeout(_ANSWER):
                await self._connection.setRemoteDescription(remote)
                self._take_up(sources or {})
                await self._connection.setLocalDescription(await self._connection.createAnswer())
        except BadInputError:
            await self._close()
            raise
        except Exception as error:  # aiortc raises errors of many kinds for what it does not support
            await self._close()
            _log.debug("an offer was refused", exc_info=True)
            refuse(str(error) or type(error).__name__)
        return tuning.with_bitrate(self._connection.localDescription.sdp)

    async def run(self, listener: RoomListener) -> None:
        if self._run:
            raise RuntimeError("a stay can't be run twice: make another room")
        self._run = True
        self._listener = listener
        listener.on_status(RoomStatus(RoomState.JOINING, "connecting"))
        try:
            if await self._joined():
                listener.on_status(RoomStatus(RoomState.JOINED, "connected"))
                listener.on_people((CALLER,))
                await self._deliver(listener)
                listener.on_people(())
        finally:
            self._listener = None
            await self._close()
        listener.on_status(self._end or RoomStatus(RoomState.LEFT, "left"))

    async def leave(self) -> None:
        self._finish(RoomState.LEFT, "left")
        await self._close()

    def hang_up(self) -> None:
        """The browser told over HTTP that it hangs up."""
        self._finish(RoomState.LEFT, "hung_up")

    async def send_chat(self, text: str) -> None:
        self._channel.send({"type": "chat", "text": text})

    async def send_transcript(self, transcript: Transcript) -> None:
        self._channel.send(
            {
                "type": "transcript",
                "segment": transcript.segment,
                "text": transcript.text,
                "language": transcript.language,
                "final": transcript.final,
            }
        )

    async def set_agent_state(self, state: AgentState) -> None:
        self._channel.send({"type": "agent_state", "state": state.value})

    def send_event(self, event: Mapping[str, Any]) -> None:
        """Shows the page one record of the session's log, for its timeline. Returns at once."""
        self._channel.send({"type": "log", "event": dict(event)})

    def _take_up(self, sources: Mapping[str, Source]) -> None:
        """Answers each section of the offer with what the bot does there."""
        tuning.hurry(self._connection)
        if self._config.loopback:
            tuning.allow_loopback(self._connection)
        usual = iter((Source.CAMERA, Source.SCREEN))
        for transceiver in self._connection.getTransceivers():
            sends = transceiver.receiver.track is not None
            if transceiver.kind == "video" and sends:
                mid = transceiver.mid or ""
                source = sources.get(mid) if sources else next(usual, Source.CAMERA)
                self._slots[mid] = _Slot(transceiver, source)
            elif transceiver.kind == "audio":
                if sends:
                    self._microphones.append(transceiver)
                if self._voice is None:
                    self._voice = Voice()
                    self._connection.addTrack(self._voice)

    async def _joined(self) -> bool:
        """Waits for the connection; False when it did not come about."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), _CONNECT)
        if self._connected and not self._over.is_set():
            return True
        self._finish(RoomState.FAILED, "unreachable", _UNREACHABLE)
        return False

    async def _deliver(self, listener: RoomListener) -> None:
        """Passes on what comes in, until the call is over."""
        tasks = [asyncio.create_task(self._watch(slot, listener)) for slot in self._slots.values()]
        for microphone in self._microphones:
            track = microphone.receiver.track
            tasks.append(asyncio.create_task(listen(track, lambda chunk: self._hear(chunk, listener))))
        try:
            await self._over.wait()
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    _log.error("a track of the call failed", exc_info=outcome)

    async def _watch(self, slot: _Slot, listener: RoomListener) -> None:
        def deliver(frame: av.VideoFrame) -> None:
            if slot.source is None or self._over.is_set():
                return
            if not slot.announced:
                slot.announced = True
                listener.on_track(slot.id, _LABELS[slot.source])
            listener.on_picture(slot.id, picture_of(frame), float(frame.time or 0.0))

        try:
            await newest(slot.transceiver.receiver.track, deliver)
        finally:
            self._withdraw(slot, listener)

    def _hear(self, chunk: AudioChunk, listener: RoomListener) -> None:
        if not self._over.is_set():
            listener.on_audio(CALLER, chunk)

    def _withdraw(self, slot: _Slot, listener: RoomListener) -> None:
        if slot.announced:
            slot.announced = False
            listener.on_track_gone(slot.id)

    def _on_message(self, message: Message) -> None:
        listener = self._listener
        match message:
            case Bye():
                self.hang_up()
            case Chat() if listener is not None and not self._over.is_set():
                # Nobody else is in the call, so every line is for the bot.
                listener.on_chat(CALLER, message.text, addressed=True)
            case SourceChange() if message.slot in self._slots:
                slot = self._slots[message.slot]
                if message.source != slot.source:
                    slot.source = message.source
                    if listener is not None:
                        self._withdraw(slot, listener)

    def _on_connection(self) -> None:
        match self._connection.connectionState:
            case "connected":
                self._connected = True
                self._settled.set()
            case "failed" if self._connected:
                self._finish(RoomState.LEFT, "connection_lost", "Check the network, then call again.")
            case "failed":
                self._finish(RoomState.FAILED, "unreachable", _UNREACHABLE)
            case "closed":
                self._finish(RoomState.LEFT, "page_closed")

    def _finish(self, state: RoomState, reason: str, remedy: str = "") -> None:
        """Notes why the stay ends; the first reason counts."""
        if self._end is None:
            self._end = RoomStatus(state, reason, remedy)
            self._over.set()
            self._settled.set()

    async def _close(self) -> None:
        self._over.set()
        if self._voice is not None:
            self._voice.stop()
        try:
            await asyncio.wait_for(self._connection.close(), _CLOSE)
        except Exception:  # it was not whole: nothing more can be done for it than to say so
            _log.warning("a browser's connection did not close cleanly", exc_info=True)


_UNREACHABLE = (
    "The browser and the bot found no path between them. Use one machine or one network, or name a STUN or TURN server."
)
