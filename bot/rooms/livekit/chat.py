"""Chat lines from a LiveKit room: text streams on `lk.chat`, and the JSON packets that older clients send."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from unicodedata import category

from livekit import rtc
from pydantic import BaseModel, ConfigDict, Field, ValidationError

CHAT_TOPIC = "lk.chat"
PACKET_TOPIC = "lk-chat-topic"
MAX_LINE = 4_000
"""Longest line delivered, in characters; the rest is cut off, and an ellipsis says so."""

_MAX_READERS = 64
_MAX_READERS_EACH = 16  # so that one person's flood does not crowd out the others
_MAX_PACKET = 64 * 1024
_READ_WITHIN = 10.0
_REMEMBERED = 64
_UNWANTED = {"Cc", "Cs"}  # control characters, and halves of characters that no log can hold

_log = logging.getLogger(__name__)


class Packet(BaseModel):
    """A chat line as older clients send it. Newer ones send it beside the stream, with `ignoreLegacy` set."""

    model_config = ConfigDict(extra="ignore")

    message: str
    id: str = Field(default="", max_length=200)
    ignore: bool = Field(default=False, alias="ignoreLegacy")


def parse_packet(data: bytes) -> Packet | None:
    """The line in a data packet; None for anything that is not one."""
    if len(data) > _MAX_PACKET:
        return None
    try:
        return Packet.model_validate_json(data)
    except ValidationError:
        return None


def tidy(text: str) -> str:
    """The line without control characters and outer white space, of bounded length; it may become empty."""
    kept = "".join(char for char in text[: 2 * MAX_LINE] if char in "\n\t" or category(char) not in _UNWANTED).strip()
    return kept if len(kept) <= MAX_LINE else kept[: MAX_LINE - 1] + "…"


class ChatIntake:
    """Reads what comes in and delivers it, however much and however broken.

    Args:
        deliver: Takes the sender's identity and a tidy line.
    """

    def __init__(self, deliver: Callable[[str, str], None]) -> None:
        self._deliver = deliver
        self._reading: dict[asyncio.Task[None], str] = {}
        self._seen: deque[str] = deque(maxlen=_REMEMBERED)
        self._dropped = 0

    def on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        """A text stream has opened."""
        by_sender = sum(sender == identity for sender in self._reading.values())
        if len(self._reading) >= _MAX_READERS or by_sender >= _MAX_READERS_EACH:
            self._dropped += 1
            if self._dropped.bit_count() == 1:  # a flood must not flood the log too
                _log.warning("chat flood: %d lines dropped so far, the last by %r", self._dropped, identity)
            _close(reader)
            return
        task = asyncio.get_running_loop().create_task(self._read(reader, identity))
        self._reading[task] = identity
        task.add_done_callback(self._reading.pop)

    def on_packet(self, packet: rtc.DataPacket) -> None:
        """A data packet has come, on any topic."""
        if packet.topic != PACKET_TOPIC:
            return
        line = parse_packet(packet.data)
        if line is None:
            _log.debug("a data packet on %s is no chat line", PACKET_TOPIC)
        elif not line.ignore:
            self._take(line.id, packet.participant.identity if packet.participant else "", line.message)

    async def aclose(self) -> None:
        """Stops reading."""
        reading = list(self._reading)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        text = ""
        try:
            async with asyncio.timeout(_READ_WITHIN):
                async for piece in reader:
                    text += piece
                    if len(text) > 2 * MAX_LINE:
                        break
        except (TimeoutError, ConnectionError) as error:
            _log.debug("a chat line by %r broke off: %r", identity, error)
        finally:
            _close(reader)
        self._take(reader.info.stream_id, identity, text)

    def _take(self, line_id: str, identity: str, text: str) -> None:
        line = tidy(text)
        if not line or (line_id and line_id in self._seen):
            return
        if line_id:
            self._seen.append(line_id)
        self._deliver(identity, line)


def _close(reader: rtc.TextStreamReader) -> None:
    # Readers of 1.1.17 have no `close`: there, one that is not read to its end stays subscribed until it is collected.
    if hasattr(reader, "close"):
        reader.close()
