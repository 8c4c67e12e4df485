"""The room that an order names."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.link import arguments
from bot.link.messages import CallTarget, LiveKitTarget, Order, StreamTarget
from bot.settings import Settings
from joyvl_core.errors import BadInputError, UnavailableError
from joyvl_core.ports import Room

if TYPE_CHECKING:
    from bot.rooms.livekit import LiveKitOptions
    from bot.rooms.webrtc import WebRtcRoom

COMES_WITHIN = 60.0
"""Seconds in which a browser must call."""


def name_of(order: Order) -> str:
    """The room's name as people see it, secrets left out."""
    match order.target:
        case LiveKitTarget(room=room):
            return room
        case StreamTarget(source=source, label=label):
            from bot.rooms.livestream.address import public_name

            return label or public_name(source)
        case CallTarget(name=name):
            return name


def make_room(
    target: LiveKitTarget | StreamTarget, session: str, settings: Settings, livekit: LiveKitOptions | None
) -> Room:
    """A room to be joined. Each kind's libraries are loaded by those who need them alone.

    Args:
        target: What it is.
        session: The session's id, which makes its identity: another process of it takes this one's place there.
        settings: Of the order.
        livekit: A way into a LiveKit room that is open already: its server and token are used.

    Raises:
        BadInputError: It can't be joined like that.
    """
    if isinstance(target, StreamTarget):
        from bot.rooms.livestream import LivestreamOptions, LivestreamRoom

        egress = None
        if settings.stream_guard:
            from integrations.egress import Egress, hosts

            egress = Egress(hosts(settings.stream_allow_hosts))
        options = LivestreamOptions(target.source, sound=False, repeat=target.repeat, label=target.label, egress=egress)
        return LivestreamRoom(options)
    from bot.rooms.livekit import LiveKitOptions, LiveKitRoom

    into = livekit or LiveKitOptions(
        url=settings.livekit_url,
        room=target.room,
        token=settings.livekit_token or None,
        api_key=settings.livekit_api_key,
        api_secret=settings.livekit_api_secret,
        identity=target.identity or f"joyvl-{session}",
    )
    return LiveKitRoom(replace(into, name=settings.name, alone_after=settings.alone_after))


class CallDesk:
    """Waits for the one browser that calls.

    Args:
        name: Of the call, as people see it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._placing = False
        self._room: asyncio.Future[WebRtcRoom] = asyncio.get_running_loop().create_future()

    async def answer(self, given: arguments.Answer) -> str:
        """Answers a browser's offer; returns the answer's SDP. After an offer that can't be used another may come.

        Raises:
            BadInputError: The offer can't be used.
            UnavailableError: Somebody has called already.
        """
        from bot.rooms.webrtc import CallConfig, Source, WebRtcRoom

        if self._placing or self._room.done():
            raise UnavailableError(
                "Somebody has called already.", source="call", kind="busy", hint="Open the link again when it is over."
            )
        try:
            sources = {mid: Source(source) for mid, source in given.sources.items()}
        except ValueError:
            raise BadInputError("The offer names a source that is not known.", source="call", kind="source") from None
        self._placing = True
        try:
            room = WebRtcRoom(CallConfig(), name=self._name)
            address = {"address": given.address} if given.address else {}
            sdp = await room.answer(given.offer, sources, **address)
        finally:
            self._placing = False
        if self._room.done():
            await room.leave()
            raise UnavailableError("Nobody waits for the call any more.", source="call", kind="over")
        self._room.set_result(room)
        return sdp

    async def comes(self, within: float = COMES_WITHIN) -> WebRtcRoom | None:
        """The call, connected as far as its answer; None where nobody calls in time."""
        try:
            async with asyncio.timeout(within):
                return await asyncio.shield(self._room)
        except TimeoutError:
            self._room.cancel()
            return None
