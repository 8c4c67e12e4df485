"""Asks a service whether a credential is right, by a call that costs nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from integrations.egress import Egress, GuardedTransport
from joyvl_core.errors import JoyVLError
from web_dashboard.services.credential_kinds import address

WITHIN = 5.0
"""Seconds for a test."""
_LONGEST = 4_000_000
_KEY_HINT = "Check the key: is it whole, of this service, and not revoked?"


async def try_out(kind: str, public: Mapping[str, str], secret: Mapping[str, str], egress: Egress) -> tuple[str, str]:
    """What a service says to a credential: a sentence, and where it was refused a hint ("" where it is good)."""
    try:
        async with asyncio.timeout(WITHIN):
            if kind == "livekit":
                return await _livekit(public, secret, egress)
            return await _http(kind, public, secret, egress)
    except TimeoutError:
        return f"No answer within {WITHIN:.0f} seconds.", "Check the address, and that the service is up."
    except JoyVLError as error:
        return str(error), error.hint or "Check the address."
    except (httpx.HTTPError, OSError) as error:
        return f"It can't be reached ({type(error).__name__}).", "Check the address, and that the service is up."


async def _http(kind: str, public: Mapping[str, str], secret: Mapping[str, str], egress: Egress) -> tuple[str, str]:
    base = address(kind, public).rstrip("/")
    key = secret.get("api_key", "")
    paths = {"anthropic": "/v1/models", "deepgram": "/v1/projects", "elevenlabs": "/v1/user"}
    headers: dict[str, dict[str, str]] = {
        "anthropic": {"x-api-key": key, "anthropic-version": "2023-06-01"},
        "deepgram": {"authorization": f"Token {key}"},
        "elevenlabs": {"xi-api-key": key},
    }
    bearer = {"authorization": f"Bearer {key}"} if key else {}
    url = egress.check(base + paths.get(kind, "/models"))
    status, content = await _get(url, headers.get(kind, bearer), egress)
    if status in (401, 403):
        return f"It refuses the key ({status}).", _KEY_HINT
    if status != 200:
        return f"It answers with status {status}.", "Check the address; where it has a /v1, give it with it."
    return _read(kind, content)


async def _get(url: httpx.URL, headers: dict[str, str], egress: Egress) -> tuple[int, bytes]:
    # Compressed answers may unfold to anything: none is asked for.
    asked = {**headers, "accept": "application/json", "accept-encoding": "identity", "user-agent": "JoyVL"}
    async with (
        httpx.AsyncClient(transport=GuardedTransport(egress), timeout=WITHIN, follow_redirects=False) as client,
        client.stream("GET", url, headers=asked) as response,
    ):
        content = bytearray()
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > _LONGEST:
                break
        return response.status_code, bytes(content)


def _read(kind: str, content: bytes) -> tuple[str, str]:
    try:
        said: Any = json.loads(content)
    except (ValueError, RecursionError):
        said = None
    listed = said.get({"deepgram": "projects"}.get(kind, "data")) if isinstance(said, dict) else None
    if kind == "elevenlabs" and isinstance(said, dict):
        return "The key is good.", ""
    if not isinstance(listed, list):
        return "Its answer is none of this kind of service.", "Check the address."
    if kind == "deepgram":
        return f"The key is good for {len(listed)} project(s).", ""
    return f"{len(listed)} model(s) are offered.", ""


async def _livekit(public: Mapping[str, str], secret: Mapping[str, str], egress: Egress) -> tuple[str, str]:
    from livekit import api

    base = public["url"].replace("wss:", "https:", 1).replace("ws:", "http:", 1).rstrip("/")
    url = egress.check(f"{base}/twirp/livekit.RoomService/ListRooms")
    grants = api.VideoGrants(room_list=True)
    token = api.AccessToken(public["api_key"], secret["api_secret"]).with_grants(grants).to_jwt()
    async with httpx.AsyncClient(transport=GuardedTransport(egress), timeout=WITHIN, follow_redirects=False) as client:
        response = await client.post(url, json={}, headers={"authorization": f"Bearer {quote(token, safe='.-_')}"})
    if response.status_code in (401, 403):
        return f"It refuses the key ({response.status_code}).", "Check key and secret."
    try:
        rooms = response.json().get("rooms", []) if response.status_code == 200 else None
    except (ValueError, AttributeError):
        rooms = None
    if not isinstance(rooms, list):
        return f"It answers with status {response.status_code}, as no LiveKit server does.", "Check the address."
    return f"It answers; {len(rooms)} room(s) are open.", ""
