"""News of a LiveKit server, checked by its signature before anything of it is believed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from joyvl_core.errors import JoyVLError

if TYPE_CHECKING:
    from web_dashboard.services.context import Context
    from web_dashboard.services.credentials import Credentials

MAX_BODY = 262_144
"""Bytes of one message."""
_MAX_KEYS = 100


class UnsignedError(JoyVLError):
    """It was not signed with a key that is known here."""


class _Room(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str = Field(default="", max_length=500)


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")
    event: str = Field(max_length=100)
    id: str = Field(default="", max_length=200)
    room: _Room = _Room()


@dataclass(frozen=True, slots=True)
class News:
    """What a server told. `credential`: whose key signed it; None for this installation's own."""

    event: str
    id: str
    room: str
    credential: int | None


class LiveKitNews:
    """Reads what LiveKit servers post."""

    def __init__(self, context: Context, credentials: Credentials) -> None:
        self._context = context
        self._credentials = credentials

    async def read(self, body: bytes, authorization: str) -> News:
        """The news.

        Raises:
            UnsignedError: No key that is known here has signed exactly this, recently.
        """
        for credential, key, secret in await self._keys():
            if _signed(body, authorization, key, secret):
                try:
                    message = _Message.model_validate_json(body)
                except ValidationError:
                    break
                return News(message.event, message.id, message.room.name, credential)
        raise UnsignedError(
            "This is not signed by a LiveKit server that is known here.",
            source="livekit_hook",
            kind="unsigned",
            hint="The server's webhook.api_key must be a key that this installation has.",
        )

    async def _keys(self) -> list[tuple[int | None, str, str]]:
        defaults = self._context.defaults
        keys: list[tuple[int | None, str, str]] = []
        if defaults.livekit_api_key and defaults.livekit_api_secret.get_secret_value():
            keys.append((None, defaults.livekit_api_key, defaults.livekit_api_secret.get_secret_value()))
        for credential in _livekit_ids(await self._credentials.known()):
            try:
                fields = await self._credentials.reveal(credential)
            except JoyVLError:
                continue  # deleted meanwhile, or of another vault
            keys.append((credential, fields["api_key"], fields["api_secret"]))
        return keys


def _livekit_ids(known: dict[int, str]) -> Iterable[int]:
    return [credential for credential, kind in known.items() if kind == "livekit"][:_MAX_KEYS]


def _signed(body: bytes, authorization: str, key: str, secret: str) -> bool:
    from livekit import api

    token = authorization.removeprefix("Bearer ").strip()
    if not token or len(token) > 4_000:
        return False
    try:
        api.WebhookReceiver(api.TokenVerifier(key, secret)).receive(body.decode(), token)
    except Exception:  # the SDK raises bare exceptions, of any kind
        return False
    return True
