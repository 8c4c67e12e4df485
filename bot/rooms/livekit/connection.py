"""One connection of the SDK to a room; a stay may need several."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

from livekit import rtc
from livekit.rtc.participant import PublishTrackError
from livekit.rtc.room import EventTypes

from bot.rooms.livekit.chat import CHAT_TOPIC, ChatIntake
from bot.rooms.livekit.options import SOURCE, LiveKitOptions
from bot.rooms.livekit.outcomes import refusal, unreachable
from bot.rooms.livekit.voice import Microphone
from joyvl_core.errors import UnavailableError

_SEND_WITHIN = 5.0
_SHOWN_WITHIN = 0.5
_GIVE_UP_WITHIN = 0.5
_CLOSE_WITHIN = 1.0
_CHANGES: tuple[EventTypes, ...] = (
    "participant_connected",
    "participant_disconnected",
    "participant_name_changed",
    "track_published",
    "track_unpublished",
    "track_subscribed",
    "track_unsubscribed",
    "track_muted",
    "track_unmuted",
)

_log = logging.getLogger(__name__)


class Connection:
    """A connection, from opening to closing.

    Args:
        on_change: Something in the room has changed: look at `room`.
        on_reconnecting: The SDK lost the connection and tries to get it back.
        on_reconnected: It has it back.
        on_chat: Takes the sender's identity and a line of chat.

    Attributes:
        room: The SDK's room.
        goodbye: Why the SDK has given the connection up (a `DisconnectReason`); None while it has not.
    """

    def __init__(
        self,
        *,
        on_change: Callable[[], None],
        on_reconnecting: Callable[[], None],
        on_reconnected: Callable[[], None],
        on_chat: Callable[[str, str], None],
    ) -> None:
        self.room = rtc.Room()
        self.goodbye: int | None = None
        self._on_change = on_change
        self._chat = ChatIntake(self._unless_bot(on_chat))
        self._voice_publication: rtc.LocalTrackPublication | None = None
        self._closed = False
        for event in _CHANGES:
            self.room.on(event, lambda *_: on_change())
        self.room.on("reconnecting", self._until_closed(on_reconnecting))
        self.room.on("reconnected", self._until_closed(on_reconnected))
        self.room.on("disconnected", self._on_disconnected)
        self.room.on("data_received", self._chat.on_packet)
        self.room.register_text_stream_handler(CHAT_TOPIC, self._chat.on_stream)

    async def open(self, options: LiveKitOptions, within: float) -> None:
        """Connects.

        Raises:
            BadInputError: The server refuses; asking again is of no use.
            UnavailableError: Nobody answers within the time.
        """
        try:
            # The SDK gives up by itself. Cut short by us, it would keep listening for the answer.
            async with asyncio.timeout(within + _GIVE_UP_WITHIN):
                await self.room.connect(options.url, options.join_token(), options.rtc_options(within))
        except rtc.ConnectError as error:
            raise refusal(error.message) from None  # the original quotes the token
        except TimeoutError:
            raise unreachable(f"no answer within {within:.0f} s") from None

    async def publish_voice(self, voice: Microphone) -> None:
        """Publishes the voice as a microphone, where interfaces for voice assistants look for it.

        Raises:
            UnavailableError: The token does not allow it, or the server does not take it.
        """
        allowed = self.room.local_participant.permissions
        microphone = rtc.TrackSource.SOURCE_MICROPHONE
        if not allowed.can_publish or (allowed.can_publish_sources and microphone not in allowed.can_publish_sources):
            raise UnavailableError("the token does not allow a microphone", source=SOURCE, kind="no_voice")
        try:
            self._voice_publication = await self.room.local_participant.publish_track(
                voice.track(), rtc.TrackPublishOptions(source=microphone)
            )
        except PublishTrackError as error:
            raise UnavailableError(str(error), source=SOURCE, kind="no_voice") from error

    async def show(self, attributes: Mapping[str, str]) -> None:
        """Sets attributes that other participants see. Where its token forbids it, nothing is shown."""
        # The SDK sometimes misses the server's answer and waits for seconds, though the attributes are set.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SHOWN_WITHIN):
                await self.room.local_participant.set_attributes(dict(attributes))

    async def send(self, topic: str, text: str, attributes: Mapping[str, str] | None = None) -> None:
        """Sends a text stream to everybody.

        Raises:
            UnavailableError: It was not sent.
        """
        try:
            async with asyncio.timeout(_SEND_WITHIN):
                await self.room.local_participant.send_text(text, topic=topic, attributes=dict(attributes or {}))
        except (TimeoutError, ConnectionError) as error:
            raise UnavailableError(
                f"a line on {topic} was not sent: {error}", source=SOURCE, kind="not_sent", retryable=True
            ) from error

    @property
    def voice_track(self) -> str:
        """Id of the published voice track, "" without one."""
        return self._voice_publication.sid if self._voice_publication else ""

    async def aclose(self) -> None:
        """Disconnects. What the SDK reports later concerns nobody any more."""
        self._closed = True
        await self._chat.aclose()
        try:
            await asyncio.wait_for(self.room.disconnect(), _CLOSE_WITHIN)
        except TimeoutError:
            _log.warning("the connection did not close in %s s", _CLOSE_WITHIN)

    def _on_disconnected(self, reason: int) -> None:
        self.goodbye = reason
        self._on_change()

    def _until_closed(self, report: Callable[[], None]) -> Callable[[], None]:
        return lambda: None if self._closed else report()

    def _unless_bot(self, on_chat: Callable[[str, str], None]) -> Callable[[str, str], None]:
        def take(identity: str, line: str) -> None:
            author = self.room.remote_participants.get(identity)
            # Two bots that answer each other would never stop.
            if author is None or author.kind != rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
                on_chat(identity, line)

        return take
