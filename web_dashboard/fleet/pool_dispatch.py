"""Handing sessions out to workers, and taking them back, through a LiveKit server's API."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from bot.link.worker_messages import JobMetadata
from joyvl_core.errors import UnavailableError

if TYPE_CHECKING:
    from livekit.api import LiveKitAPI

_ANSWERS_WITHIN = 4.0
_NEVER = 30 * 86_400
"""Seconds that a room of the pool's own stays without people: longer than any session."""

_log = logging.getLogger("joyvl.fleet")


@dataclass(frozen=True, slots=True)
class Dispatched:
    """A dispatch: its id, the room it was made for, and whether that room is the pool's own, with nobody in it."""

    id: str
    room: str
    own_room: bool


class Dispatcher:
    """Makes dispatches and takes them back.

    A dispatch that no worker accepts at once is lost, and nobody tells; so is every dispatch when the server is started
    again, while its jobs go on. So what the server says of them is never asked.

    Args:
        url: The LiveKit server.
        key: Its key.
        secret: Its secret.
        agent: The name that the workers listen to.
    """

    def __init__(self, url: str, key: str, secret: SecretStr, agent: str) -> None:
        self._url, self._key, self._secret = url, key, secret
        self._agent = agent
        self._api: LiveKitAPI | None = None

    async def dispatch(self, metadata: JobMetadata, room: str, *, own_room: bool) -> Dispatched:
        """Hands a session out to a worker that the server chooses.

        Raises:
            UnavailableError: The server can't be asked.
        """
        from livekit import api

        server = self._server()
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN):
                if own_room:
                    await server.room.create_room(
                        api.CreateRoomRequest(name=room, empty_timeout=_NEVER, departure_timeout=_NEVER)
                    )
                made = await server.agent_dispatch.create_dispatch(
                    api.CreateAgentDispatchRequest(
                        agent_name=self._agent, room=room, metadata=metadata.model_dump_json(exclude_defaults=True)
                    )
                )
        except Exception as error:  # the SDK raises its client's errors, and its own
            raise UnavailableError(
                f"The LiveKit server does not hand sessions out: {_words(error)}.",
                source="fleet.pool",
                kind="unreachable",
                hint="Look at LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET, and whether the server runs.",
                retryable=True,
            ) from None  # the original may hold the token
        return Dispatched(made.id, room, own_room)

    async def withdraw(self, dispatched: Dispatched, *, identity: str = "") -> None:
        """Takes a dispatch back: its job leaves. `identity`: who is removed from the room, too, whatever is left of it.

        What is not there is no error, and neither is a server that does not answer: its rooms are gone with it.
        """
        from livekit import api

        server = self._server()
        asked: list[Any] = [server.agent_dispatch.delete_dispatch(dispatched.id, dispatched.room)]
        if dispatched.own_room:
            asked.append(server.room.delete_room(api.DeleteRoomRequest(room=dispatched.room)))
        elif identity:
            who = api.RoomParticipantIdentity(room=dispatched.room, identity=identity)
            asked.append(server.room.remove_participant(who))
        answers = [asyncio.wait_for(each, _ANSWERS_WITHIN) for each in asked]
        for outcome in await asyncio.gather(*answers, return_exceptions=True):
            if isinstance(outcome, BaseException):
                _log.debug("withdrawing from %s: %s", dispatched.room, _words(outcome))

    async def aclose(self) -> None:
        """Closes its connections."""
        server, self._api = self._api, None
        if server is not None:
            await server.aclose()

    def _server(self) -> LiveKitAPI:
        if self._api is None:
            from livekit import api

            self._api = api.LiveKitAPI(self._url, self._key, self._secret.get_secret_value())
        return self._api


def _words(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
