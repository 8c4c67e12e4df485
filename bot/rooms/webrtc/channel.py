"""The data channel between the call page and the bot: JSON messages both ways.

From the page: `{"type": "chat", "text": …}`, `{"type": "source", "slot": "0", "source": "camera" | "screen" |
"scene" | null}` and `{"type": "bye"}`. Anything else is answered with `{"type": "error", "reason": …}`.

To the page: `chat` (a line by the bot), `transcript`, `agent_state`, `log` (one record of the session's log
as `event`) and `error`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from aiortc import InvalidStateError, RTCDataChannel
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from bot.rooms.webrtc.tracks import Source

LABEL = "joyvl"
MAX_CHAT = 2_000
"""Longest chat line, in characters."""

_MAX_IN = 16_384
_MAX_OUT = 60_000
_MAX_BUFFERED = 1 << 20
_BURST = 20
_PER_SECOND = 10.0

_log = logging.getLogger(__name__)


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Chat(_Message):
    """A line typed by the person."""

    type: Literal["chat"]
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_CHAT)]


class SourceChange(_Message):
    """What the person sends on a video slot from now on; null: nothing."""

    type: Literal["source"]
    slot: Annotated[str, StringConstraints(max_length=16)]
    source: Source | None


class Bye(_Message):
    """The person hangs up."""

    type: Literal["bye"]


Message = Chat | SourceChange | Bye
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


class MessageError(ValueError):
    """A message that cannot be used. `reason` is a short code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_message(data: str | bytes) -> Message:
    """One message of the page, validated.

    Raises:
        MessageError: It is none.
    """
    if isinstance(data, bytes):
        raise MessageError("not_text")
    if len(data) > _MAX_IN:
        raise MessageError("too_long")
    try:
        return _MESSAGE.validate_json(data)
    except ValidationError as error:
        kinds = {each["type"] for each in error.errors(include_url=False, include_context=False, include_input=False)}
    if "string_too_long" in kinds:
        raise MessageError("too_long")
    raise MessageError("not_json" if "json_invalid" in kinds else "not_understood")


class Channel:
    """The bot's end of the channel. What is sent before it opens waits, as far as it fits."""

    def __init__(self, on_message: Callable[[Message], None]) -> None:
        self._on_message = on_message
        self._channel: RTCDataChannel | None = None
        self._early: deque[str] = deque(maxlen=256)
        self._allowance = float(_BURST)
        self._counted: float | None = None
        self._told = False

    def attach(self, channel: RTCDataChannel) -> None:
        """Takes the browser's channel; one by another name is ignored."""
        if channel.label != LABEL:
            return
        self._channel = channel
        channel.on("message", self._receive)
        while self._early:
            self._transmit(self._early.popleft())

    def send(self, message: Mapping[str, Any]) -> None:
        """Sends a message, or drops it where the browser does not keep up or it is too large."""
        line = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        if len(line.encode()) > _MAX_OUT:
            _log.warning("a message of type %s is too large for the page and was dropped", message.get("type"))
        elif self._channel is None:
            self._early.append(line)
        else:
            self._transmit(line)

    def _transmit(self, line: str) -> None:
        channel = self._channel
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > _MAX_BUFFERED:
            return
        try:
            channel.send(line)
        except (InvalidStateError, ValueError, ConnectionError):
            _log.debug("the browser's data channel has gone", exc_info=True)

    def _receive(self, data: str | bytes) -> None:
        if not self._admitted():
            return
        try:
            message = read_message(data)
        except MessageError as error:
            self.send({"type": "error", "reason": error.reason})
            return
        self._on_message(message)

    def _admitted(self) -> bool:
        """Whether the page keeps to the rate; it is told once each time that it does not."""
        now = asyncio.get_running_loop().time()
        if self._counted is not None:
            self._allowance = min(float(_BURST), self._allowance + (now - self._counted) * _PER_SECOND)
        self._counted = now
        if self._allowance >= 1:
            self._allowance -= 1
            self._told = False
            return True
        if not self._told:
            self._told = True
            self.send({"type": "error", "reason": "too_fast"})
        return False
