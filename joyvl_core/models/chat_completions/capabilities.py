"""What an OpenAI-compatible server can do: asked of its endpoints, which cost it nothing."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any, TypeVar

import cv2
import httpx
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from joyvl_core.actions import DELEGATION, RESPONSE, SILENCE
from joyvl_core.clock import held
from joyvl_core.codec.tokens import P_SIDE, P_TOKENS, TOKEN_SIDE, WRAPPING
from joyvl_core.errors import BadInputError
from joyvl_core.models.chat_completions.faults import SOURCE, broken, refused, unreachable

WITHIN = 10.0
"""Seconds in which an endpoint must have answered."""
RELEASED_LEAST_PIXELS = 65_536
"""The released weights' own minimum: a smaller picture is enlarged to it, and costs 64 tokens."""
_LARGEST = 4_000_000
_LISTED = 12

_Form = TypeVar("_Form", bound=BaseModel)


class _Card(BaseModel):
    id: str = Field(max_length=500)
    max_model_len: int | None = Field(None, gt=0)


class _Models(BaseModel):
    data: list[_Card] = Field(max_length=20_000)


class _Version(BaseModel):
    model_config = ConfigDict(strict=True)

    version: str = Field(min_length=1, max_length=100)


class _Tokens(BaseModel):
    count: int = Field(ge=0)
    tokens: list[int]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server told of itself.

    Attributes:
        model: The model's name on the server.
        version: vLLM's version; None where it is another server.
        max_model_len: Most tokens of prompt and answer; None where it doesn't tell.
        silence: Id of `</silence>` where that is a single token, else None.
        response: The same of `</response>`.
        delegation: The same of `</delegation>`.
        picture_tokens: What a picture of 128x128 costs without vision start and end; None where it doesn't tell.
        least_pixels: Area to which a smaller picture is enlarged; None where it doesn't tell.
    """

    model: str
    version: str | None = None
    max_model_len: int | None = None
    silence: int | None = None
    response: int | None = None
    delegation: int | None = None
    picture_tokens: int | None = None
    least_pixels: int | None = None

    @property
    def vllm(self) -> bool:
        """Whether it is vLLM: fields of its own are understood, pictures can be named instead of sent again."""
        return self.version is not None

    @property
    def small_pictures(self) -> bool:
        """Whether a picture of 128x128 costs as little as it should."""
        return self.picture_tokens is not None and self.picture_tokens <= P_TOKENS

    def tokens_of(self, size: tuple[int, int]) -> int:
        """What a picture of `size` (width, height; sides of whole tokens) costs, vision start and end included."""
        width, height = (max(1, side) for side in size)
        least = RELEASED_LEAST_PIXELS if self.least_pixels is None else self.least_pixels
        grow = sqrt(max(1.0, least / (width * height)))
        return ceil(width * grow / TOKEN_SIDE) * ceil(height * grow / TOKEN_SIDE) + WRAPPING


async def probe(http: httpx.AsyncClient, url: str, model: str = "") -> Capabilities:
    """Asks a server's endpoints; the model itself has nothing to do.

    Args:
        http: With the key in its headers, where one is needed.
        url: The API's root, e.g. `http://127.0.0.1:8000/v1`.
        model: The model's name; "" takes the only one that is served.

    Raises:
        BadInputError: It serves no such model, or several and none was named.
        UnavailableError: It doesn't answer, refuses the key, or is no such server.
    """
    url = url.rstrip("/")
    card = _choose(_parse(_Models, await _fetch(http, f"{url}/models")), model)
    root = url.removesuffix("/v1")
    version = _told(_Version, *await _ask(http, "GET", f"{root}/version"))
    if version is None:
        return Capabilities(card.id, max_model_len=card.max_model_len)
    tokenizer = _Tokenizer(http, f"{root}/tokenize", card.id)
    small = await tokenizer.picture(P_SIDE)
    least = await tokenizer.picture(TOKEN_SIDE)
    return Capabilities(
        card.id,
        version.version,
        card.max_model_len,
        silence=await tokenizer.single(SILENCE),
        response=await tokenizer.single(RESPONSE),
        delegation=await tokenizer.single(DELEGATION),
        picture_tokens=small,
        least_pixels=None if least is None else (least * TOKEN_SIDE**2 if least > 1 else 0),
    )


class _Tokenizer:
    """vLLM's own tokenizer, behind an endpoint."""

    def __init__(self, http: httpx.AsyncClient, url: str, model: str) -> None:
        self._http, self._url, self._model = http, url, model

    async def single(self, text: str) -> int | None:
        """The text's id, where it is a single token."""
        told = await self._tokens({"prompt": text, "add_special_tokens": False})
        return told.tokens[0] if told and len(told.tokens) == 1 else None

    async def picture(self, side: int) -> int | None:
        """Tokens of a square picture without vision start and end."""
        text = {"type": "text", "text": "?"}
        without = await self._tokens({"messages": [{"role": "user", "content": [text]}]})
        having = await self._tokens({"messages": [{"role": "user", "content": [text, square(side)]}]})
        if without is None or having is None:
            return None
        tokens = having.count - without.count - WRAPPING
        return tokens if tokens > 0 else None

    async def _tokens(self, of: Mapping[str, Any]) -> _Tokens | None:
        return _told(_Tokens, *await _ask(self._http, "POST", self._url, {"model": self._model, **of}))


def square(side: int, *, name: str = "") -> dict[str, Any]:
    """A grey picture as a part of a message; `name` is its `uuid` on the server."""
    _, jpeg = cv2.imencode(".jpg", np.full((side, side, 3), 90, np.uint8))
    url = {"url": f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"}
    return {"type": "image_url", "image_url": url} | ({"uuid": name} if name else {})


def _choose(served: _Models, model: str) -> _Card:
    names = [card.id for card in served.data]
    wanted = model or (names[0] if len(names) == 1 else "")
    for card in served.data:
        if card.id == wanted:
            return card
    listed = ", ".join(name[:80] for name in names[:_LISTED]) + (" …" if len(names) > _LISTED else "")
    raise BadInputError(
        f"the server serves no model {model[:80]!r}" if model else f"the server serves {len(names)} models",
        source=SOURCE,
        kind="unknown_model",
        hint=f"Set JOYVL_MODEL_NAME to one of: {listed}." if names else "Look at the server's own log: it serves none.",
    )


async def _fetch(http: httpx.AsyncClient, url: str) -> bytes:
    """The body of an endpoint without which nothing works."""
    response, body = await _ask(http, "GET", url)
    if response.status_code == httpx.codes.NOT_FOUND:
        raise broken("there is no OpenAI-compatible API at this address; it mostly ends in /v1", kind="not_found")
    if response.status_code != httpx.codes.OK:
        raise refused(response, body, "")
    return body


async def _ask(
    http: httpx.AsyncClient, method: str, url: str, body: Mapping[str, Any] | None = None
) -> tuple[httpx.Response, bytes]:
    """Response and body of one request, both bounded. Virtual time stands still meanwhile."""
    try:
        request = http.build_request(method, url, json=body)
        with held(WITHIN):
            async with asyncio.timeout(WITHIN):
                response = await http.send(request, stream=True)
                try:
                    return response, await _bounded(response)
                finally:
                    await response.aclose()
    except TimeoutError:
        raise broken(f"no answer within {WITHIN:g} s", kind="timeout") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise BadInputError(
            "the model server's address is none", source=SOURCE, kind="address", hint="Like http://127.0.0.1:8000/v1."
        ) from None
    except httpx.TransportError as error:
        raise unreachable(url, error) from None
    except httpx.HTTPError as error:
        raise broken(type(error).__name__) from None


async def _bounded(response: httpx.Response) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in response.aiter_bytes():
        pieces.append(piece)
        size += len(piece)
        if size > _LARGEST:
            raise broken("its answer has no end")
    return b"".join(pieces)


def _parse(form: type[_Form], body: bytes) -> _Form:
    try:
        return form.model_validate_json(body)
    except ValidationError:
        raise broken("it lists no models: an OpenAI-compatible API's address mostly ends in /v1") from None


def _told(form: type[_Form], response: httpx.Response, body: bytes) -> _Form | None:
    """What an endpoint told that not every server has; None where this one has none."""
    if response.status_code != httpx.codes.OK:
        return None
    try:
        return form.model_validate_json(body)
    except ValidationError:
        return None
