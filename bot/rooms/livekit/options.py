"""Where to join, and as whom."""

from __future__ import annotations

import datetime
import secrets
import warnings
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from livekit import api, rtc
from pydantic import SecretStr

from joyvl_core.errors import BadInputError

SOURCE = "room.livekit"
"""What this room's errors name as their source."""

_TOKEN_LIFE = datetime.timedelta(hours=1)  # a connected participant's token is renewed by the server


@dataclass(frozen=True, slots=True)
class LiveKitOptions:
    """One participant in one room.

    Attributes:
        url: The server, `ws://`, `wss://`, `http://` or `https://`.
        room: Name of the room; only shown when `token` names it already.
        token: A ready access token; without one, `api_key` and `api_secret` make it.
        identity: Unique in the room: a second participant with it would push the first one out.
        name: What people see. It says that this is an AI.
        alone_after: Seconds without any person in the room until the bot leaves; None never.
        join_within: Seconds the first connection may take.
        reconnect_within: Seconds a lost connection may take to come back.
        ice_servers: URLs of STUN or TURN servers, instead of those the server names.

    Raises:
        BadInputError: The address is no LiveKit address, or there is no way to get a token.
    """

    url: str
    room: str
    token: SecretStr | None = None
    api_key: str = ""
    api_secret: SecretStr | None = None
    identity: str = field(default_factory=lambda: f"joyvl-{secrets.token_hex(3)}")
    name: str = "JoyVL (AI)"
    alone_after: float | None = 60.0
    join_within: float = 10.0
    reconnect_within: float = 15.0
    ice_servers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _is_address(self.url):
            raise BadInputError(
                f"not a LiveKit address: {self.url!r}",
                source=SOURCE,
                kind="bad_url",
                hint="Give the server's address as wss://host or ws://host:port (LIVEKIT_URL).",
            )
        if not self.token and not (self.api_key and self.api_secret):
            raise BadInputError(
                "neither a token nor a key and secret",
                source=SOURCE,
                kind="no_credentials",
                hint="Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET, or LIVEKIT_TOKEN.",
            )

    def join_token(self) -> str:
        """An access token that allows no more than the bot does."""
        if self.token:
            return self.token.get_secret_value()
        if self.api_secret is None:  # __post_init__ has seen to it
            raise AssertionError
        grants = api.VideoGrants(
            room_join=True,
            room=self.room,
            can_publish_sources=["microphone"],
            can_publish_data=True,
            can_subscribe=True,
            can_update_own_metadata=True,  # attributes are metadata
        )
        token = (
            api.AccessToken(self.api_key, self.api_secret.get_secret_value())
            .with_identity(self.identity)
            .with_name(self.name)
            .with_kind("agent")
            .with_ttl(_TOKEN_LIFE)
            .with_grants(grants)
        )
        with warnings.catch_warnings():
            # `livekit-server --dev` has a short secret; its length is the server's business, not the joining person's.
            warnings.filterwarnings("ignore", message="The HMAC key is")
            return token.to_jwt()

    def rtc_options(self, within: float) -> rtc.RoomOptions:
        """How the SDK is to connect; it tries four times, so that each try gets a quarter of the time."""
        servers = [rtc.IceServer(urls=[url]) for url in self.ice_servers]
        return rtc.RoomOptions(connect_timeout=within / 4, rtc_config=rtc.RtcConfiguration(ice_servers=servers))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"ws", "wss", "http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
